import { describe, expect, it } from 'vitest';
import { LoadQueue } from '../../src/loading/load-queue.ts';
import { settled } from '../support/fake-sdk.ts';

/** Enters and notes it in `order`; resolves with the way out. */
async function entering(queue: LoadQueue, name: string, order: string[], signal?: AbortSignal) {
  const leave = await queue.enter(signal);
  order.push(name);
  return leave;
}

describe('a queue', () => {
  it('lets in first who came first', async () => {
    const [queue, order] = [new LoadQueue(1), [] as string[]];
    const entered = ['a', 'b', 'c', 'd'].map((name) => entering(queue, name, order));
    for (const each of entered) (await each)();
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each([1, 2, 3])('lets in no more than %d at a time', async (places) => {
    const queue = new LoadQueue(places);
    let inside = 0;
    let most = 0;
    const visit = async () => {
      const leave = await queue.enter();
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
    const [queue, order] = [new LoadQueue(1), [] as string[]];
    const first = await entering(queue, 'first', order);
    const waiting = entering(queue, 'waiting', order);
    first();
    const late = entering(queue, 'late', order);
    (await waiting)();
    (await late)();
    expect(order).toEqual(['first', 'waiting', 'late']);
  });

  it('counts one who leaves twice once', async () => {
    const [queue, order] = [new LoadQueue(1), [] as string[]];
    const first = await entering(queue, 'first', order);
    const second = entering(queue, 'second', order);
    const third = entering(queue, 'third', order);
    first();
    first();
    await settled();
    expect(order).toEqual(['first', 'second']);
    (await second)();
    (await third)();
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('has a free place again after everybody left', async () => {
    const queue = new LoadQueue(1);
    (await queue.enter())();
    (await queue.enter())();
    expect(await queue.enter()).toBeTypeOf('function');
  });
});

describe('one who gives up waiting', () => {
  it('rejects with the reason and leaves no trace', async () => {
    const [queue, order] = [new LoadQueue(1), [] as string[]];
    const first = await entering(queue, 'first', order);
    const controller = new AbortController();
    const second = entering(queue, 'second', order, controller.signal);
    const third = entering(queue, 'third', order);
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    first();
    (await third)();
    (await entering(queue, 'fourth', order))();
    expect(order).toEqual(['first', 'third', 'fourth']);
  });

  it('before coming takes no place', async () => {
    const queue = new LoadQueue(1);
    await expect(queue.enter(AbortSignal.abort('gone'))).rejects.toBe('gone');
    expect(await queue.enter()).toBeTypeOf('function');
  });

  it('after being let in still holds the place', async () => {
    const [queue, order] = [new LoadQueue(1), [] as string[]];
    const controller = new AbortController();
    const first = await entering(queue, 'first', order);
    const second = entering(queue, 'second', order, controller.signal);
    first();
    controller.abort(); // its turn has come already
    const leaveSecond = await second;
    const third = entering(queue, 'third', order);
    await settled();
    expect(order).toEqual(['first', 'second']);
    leaveSecond();
    (await third)();
  });

  it('leaves no listener on a signal that outlives the wait', async () => {
    const queue = new LoadQueue(1);
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
    const first = await queue.enter(signal);
    const second = queue.enter(signal);
    await settled();
    expect(listeners).toBe(1);
    first();
    (await second)();
    expect(listeners).toBe(0);
  });
});

it('refuses everybody who waits when it is closed, and lets those inside go on', async () => {
  const queue = new LoadQueue(1);
  const leave = await queue.enter();
  const { signal } = new AbortController();
  const waiting = [queue.enter(signal), queue.enter()];
  const reason = new Error('closed');
  queue.close(reason);
  for (const each of waiting) await expect(each).rejects.toBe(reason);
  leave();
  await expect(queue.enter()).resolves.toBeTypeOf('function');
});
