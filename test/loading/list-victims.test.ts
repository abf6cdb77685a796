import { describe, expect, it } from 'vitest';
import { listVictims } from '../../src/loading/list-victims.ts';
import type { LoadSettings } from '../../src/loading/load-settings.ts';
import { makeHeldModel } from '../support/make-held-model.ts';

const idle = [makeHeldModel({ name: 'first' }), makeHeldModel({ name: 'second' })];
const needOf = (index: number) => {
  const { mappedBytes, anonymousBytes } = idle[index]!.facts.reservation.need;
  return mappedBytes + anonymousBytes;
};

describe('the models that go to make room', () => {
  it('are none if models stay, or if none is idle', () => {
    expect(listVictims('never', idle, 1)).toEqual([]);
    expect(listVictims('idle', [], 1)).toEqual([]);
  });

  it('are as few as are enough, and none if all of them are not', () => {
    expect(listVictims('idle', idle, needOf(0))).toHaveLength(1);
    expect(listVictims('idle', idle, needOf(0) + needOf(1))).toHaveLength(2);
    expect(listVictims('idle', idle, needOf(0) + needOf(1) + 1)).toEqual([]);
  });

  it('are those that the user chooses of what is shown, and nothing else that is returned', () => {
    const asked: unknown[] = [];
    const chosen = listVictims(
      (shown, missingBytes) => {
        asked.push(
          shown.map(({ name }) => name),
          missingBytes,
        );
        return [shown[1]!, { ...shown[0]! }];
      },
      idle,
      7,
    );
    expect(asked).toEqual([['first', 'second'], 7]);
    expect(chosen).toEqual([idle[1]]);
  });

  it.each([[undefined], [null], ['first'], [Promise.resolve([])]])('are no list: %s', (given) => {
    const evict = (() => given) as unknown as LoadSettings['evict'];
    expect(() => listVictims(evict, idle, 7)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining('`evict`') }),
    );
  });
});
