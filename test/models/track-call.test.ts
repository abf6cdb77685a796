import { describe, expect, it } from 'vitest';
import { trackCall } from '../../src/models/track-call.ts';
import { collectUntil, deferred, settled } from '../support/fake-sdk.ts';

/** Makes a watch that notes what it is told, in order. */
function makeWatch() {
  const told: string[] = [];
  return {
    told,
    watch: { begin: () => void told.push('begin'), end: (completed: boolean) => void told.push(`end ${completed}`) },
  };
}

/** Follows a result, and keeps its type. */
function follow<T>(result: T) {
  const { told, watch } = makeWatch();
  return { told, followed: trackCall(result, watch) as T };
}

/** What a stream leads to, as a property of it would. */
const leads = new WeakMap<object, unknown>();

const COMPLETED = ['begin', 'end true'];
const GIVEN_UP = ['begin', 'end false'];

async function read<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const pieces: T[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

async function* pieces(fails?: Error) {
  yield 1;
  if (fails) throw fails;
  yield 2;
  return 'done';
}

/** Makes an iterator as it may be written by hand, without promises and without `return`. */
function plainSteps(count: number) {
  let step = 0;
  return { next: () => (step++ < count ? { value: step, done: false } : { value: undefined, done: true }) };
}

function iterable(makeIterator: () => object): AsyncIterable<number> {
  return { [Symbol.asyncIterator]: () => makeIterator() as AsyncIterator<number> };
}

describe('a call that returns a value', () => {
  it.each([1, 'text', null, undefined, true, { a: 1 }, [1], Object.fromEntries([['then', 'no function']])])(
    '%# is not followed',
    (value) => {
      const { told, followed } = follow(value);
      expect(followed).toBe(value);
      expect(told).toEqual([]);
    },
  );
});

it('a call that returns a proxy which was revoked is not followed', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const { told, watch } = makeWatch();
  expect(Object.is(trackCall(proxy, watch), proxy)).toBe(true);
  expect(told).toEqual([]);
});

describe('a call that returns a promise', () => {
  it('runs until it is fulfilled', async () => {
    const { promise, resolve } = deferred<string>();
    const { told, followed } = follow(promise);
    expect(told).toEqual(['begin']);
    resolve('text');
    expect(await followed).toBe('text');
    expect(told).toEqual(COMPLETED);
  });

  it('has failed if it is rejected, with the identical error', async () => {
    const error = new Error('mine');
    const { told, followed } = follow(Promise.reject(error));
    await expect(followed).rejects.toBe(error);
    expect(told).toEqual(GIVEN_UP);
  });

  it('of a stream begins again when that is read', async () => {
    const { told, followed } = follow(Promise.resolve(pieces()));
    const stream = await followed;
    expect(told).toEqual(GIVEN_UP); // making it is no completed inference
    expect(await read(stream)).toEqual([1, 2]);
    expect(told).toEqual([...GIVEN_UP, ...COMPLETED]);
  });
});

describe('a call that returns a promise beside a way to stop it', () => {
  it('runs until the promise settles, and what else the result has stays as it is', async () => {
    const work = deferred<string>();
    const { followed: given, told } = follow({ promise: work.promise, stop: async () => {}, job: 7 });
    expect([told, given.job]).toEqual([['begin'], 7]);
    work.resolve('done');
    expect(await given.promise).toBe('done');
    expect(told).toEqual(COMPLETED);
  });

  it('ends once when it is stopped, since such a promise may stay open for ever', async () => {
    const work = deferred<string>();
    const { followed: given, told } = follow({ promise: work.promise, stop: () => 'stopping' });
    expect(given.stop()).toBe('stopping');
    expect(told).toEqual(GIVEN_UP);
    work.reject(new Error('stopped'));
    await expect(given.promise).rejects.toThrow('stopped');
    expect(told).toEqual(GIVEN_UP);
  });

  it('is none if the promise is no promise, or stands behind a getter', () => {
    expect(follow({ promise: 'mine' }).told).not.toContain('begin');
    const getter = Object.defineProperty({}, 'promise', { get: () => Promise.resolve() });
    expect(follow(getter).told).not.toContain('begin');
  });
});

describe('a call that returns a thenable', () => {
  it('runs until that is settled, and gives the thenable itself', async () => {
    const { promise, resolve } = deferred<number>();
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
    const thenable = { then: promise.then.bind(promise), cancel: () => 'cancelled' };
    const { told, followed } = follow(thenable);
    expect(followed).toBe(thenable);
    expect(told).toEqual(['begin']);
    resolve(5);
    expect(await followed).toBe(5);
    await settled();
    expect(told).toEqual(COMPLETED);
  });

  it.each([
    ['rejects', (_: () => void, reject: () => void) => reject(), GIVEN_UP],
    [
      'throws',
      () => {
        throw new Error('then failed');
      },
      GIVEN_UP,
    ],
    [
      'answers twice',
      (resolve: () => void, reject: () => void) => {
        resolve();
        reject();
        resolve();
      },
      COMPLETED,
    ],
  ])('that %s ends once', async (_how, then, expected) => {
    const { told } = follow({ then });
    await settled();
    expect(told).toEqual(expected);
  });
});

