import { describe, expect, it } from 'vitest';
import { LOAD_PATIENCE_MS, LoadQueue } from '../../src/loading/load-queue.ts';
import { deferred, settled } from '../support/fake-sdk.ts';
import { ManualClock } from '../support/manual-clock.ts';

const { signal: NEVER } = new AbortController();

function makeQueue(places = 1) {
  const clock = new ManualClock();
  const queue = new LoadQueue(places, clock);
  const order: string[] = [];
  /** Enters and notes it; resolves with the way out. */
  const enter = async (name: string, { signal = NEVER, first = false } = {}) => {
    const place = await queue.enter(signal, first);
    order.push(name);
    return () => place.leave();
  };
  return { queue, clock, order, enter };
}

describe('a queue', () => {
  it('lets in first who came first', async () => {
    const { enter, order } = makeQueue();
    const entered = ['a', 'b', 'c', 'd'].map((name) => enter(name));
    for (const each of entered) (await each)();
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets in before all who wait who is first by right', async () => {
    const { enter, order } = makeQueue();
    const entered = [enter('a'), enter('b'), enter('c', { first: true })];
    for (const index of [0, 2, 1]) (await entered[index]!)();
    expect(order).toEqual(['a', 'c', 'b']);
  });

  it.each([1, 2, 3])('lets in no more than %d at a time', async (places) => {
    const { enter } = makeQueue(places);
    let inside = 0;
    let most = 0;
    const visit = async () => {
      const leave = await enter('');
      inside += 1;
      most = Math.max(most, inside);
      await settled();
      inside -= 1;
      leave();
    };
    await Promise.all(Array.from({ length: 10 }, visit));
    expect(most).toBe(places);
  });

  it('gives a place straight to the next in line, past one who comes at that moment', async () => {
    const { enter, order } = makeQueue();
    const first = await enter('first');
    const waiting = enter('waiting');
    first();
    const late = enter('late');
    (await waiting)();
    (await late)();
    expect(order).toEqual(['first', 'waiting', 'late']);
  });

  it('counts one who leaves twice once', async () => {
    const { enter, order } = makeQueue();
    const first = await enter('first');
    const second = enter('second');
    const third = enter('third');
    first();
    first();
    await settled();
    expect(order).toEqual(['first', 'second']);
    (await second)();
    (await third)();
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('has a free place again after everybody left', async () => {
    const { enter } = makeQueue();
    (await enter('a'))();
    (await enter('b'))();
    expect(await enter('c')).toBeTypeOf('function');
  });
});

describe('one who gives up waiting', () => {
  it('rejects with the reason and leaves no trace', async () => {
    const { enter, order } = makeQueue();
    const first = await enter('first');
    const controller = new AbortController();
    const second = enter('second', controller);
    const third = enter('third');
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    first();
    (await third)();
    (await enter('fourth'))();
    expect(order).toEqual(['first', 'third', 'fourth']);
  });

  it('before coming takes no place', async () => {
    const { enter } = makeQueue();
    await expect(enter('gone', { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
    expect(await enter('next')).toBeTypeOf('function');
  });

  it('after being let in still holds the place', async () => {
    const { enter, order } = makeQueue();
    const controller = new AbortController();
    const first = await enter('first');
    const second = enter('second', controller);
    first();
    controller.abort(); // its turn has come already
    const leaveSecond = await second;
    const third = enter('third');
    await settled();
    expect(order).toEqual(['first', 'second']);
    leaveSecond();
    (await third)();
  });

  it('leaves no listener on a signal that outlives the wait', async () => {
    const { enter } = makeQueue();
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    const first = await enter('first', { signal });
    const second = enter('second', { signal });
    await settled();
    expect(listeners).toBe(1);
    first();
    (await second)();
    expect(listeners).toBe(0);
  });
});

describe('the work of a load', () => {
  it('gives its place back when it is done, and leaves no timer', async () => {
    const { queue, clock, enter, order } = makeQueue();
    const place = await queue.enter(NEVER);
    const second = enter('second');
    await expect(place.run(async () => 'done')).resolves.toBe('done');
    await second;
    expect(order).toEqual(['second']);
    expect(clock.pending).toBe(0);
  });

  it('gives its place back if it fails', async () => {
    const { queue, clock, enter } = makeQueue();
    const place = await queue.enter(NEVER);
    const second = enter('second');
    await expect(place.run(() => Promise.reject(new Error('cannot')))).rejects.toThrow('cannot');
    expect(await second).toBeTypeOf('function');
    expect(clock.pending).toBe(0);
  });

  it('that is never done holds up the next one for a bounded time', async () => {
    const { queue, clock, enter, order } = makeQueue();
    const place = await queue.enter(NEVER);
    void place.run(() => new Promise(() => {}));
    const second = enter('second');
    clock.advance(LOAD_PATIENCE_MS - 1);
    await settled();
    expect(order).toEqual([]);
    clock.advance(1);
    await second;
    expect(order).toEqual(['second']);
  });

  it('counts once if it takes long and is done all the same', async () => {
    const { queue, clock, enter, order } = makeQueue();
    const place = await queue.enter(NEVER);
    const loaded = deferred();
    const work = place.run(() => loaded.promise);
    const entered = [enter('second'), enter('third')];
    clock.advance(LOAD_PATIENCE_MS);
    loaded.resolve();
    await work;
    await settled();
    expect(order).toEqual(['second']);
    for (const each of entered) (await each)();
    expect(order).toEqual(['second', 'third']);
  });
});

describe('a load within a load', () => {
  it('needs no place of its own, however deep it is', async () => {
    const { queue, order } = makeQueue();
    const load = async (depth: number): Promise<void> => {
      const place = await queue.enter(NEVER);
      await place.run(async () => {
        await settled();
        if (depth > 0) await load(depth - 1);
        order.push(String(depth));
      });
    };
    await load(2);
    expect(order).toEqual(['0', '1', '2']);
  });

  it('keeps its outer place while it runs, and others wait for that', async () => {
    const { queue, enter, order } = makeQueue();
    const outer = await queue.enter(NEVER);
    const loaded = deferred();
    const work = outer.run(async () => {
      const inner = await queue.enter(NEVER);
      await inner.run(async () => order.push('inner'));
      inner.leave();
      await loaded.promise;
    });
    const other = enter('other');
    await settled();
    expect(order).toEqual(['inner']);
    loaded.resolve();
    await work;
    await other;
    expect(order).toEqual(['inner', 'other']);
  });

  it('is one of its own if the outer one is done: what it began may load later', async () => {
    const { queue, enter, order } = makeQueue();
    const later = deferred();
    let begun: Promise<unknown> | undefined;
    const outer = await queue.enter(NEVER);
    await outer.run(async () => {
      begun = later.promise.then(() => enter('later'));
    });
    const leave = await enter('next');
    later.resolve();
    await settled();
    expect(order).toEqual(['next']);
    leave();
    await begun;
    expect(order).toEqual(['next', 'later']);
  });
});
