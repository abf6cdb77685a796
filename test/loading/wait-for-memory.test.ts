import { describe, expect, it, vi } from 'vitest';
import { Deadline, Sleepers } from '../../src/loading/wait-for-memory.ts';
import { settled } from '../support/fake-sdk.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('a sleeping load', () => {
  it('is woken by what may have freed memory, in the order in which the loads fell asleep', async () => {
    const [clock, order] = [new ManualClock(), [] as number[]];
    const sleepers = new Sleepers(clock);
    const { signal } = new AbortController();
    for (const each of [1, 2, 3]) void sleepers.sleep(signal).then(() => order.push(each));
    sleepers.wake();
    await settled();
    expect(order).toEqual([1, 2, 3]);
    expect(clock.pending).toBe(0);
  });

  it('looks again by itself, since other processes tell nobody', async () => {
    const clock = new ManualClock();
    const woken = vi.fn();
    void new Sleepers(clock).sleep(new AbortController().signal).then(woken);
    clock.advance(9);
    await settled();
    expect(woken).not.toHaveBeenCalled();
    clock.advance(1);
    await settled();
    expect(woken).toHaveBeenCalledOnce();
  });

  it('ends with the reason of its signal, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const sleeping = new Sleepers(clock).sleep(controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
    await expect(new Sleepers(clock).sleep(controller.signal)).rejects.toThrow('enough');
  });
});

describe('a deadline', () => {
  const late = () => new Error('late');

  it('aborts when its time is over, and not before', () => {
    const clock = new ManualClock();
    const deadline = new Deadline(clock, 100, undefined, late);
    clock.advance(99);
    expect(deadline.signal.aborted).toBe(false);
    expect(deadline.waitedMs).toBe(99);
    clock.advance(1);
    expect(deadline.signal.reason).toEqual(new Error('late'));
  });

  it.each([true, false])('passes on the given signal, also one that was aborted before (%s)', (before) => {
    const controller = new AbortController();
    if (before) controller.abort(new Error('mine'));
    const deadline = new Deadline(new ManualClock(), 100, controller.signal, late);
    if (!before) controller.abort(new Error('mine'));
    expect(deadline.signal.reason).toEqual(new Error('mine'));
  });

  it('leaves no timer and no listener behind once it has ended', () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, 'removeEventListener');
    const deadline = new Deadline(clock, 100, controller.signal, late);
    deadline.end();
    expect(clock.pending).toBe(0);
    expect(removed).toHaveBeenCalledOnce();
    controller.abort();
    expect(deadline.signal.aborted).toBe(false);
  });
});
