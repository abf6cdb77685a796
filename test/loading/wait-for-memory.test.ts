import { describe, expect, it, vi } from 'vitest';
import { Deadline, Sleepers } from '../../src/loading/wait-for-memory.ts';
import { settled } from '../support/fake-sdk.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('sleeping loads', () => {
  /** Loads that note when they are woken, and fall asleep again at once. */
  function sleeping(...names: string[]) {
    const clock = new ManualClock();
    const line = new Set(names);
    const sleepers = new Sleepers<string>(clock, () => [...line][0]);
    const controller = new AbortController();
    const looks: [string, number][] = [];
    const sleep = (name: string): void => {
      const again = () => {
        looks.push([name, clock.nowMs()]);
        sleep(name);
      };
      sleepers.sleep(name, controller.signal).then(again, () => {});
    };
    const looksOf = (name: string) => looks.flatMap(([who, atMs]) => (who === name ? [atMs] : []));
    return { clock, line, sleepers, controller, looks, looksOf, sleep };
  }

  it('have their first look often at first, then less and less', async () => {
    const { clock, looksOf, sleep } = sleeping('a');
    sleep('a');
    await clock.advanceAsync(500);
    expect(looksOf('a')).toEqual([10, 30, 70, 150, 250, 350, 450]);
  });

  it('have the others take turns, one at a time and seldom', async () => {
    const { clock, looks, looksOf, sleep } = sleeping('a', 'b', 'c');
    for (const name of ['a', 'b', 'c']) sleep(name);
    await clock.advanceAsync(1000);
    expect(looksOf('b').length + looksOf('c').length).toBeLessThanOrEqual(10);
    expect(looksOf('b').length).toBeGreaterThan(2);
    expect(Math.abs(looksOf('b').length - looksOf('c').length)).toBeLessThanOrEqual(1);
    expect(looks.length).toBeLessThan(25);
  });

  it('have the first look at once if memory may have returned, then often again', async () => {
    const { clock, looks, looksOf, sleep, sleepers } = sleeping('a', 'b');
    for (const name of ['a', 'b']) sleep(name);
    await clock.advanceAsync(1000);
    const atMs = clock.nowMs();
    looks.length = 0;
    sleepers.wake();
    await settled();
    expect(looksOf('a')).toEqual([atMs]);
    await clock.advanceAsync(40);
    expect(looksOf('a')).toEqual([atMs, atMs + 10, atMs + 30]);
  });

  it('have the first look often while memory moves', async () => {
    const { clock, looks, looksOf, sleep, sleepers } = sleeping('a');
    sleep('a');
    await clock.advanceAsync(1000);
    looks.length = 0;
    const atMs = clock.nowMs();
    sleepers.hurry();
    await clock.advanceAsync(40);
    expect(looksOf('a')).toEqual([atMs + 10, atMs + 30]);
  });

  it('go on as long as one of them is there, whoever is awake', async () => {
    const { clock, looksOf, sleep } = sleeping('a', 'b');
    sleep('b'); // the first is looking
    await clock.advanceAsync(300);
    expect(looksOf('b').length).toBeGreaterThan(1);
  });

  it('all take turns if none of them is first', async () => {
    const { clock, line, looks, sleep } = sleeping('a', 'b', 'c');
    line.clear();
    for (const name of ['a', 'b', 'c']) sleep(name);
    await clock.advanceAsync(500);
    expect(looks.map(([name]) => name)).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a']);
  });

  it('end with the reason of their signal, and leave no timer behind', async () => {
    const { clock, controller, sleepers } = sleeping('a');
    const asleep = ['a', 'b'].map((name) => sleepers.sleep(name, controller.signal));
    expect(clock.pending).toBe(1);
    controller.abort(new Error('enough'));
    for (const each of asleep) await expect(each).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
    await expect(sleepers.sleep('a', controller.signal)).rejects.toThrow('enough');
    sleepers.wake();
    sleepers.hurry();
    expect(clock.pending).toBe(0);
  });
});

describe('a deadline', () => {
  const late = () => new Error('late');

  it('aborts when its time is over, and not before', () => {
    const clock = new ManualClock();
    const deadline = new Deadline(clock, 100, undefined, late);
    clock.advance(99);
    expect(deadline.signal.aborted).toBe(false);
    expect([deadline.waitedMs, deadline.leftMs]).toEqual([99, 1]);
    clock.advance(1);
    expect(deadline.signal.reason).toEqual(new Error('late'));
  });

  it('without a time limit never ends by itself', () => {
    const clock = new ManualClock();
    expect(new Deadline(clock, undefined, undefined, late).leftMs).toBe(Number.POSITIVE_INFINITY);
    expect(clock.pending).toBe(0);
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
