import { describe, expect, it } from 'vitest';
import { keepRoom, offerRoom } from '../../src/loading/first-context.ts';
import { makeHeldModel } from '../support/make-held-model.ts';
import { ManualClock } from '../support/manual-clock.ts';

function keep(roomBytes: number | undefined) {
  const clock = new ManualClock();
  const ended: unknown[] = [];
  const parts = { clock, gate: { endRoom: (reservation: unknown) => void ended.push(reservation) } };
  const held = makeHeldModel();
  keepRoom(held, roomBytes, parts);
  return { clock, ended, held, parts };
}

describe('room for a first context', () => {
  it('is kept for 30 s at the most', () => {
    const { clock, ended, held } = keep(5);
    clock.advance(29_999);
    expect([held.roomBytes, ended]).toEqual([5, []]);
    clock.advance(1);
    expect([held.roomBytes, ended]).toEqual([0, [held.facts.reservation]]);
  });

  it('goes to the context that asks first, which has it for as long as it waits', () => {
    const { ended, held, parts } = keep(5);
    const [first, second] = [offerRoom(held, parts), offerRoom(held, parts)];
    expect([first(), held.roomBytes, ended.length]).toEqual([true, 0, 1]);
    expect([second(), first()]).toEqual([false, true]);
  });

  it('is none for a model that was loaded without', () => {
    const { clock, ended, held, parts } = keep(undefined);
    clock.advance(60_000);
    expect([ended, offerRoom(held, parts)()]).toEqual([[], false]);
  });
});
