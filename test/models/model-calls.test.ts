import { describe, expect, it } from 'vitest';
import { AdmissionGate } from '../../src/admission/admission-gate.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';
import { deferred, FakeModel, settled } from '../support/fake-sdk.ts';
import { handles } from '../support/make-handles.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('a call whose arguments or adapter throw when they are looked at', () => {
  const throws = (): never => {
    throw new Error('lazy');
  };

  it.each([
    ['arguments', { hasAudio: throws }],
    ['an adapter', { isInference: throws }],
  ])('runs and is counted to its end (%s)', async (_what, methods) => {
    const { hold, promisedBytes } = handles(methods);
    const { handle, held } = hold(new FakeModel('m'));
    const before = promisedBytes();
    const wait = deferred();
    const call = handle.generate({ wait: wait.promise });
    expect(held.callsInFlight).toBe(1);
    expect(promisedBytes() > before).toBe('hasAudio' in methods); // what may have audio is reserved for
    wait.resolve();
    expect(await call).toBe('text');
    expect(held.callsInFlight).toBe(0);
  });
});

describe('a call with audio of which other processes can not be told', () => {
  it('gives its answer, and is counted to its end', async () => {
    const gate = new AdmissionGate({
      reader: new InjectedReader(() => ({ totalBytes: 2e10, availableBytes: 1e10 })),
      ledger: new Ledger(),
      shared: {
        peers: () => [],
        publish() {
          throw new MemoryGuardError('ERR_LEDGER', 'no space left on device');
        },
      },
      nowMs: () => 0,
      minFreeRatioAfterLoad: 0,
    });
    const { hold } = handles({}, { gate });
    const { handle, held } = hold(new FakeModel('m'));
    const wait = deferred();
    const call = handle.generate({ audio: 'a.wav', wait: wait.promise });
    expect(held.callsInFlight).toBe(1);
    wait.resolve();
    expect(await call).toBe('text');
    expect(held.callsInFlight).toBe(0);
    await handle.dispose();
    expect(gate.look().promisedAnonymousBytes).toBe(0);
  });
});

describe('a call that is done at once', () => {
  const throwing = (): never => {
    throw new Error('cannot');
  };

  it.each([
    ['returns', () => 7],
    ['throws', throwing],
  ])('begins the idle time of its model anew if it %s', async (_how, count) => {
    const clock = new ManualClock();
    const { hold, causes } = handles({}, { clock, keepAliveMs: 100 });
    const { handle } = hold(Object.assign(new FakeModel('m'), { count }));
    clock.advance(90);
    await new Promise((resolve) => resolve(handle.count())).catch(() => {});
    clock.advance(90);
    await settled();
    expect(causes()).toEqual([]);
    clock.advance(10);
    await settled();
    expect(causes()).toEqual(['keep-alive']);
  });
});

describe('a part of a model', () => {
  const withPart = () => {
    const found = handles({ partMethods: ['getSequence'] });
    let disposals = 0;
    const wait = deferred();
    const part = {
      generate: async () => wait.promise,
      dispose: () => {
        disposals += 1;
      },
    };
    const raw = { getSequence: () => part, getName: () => part, dispose() {} };
    return { ...found, ...found.hold(raw), part, wait, disposals: () => disposals };
  };

  it('has its calls counted as the model’s own', async () => {
    const { handle, held, wait, promisedBytes } = withPart();
    const call = handle.getSequence().generate();
    expect(held.callsInFlight).toBe(1);
    wait.resolve();
    await call;
    expect(held.callsInFlight).toBe(0);
    expect(promisedBytes()).toBe(0); // it was an inference
  });

  it('is disposed by itself, and leaves the model loaded', () => {
    const { handle, models, disposals } = withPart();
    handle.getSequence().dispose();
    expect(disposals()).toBe(1);
    expect(models.size).toBe(1);
  });

  it('is what a method gives that is named so, and no other', () => {
    const { handle, part } = withPart();
    expect(handle.getSequence()).not.toBe(part);
    expect(handle.getName()).toBe(part);
  });
});