describe.each([
  ['an async generator', pieces],
  [
    'a generator with a method of its own',
    (fails?: Error) => Object.assign(pieces(fails), { cancel: () => 'cancelled' }),
  ],
  ['an iterable apart from its iterator', (fails?: Error) => iterable(() => pieces(fails))],
])('a stream that is %s', (_kind, make) => {
  it('runs from its first reading to its end', async () => {
    const { told, followed } = follow(make());
    expect(told).toEqual([]);
    expect(await read<unknown>(followed)).toEqual([1, 2]);
    expect(told).toEqual(COMPLETED);
  });

  it('tells once that it has given something, however much, and never if it gave nothing', async () => {
    const told: string[] = [];
    const watch = { begin: () => {}, gave: () => void told.push('gave'), end: () => void told.push('end') };
    await read<unknown>(trackCall(make(), watch) as AsyncIterable<unknown>);
    expect(told).toEqual(['gave', 'end']);
    for await (const _piece of trackCall(make(), watch) as AsyncIterable<unknown>) break;
    expect(told).toEqual(['gave', 'end', 'gave', 'end']);
    await read<unknown>(trackCall((async function* () {})(), watch) as AsyncIterable<unknown>);
    expect(told).toHaveLength(5);
  });

  it('never begins if it is never read', async () => {
    const { told, followed } = follow(make());
    followed[Symbol.asyncIterator]();
    await settled();
    expect(told).toEqual([]);
  });

  it('is given up if the reader leaves', async () => {
    const { told, followed } = follow(make());
    for await (const _piece of followed) break;
    expect(told).toEqual(GIVEN_UP);
  });

  it('has failed if it throws in the middle, with the identical error', async () => {
    const error = new Error('in the middle');
    const { told, followed } = follow(make(error));
    await expect(read<unknown>(followed)).rejects.toBe(error);
    expect(told).toEqual(GIVEN_UP);
  });

  it('is given up if the reader throws', async () => {
    const { told, followed } = follow(make());
    const reading = (async () => {
      for await (const _piece of followed) throw new Error('reader');
    })();
    await expect(reading).rejects.toThrow('reader');
    expect(told).toEqual(GIVEN_UP);
  });

  it('ends if it is collected half-read', async () => {
    const { told, watch } = makeWatch();
    await (async () => {
      const iterator = (trackCall(make(), watch) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      await iterator.next();
    })();
    expect(told).toEqual(['begin']);
    expect(await collectUntil(() => told.length > 1)).toBe(true);
    expect(told).toEqual(GIVEN_UP);
  });

  it('ends if it is collected half-read, also if the stream itself leads to its reader', async () => {
    const { told, watch } = makeWatch();
    await (async () => {
      const standIn = { own: () => undefined, instead: () => undefined };
      const raw = make();
      const reader = (trackCall(raw, watch, standIn) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      await reader.next();
      Object.assign(standIn, { reader });
      leads.set(raw, reader);
    })();
    expect(await collectUntil(() => told.length > 1)).toBe(true);
    expect(told).toEqual(GIVEN_UP);
  });

  it('does not end while it is held half-read', async () => {
    const { told, followed } = follow(make());
    const iterator = followed[Symbol.asyncIterator]();
    await iterator.next();
    expect(await collectUntil(() => told.length > 1)).toBe(false);
    expect((await iterator.next()).value).toBe(2);
    expect(told).toEqual(['begin']);
  });

  it('tells nothing more after its end', async () => {
    const { told, followed } = follow(make());
    const iterator = followed[Symbol.asyncIterator]() as AsyncGenerator;
    while (!(await iterator.next()).done);
    await iterator.next();
    await iterator.return(undefined);
    expect(told).toEqual(COMPLETED);
  });
});

describe('a followed async generator', () => {
  it('gives its pieces, its return value and what it is', async () => {
    const { followed } = follow(pieces());
    expect(Object.prototype.toString.call(followed)).toBe('[object AsyncGenerator]');
    expect(followed[Symbol.asyncIterator]()).toBe(followed);
    expect(await followed.next()).toEqual({ value: 1, done: false });
    expect(await followed.next()).toEqual({ value: 2, done: false });
    expect(await followed.next()).toEqual({ value: 'done', done: true });
  });

  it('takes what the reader sends', async () => {
    async function* echo(): AsyncGenerator<string, void, string> {
      for (let said = 'nothing'; ; ) said = yield said;
    }
    const { followed } = follow(echo());
    await followed.next('lost');
    expect((await followed.next('hello')).value).toBe('hello');
    expect(await followed.return()).toEqual({ value: undefined, done: true });
  });

  it('goes on if it catches what is thrown into it, and ends if it does not', async () => {
    async function* stubborn() {
      for (let step = 0; step < 3; step++) {
        try {
          yield step;
        } catch {
          // It goes on.
        }
      }
    }
    const { told, followed } = follow(stubborn());
    await followed.next();
    expect((await followed.throw(new Error('stop'))).value).toBe(1);
    expect(told).toEqual(['begin']);
    await read(followed);
    expect(told).toEqual(COMPLETED);
    const soft = follow(pieces());
    await soft.followed.next();
    const error = new Error('stop');
    await expect(soft.followed.throw(error)).rejects.toBe(error);
    expect(soft.told).toEqual(GIVEN_UP);
  });

  it('given up before its first reading never begins', async () => {
    const { told, followed } = follow(pieces());
    await followed.return('early');
    expect(await followed.next()).toEqual({ value: undefined, done: true });
    expect(told).toEqual([]);
  });

  it('is disposed by giving it up', async () => {
    const { told, followed } = follow(pieces());
    await followed.next();
    await followed[Symbol.asyncDispose]();
    expect(told).toEqual(GIVEN_UP);
  });
});

describe('a stream written by hand', () => {
  it('may give plain values in place of promises', async () => {
    const { told, followed } = follow(iterable(() => plainSteps(3)));
    expect(await read(followed)).toEqual([1, 2, 3]);
    expect(told).toEqual(COMPLETED);
  });

  it('may be its own iterator', async () => {
    const own = { ...plainSteps(2), [Symbol.asyncIterator]: () => own, cancel: () => 'cancelled' };
    const { told, followed } = follow(own);
    expect(followed[Symbol.asyncIterator]()).toBe(followed);
    expect(followed.cancel()).toBe('cancelled');
    expect(await read(followed as unknown as AsyncIterable<number>)).toEqual([1, 2]);
    expect(told).toEqual(COMPLETED);
  });

  it('is given up also if its `return` gives a plain value', async () => {
    const { told, followed } = follow(
      iterable(() => ({ ...plainSteps(3), return: () => ({ value: undefined, done: true }) })),
    );
    for await (const _piece of followed) break;
    expect(told).toEqual(GIVEN_UP);
  });

  it('has failed if its `next` throws before it is a promise', async () => {
    const error = new Error('at once');
    let step = 0;
    const next = () => {
      if (step++ > 0) throw error;
      return { value: 1, done: false };
    };
    const { told, followed } = follow(iterable(() => ({ next })));
    await expect(read(followed)).rejects.toBe(error);
    expect(told).toEqual(GIVEN_UP);
  });

  it('without `return` ends if its reader is collected', async () => {
    const { told, followed } = follow(iterable(() => plainSteps(3)));
    await (async () => {
      for await (const _piece of followed) break;
    })();
    expect(await collectUntil(() => told.length > 1)).toBe(true);
    expect(told).toEqual(GIVEN_UP);
    expect(followed).toBeTypeOf('object'); // the iterable itself is still held
  });

  it('that can be read again runs once per reading', async () => {
    const { told, followed } = follow(iterable(() => plainSteps(1)));
    await read(followed);
    await read(followed);
    expect(told).toEqual([...COMPLETED, ...COMPLETED]);
  });

  it('keeps its other methods on itself', () => {
    class Stream {
      #aborted = false;
      abort(): this {
        this.#aborted = true;
        return this;
      }
      get aborted(): boolean {
        return this.#aborted;
      }
      [Symbol.asyncIterator]() {
        return plainSteps(1);
      }
    }
    const { followed } = follow(new Stream());
    expect(followed.abort()).toBe(followed);
    expect(followed.aborted).toBe(true);
  });
});

describe('a stream that could not begin', () => {
  const failed = async () => {
    const { watch } = makeWatch();
    const standIn = {
      own: () => undefined,
      instead() {
        throw new Error('evicted');
      },
    };
    const stream = trackCall(pieces(), watch, standIn) as AsyncGenerator<unknown>;
    await expect(stream.next()).rejects.toThrow('evicted');
    return stream;
  };

  it('gives nothing more, and is not kept waiting by another one that is', async () => {
    const [kept, other] = [await failed(), await failed()];
    void kept.return(new Promise(() => {}));
    expect(await other.next()).toEqual({ done: true, value: undefined });
    await expect(other.throw(new Error('mine'))).rejects.toThrow('mine');
    expect(await other.return(5)).toEqual({ done: true, value: 5 });
  });
});
