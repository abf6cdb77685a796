import { describe, expect, it } from 'vitest';
import { listVictims, type RoomRequest } from '../../src/loading/list-victims.ts';
import type { EvictChoice, LoadSettings } from '../../src/loading/load-settings.ts';
import type { HeldModel } from '../../src/models/held-model.ts';
import { type AdmissionRule, judgeRules } from '../../src/policy/admission-rules.ts';
import { makeHeldModel } from '../support/make-held-model.ts';

const NOW_MS = 100_000;
const IDLE = { evict: 'idle', minResidencyMs: 30_000 } as const;

/** A load that lacks so many bytes. */
function ask(missingBytes: number, more: Partial<RoomRequest> = {}): RoomRequest {
  const situation = { totalBytes: 1e9, availableBytes: 1e9, headroomBytes: 0, promisedAnonymousBytes: 0 };
  const need = { mappedBytes: 0, anonymousBytes: missingBytes, basis: 'given' } as const;
  const rules = judgeRules(need, situation, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
  return {
    model: 'new',
    nowMs: NOW_MS,
    totalBytes: 16 * 2 ** 30,
    sparesYoung: false,
    rules,
    shortfallBytes: missingBytes,
    ...more,
  };
}

interface Life {
  readonly bytes: number;
  readonly loadMs?: number;
  readonly loadedMs?: number;
  readonly usesMs?: readonly number[];
}

/** A model that was loaded and used at these times. */
function hold(name: string, { bytes, loadMs = 1000, loadedMs = 1000, usesMs = [loadedMs] }: Life): HeldModel {
  const { facts } = makeHeldModel();
  const need = { mappedBytes: 0, anonymousBytes: bytes, basis: 'given' } as const;
  const held = makeHeldModel({ name, loadMs, loadedMs, reservation: { ...facts.reservation, need } });
  for (const atMs of usesMs) held.uses.note(atMs);
  return held;
}

const list = (
  idle: readonly HeldModel[],
  request: RoomRequest,
  settings: Pick<LoadSettings, 'evict' | 'minResidencyMs'> = IDLE,
) => listVictims(settings, idle, request).map(({ held }) => held.facts.name);

describe('the models that go to make room', () => {
  const three = [hold('a', { bytes: 3 }), hold('b', { bytes: 2 }), hold('c', { bytes: 1 })];

  it('are none if models stay, or if none is idle', () => {
    expect(list(three, ask(1), { ...IDLE, evict: 'never' })).toEqual([]);
    expect(list([], ask(1))).toEqual([]);
  });

  it('are enough, and none if all of them are not', () => {
    expect(list(three, ask(6))).toEqual(['a', 'b', 'c']);
    expect(list(three, ask(7))).toEqual([]);
  });

  it('are those that were used least of what they would take to load again', () => {
    const hot = hold('hot', { bytes: 5, usesMs: [80_000, 90_000, 99_000] });
    const slow = hold('slow', { bytes: 5, loadMs: 60_000, usesMs: [60_000] });
    const cold = hold('cold', { bytes: 5 });
    expect(list([hot, slow, cold], ask(5))).toEqual(['cold']);
    expect(list([hot, slow], ask(5))).toEqual(['hot']);
    expect(list([hot, cold, slow], ask(10))).toEqual(['hot', 'cold']);
  });

  it('are compared by their bytes if their loads were too short to be measured', () => {
    const [large, small] = [hold('large', { bytes: 50, loadMs: 0 }), hold('small', { bytes: 5, loadMs: 0 })];
    expect(list([large, small], ask(5))).toEqual(['small']);
    // By what the load of another one has shown, 2 bytes in a millisecond, the large one takes 25 ms.
    const timed = hold('timed', { bytes: 60, loadMs: 30 });
    expect(list([large, timed], ask(5))).toEqual(['large']);
    expect(list([large, hold('quick', { bytes: 60, loadMs: 1 })], ask(5))).toEqual(['large']);
  });

  it('are young only if all others are not enough', () => {
    const young = hold('young', { bytes: 9, loadedMs: NOW_MS - 29_999, usesMs: [1000] });
    const costly = hold('costly', { bytes: 5, loadMs: 60_000, usesMs: [90_000, 99_000] });
    expect(list([young, costly], ask(5))).toEqual(['costly']);
    expect(list([young, costly], ask(6))).toEqual(['young']);
    expect(list([young, costly], ask(6, { sparesYoung: true }))).toEqual([]);
    expect(list([young, costly], ask(5), { ...IDLE, minResidencyMs: 0 })).toEqual(['young']);
  });

  it('are told with the reason', () => {
    const young = hold('young', { bytes: 9, loadMs: 700, loadedMs: NOW_MS - 5000 });
    const [victim] = listVictims(IDLE, [young], ask(6));
    expect(victim?.choice).toEqual({ madeRoomFor: 'new', idleMs: 5000, reloadMs: 700, young: true });
  });

  it('free anonymous memory if that is what is missing', () => {
    const { facts } = makeHeldModel();
    const need = { mappedBytes: 100, anonymousBytes: 1, basis: 'given' } as const;
    const mapped = makeHeldModel({ name: 'mapped', reservation: { ...facts.reservation, need } });
    const rule: AdmissionRule = 'free-ratio-after-load';
    const rules = [{ rule, requiredBytes: 5, foundBytes: 0, passed: false }];
    expect(list([mapped, three[0]!, three[1]!], ask(5, { rules }))).toEqual(['a', 'b']);
    expect(list([mapped], ask(5, { rules }))).toEqual([]);
  });
});

describe('the models that the user’s own function gives', () => {
  const idle = [hold('first', { bytes: 1 }), hold('second', { bytes: 2, loadedMs: NOW_MS })];

  it('are of those that are shown, young ones too, and nothing else that is returned', () => {
    const asked: unknown[] = [];
    const evict: EvictChoice = (shown, missingBytes) => {
      asked.push(
        shown.map(({ name }) => name),
        missingBytes,
      );
      return [shown[1]!, { ...shown[0]! }];
    };
    expect(list(idle, ask(7, { sparesYoung: true }), { ...IDLE, evict })).toEqual(['second']);
    expect(asked).toEqual([['first', 'second'], 7]);
  });

  it.each([[undefined], [null], ['first'], [Promise.resolve([])]])('are no list: %s', (given) => {
    const evict = (() => given) as unknown as EvictChoice;
    expect(() => list(idle, ask(7), { ...IDLE, evict })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining('`evict`') }),
    );
  });
});