describe('a call while its model is being disposed', () => {
  /** A model whose disposal ends when the test says so, and which notes what reaches it. */
  function disposing(stops = false) {
    const { hold } = handles();
    const reached: string[] = [];
    const { promise, resolve, reject } = deferred();
    const wait = deferred();
    const raw = {
      generate: async () => void reached.push('generate'),
      wait: () => wait.promise,
      stop: () => reached.push('stop'),
      dispose: () => promise,
    };
    const { handle } = hold(raw);
    if (stops) void handle.wait();
    return { handle, reached, disposal: handle.dispose(), resolve, reject };
  }

  it('waits for that, and is then answered by the SDK', async () => {
    const { handle, reached, disposal, resolve } = disposing();
    const calls = [handle.generate(), handle.stop()];
    await settled();
    expect(reached).toEqual([]);
    resolve();
    await Promise.all([disposal, ...calls]);
    expect(reached).toEqual(['generate', 'stop']);
  });

  it('waits also as a stream that was made before and is read now', async () => {
    const { hold } = handles();
    const { promise, resolve } = deferred();
    const reached: string[] = [];
    const { handle } = hold({
      async *generate() {
        reached.push('read');
        yield 'one';
      },
      dispose: () => promise,
    });
    const stream = handle.generate();
    const disposal = handle.dispose();
    const first = stream.next();
    await settled();
    expect(reached).toEqual([]);
    resolve();
    await disposal;
    expect(await first).toEqual({ done: false, value: 'one' });
  });

  it('runs if that has failed', async () => {
    const { handle, reached, disposal, reject } = disposing();
    const call = handle.generate();
    reject(new Error('cannot'));
    await expect(disposal).rejects.toThrow('cannot');
    await call;
    expect(reached).toEqual(['generate']);
  });

  it('waits on if that has failed and another disposal has begun', async () => {
    const { hold, models } = handles();
    const [first, second] = [deferred(), deferred()];
    const reached: string[] = [];
    const ways = [first.promise, second.promise];
    const { handle, held } = hold({ generate: async () => void reached.push('generate'), dispose: () => ways.shift() });
    models.evict(held, 'memory');
    const disposal = handle.dispose();
    const call = handle.generate();
    first.reject(new Error('cannot'));
    await settled();
    expect(reached).toEqual([]);
    second.resolve();
    await Promise.all([disposal, call]);
    expect(reached).toEqual(['generate']);
  });

  it('goes through at once if it may stop what still runs', async () => {
    const { handle, reached } = disposing(true);
    void handle.generate();
    handle.stop();
    await settled();
    expect(reached).toEqual(['stop']);
  });
});

describe('a stream that was made before its model was evicted', () => {
  /** A model that fails if anything is asked of it once it is disposed. */
  class Strict extends FakeModel {
    readonly read: string[] = [];

    /** A stream that is no generator. */
    readable(): AsyncIterator<string> & AsyncIterable<string> {
      const stream = this.generateStream();
      return {
        next: async () => {
          const step = await stream.next();
          this.read.push(step.done ? 'end' : step.value);
          return step as IteratorResult<string>;
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    }
  }

  async function evictAfter(make: (model: Strict) => AsyncIterable<string>, reload?: () => Promise<unknown>) {
    const { hold, models } = handles();
    const raw = new Strict('first');
    const { handle, held } = hold(raw, { reload });
    const stream = make(handle);
    models.evict(held, 'memory');
    await settled();
    return { stream, raw, models };
  }

  const MAKERS = [
    ['a generator', (model: Strict) => model.generateStream()],
    ['a reader', (model: Strict) => model.readable()],
  ] as const;

  it.each(MAKERS)('is read on the model that is loaded again: %s', async (_what, make) => {
    const { hold } = handles();
    const { stream, raw } = await evictAfter(make, async () => hold(new Strict('second')).handle);
    const texts: string[] = [];
    for await (const text of stream) texts.push(text);
    expect(texts).toEqual(['one', 'two']);
    expect(raw.read).toEqual([]);
  });

  it.each(MAKERS)(
    'is an error when it is read if the model is not loaded again, and then over: %s',
    async (_what, make) => {
      const { stream, raw } = await evictAfter(make);
      const iterator = stream[Symbol.asyncIterator]();
      await expect(iterator.next()).rejects.toMatchObject({ code: 'ERR_MODEL_EVICTED' });
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
      expect(raw.read).toEqual([]);
    },
  );

  it('is read on the model itself if that could not be ended, and counts as its call', async () => {
    const { hold, models } = handles();
    const { promise, reject } = deferred();
    const raw = Object.assign(new FakeModel('m'), { dispose: () => promise });
    const { handle, held } = hold(raw);
    const stream = handle.generateStream();
    models.evict(held, 'memory');
    const first = stream.next();
    reject(new Error('cannot'));
    expect(await first).toEqual({ done: false, value: 'one' });
    expect(held.callsInFlight).toBe(1);
    expect(await stream.next()).toEqual({ done: false, value: 'two' });
    expect(await stream.next()).toEqual({ done: true, value: 2 });
    expect(held.callsInFlight).toBe(0);
  });
});
