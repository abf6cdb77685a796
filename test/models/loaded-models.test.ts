import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardEvent } from '../../src/events/guard-events.ts';
import { collectUntil, deferred, FakeMachine, FakeModel, FakeSDK, guardedFake, settled } from '../support/fake-sdk.ts';
import { makeLoadedModels } from '../support/make-loaded-models.ts';

const FOOTPRINT = { memoryGuard: { footprint: 1 * GiB } };

/** Guards an SDK that loads this model. */
function guardedWith(model: unknown, available = 15 * GiB) {
  const sdk = new FakeSDK();
  sdk.during = () => model;
  return guardedFake(new FakeMachine(available), {}, sdk);
}

/** Loads `model`, and keeps its type. */
async function loaded<T>(model: T, available?: number) {
  const fake = guardedWith(model, available);
  const handle = (await fake.nexa.loadModel('m', FOOTPRINT)) as unknown as T;
  return { ...fake, handle };
}

const NAMES = ['dispose', 'close', 'release', 'unload', 'free', Symbol.dispose, Symbol.asyncDispose] as const;

class Counting {
  #count = 0;
  get count() {
    return this.#count;
  }
  end() {
    this.#count += 1;
    return 'ended';
  }
}

describe.each(NAMES.map((name) => [String(name), name] as const))('a model with `%s`', (_name, name) => {
  const model = (end: (counting: Counting) => unknown = (counting) => counting.end()) => {
    const counting = new Counting();
    return Object.assign(counting, { [name]: () => end(counting) } as Record<typeof name, () => unknown>);
  };

  it('is unregistered when it ran, sync', async () => {
    const { handle, guard, types, clock } = await loaded(model());
    expect(handle[name]()).toBe('ended');
    expect(guard.models()).toEqual([]);
    expect(handle.count).toBe(1);
    await clock.advanceAsync(500);
    expect(types()).toEqual(['admitted', 'loaded', 'unloaded']);
  });

  it('is unregistered when its promise is fulfilled, not before', async () => {
    const { promise, resolve } = deferred<string>();
    const { handle, guard } = await loaded(model(() => promise));
    const ending = handle[name]();
    await settled();
    expect(guard.models()).toHaveLength(1);
    resolve('ended');
    expect(await ending).toBe('ended');
    expect(guard.models()).toEqual([]);
  });

  it('is unregistered once, however often it runs', async () => {
    const { handle, guard, types, clock, machine } = await loaded(model(async (counting) => counting.end()));
    await Promise.all([handle[name](), handle[name]()]);
    await handle[name]();
    expect(handle.count).toBe(2); // one for both, and one that is the SDK's own affair
    expect(guard.headroomBytes()).toBe(machine.availableBytes);
    await clock.advanceAsync(500);
    expect(types().filter((type) => type === 'unloaded')).toHaveLength(1);
  });

  it('stays registered if it fails, sync or async, with the identical error', async () => {
    const error = new Error('cannot');
    const thrower = await loaded(
      model(() => {
        throw error;
      }),
    );
    expect(() => thrower.handle[name]()).toThrow(error);
    expect(thrower.guard.models()).toHaveLength(1);
    const rejecter = await loaded(model(async () => Promise.reject(error)));
    await expect(rejecter.handle[name]()).rejects.toBe(error);
    expect(rejecter.guard.models()).toHaveLength(1);
    expect(rejecter.types()).toEqual(['admitted', 'loaded']);
  });

  it('can be left by `await using`', async () => {
    const { handle, guard } = await loaded(model(async (counting) => counting.end()));
    const disposable = handle as unknown as AsyncDisposable;
    expect(disposable[Symbol.asyncDispose]).toBeTypeOf('function');
    await disposable[Symbol.asyncDispose]();
    expect(guard.models()).toEqual([]);
    expect(handle.count).toBe(1);
  });
});

describe('a model', () => {
  it('is listed with what it holds, frozen', async () => {
    const { nexa, guard, clock } = guardedFake(new FakeMachine(15 * GiB));
    clock.advance(77);
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    await nexa.loadModel('other', { memoryGuard: { footprint: { mappedBytes: 5, anonymousBytes: 6 } } });
    const models = guard.models();
    expect(models).toEqual([
      {
        name: 'qwen2audio',
        quantization: 'Q5_K_M',
        reason:
          'Loading qwen2audio Q5_K_M, which needs 4.8 GiB (by the documented table, which counts weights only) of 15.0 GiB.',
        need: { mappedBytes: 0, anonymousBytes: Math.ceil(4.8 * GiB), basis: 'table' },
        minFreeBytes: 768 * MiB,
        sinceMs: 77,
        callsInFlight: 0,
        pinned: false,
      },
      {
        name: 'other',
        reason: 'Loading other, which needs 11 B (as given) of 10.2 GiB.',
        need: { mappedBytes: 5, anonymousBytes: 6, basis: 'given' },
        minFreeBytes: 512 * MiB,
        sinceMs: 77,
        callsInFlight: 0,
        pinned: false,
      },
    ]);
    expect([models, ...models].every(Object.isFrozen)).toBe(true);
  });

  it('keeps its own bytes free, and not those of one that is gone', async () => {
    const { nexa, guard } = guardedFake(new FakeMachine(15 * GiB));
    const greedy = await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    await nexa.loadModel('other', FOOTPRINT);
    expect(guard.status().minFreeBytes).toBe(768 * MiB); // the largest counts
    await greedy.dispose();
    expect(guard.status().minFreeBytes).toBe(512 * MiB);
  });

  it('without any way to dispose it gets none', async () => {
    const { handle, guard } = await loaded({ run: () => 1 });
    expect(Symbol.asyncDispose in handle).toBe(false);
    expect(guard.models()).toHaveLength(1);
  });

  it('shows the quantization that was chosen, unless it has its own word for it', async () => {
    const { nexa, sdk } = guardedFake(new FakeMachine(15 * GiB));
    const handle = (await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' })) as FakeModel & {
      quantization?: string;
    };
    expect(handle.quantization).toBe('Q4_0');
    sdk.during = () => ({ quantization: 'of its own', dispose() {} });
    const own = (await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' })) as unknown as { quantization: string };
    expect(own.quantization).toBe('of its own');
    const other = await loaded({ dispose() {} });
    expect('quantization' in other.handle).toBe(false);
  });

  it('that is no object is registered and handed out as it is', async () => {
    for (const raw of ['id-1', 42, null]) {
      const { handle, guard, nexa } = await loaded(raw === null ? Promise.resolve(null) : raw);
      if (raw !== null) expect(handle).toBe(raw);
      expect(guard.models()).toHaveLength(1);
      await nexa.unloadModel('m');
      expect(guard.models()).toEqual([]);
    }
  });

  it('may be a function', async () => {
    const raw = Object.assign(async (text: string) => `${text}!`, { dispose() {} });
    const { handle, guard } = await loaded(raw);
    expect(await handle('hello')).toBe('hello!');
    handle.dispose();
    expect(guard.models()).toEqual([]);
  });

  it('that the SDK returns twice is one model', async () => {
    const raw = new FakeModel('m');
    const { nexa, guard, handle, machine, types } = await loaded(raw);
    expect(await nexa.loadModel('m', FOOTPRINT)).toBe(handle);
    expect(guard.models()).toHaveLength(1);
    expect(guard.headroomBytes()).toBe(machine.availableBytes - GiB);
    await handle.dispose();
    expect(guard.models()).toEqual([]);
    expect(guard.headroomBytes()).toBe(machine.availableBytes);
    expect(types().filter((type) => type === 'loaded')).toHaveLength(1);
  });

  it('that the SDK returns again after it was disposed is a new one', async () => {
    const { nexa, guard, handle } = await loaded(new FakeModel('m'));
    await handle.dispose();
    expect(await nexa.loadModel('m', FOOTPRINT)).not.toBe(handle);
    expect(guard.models()).toHaveLength(1);
  });

  it('keeps its own methods, fields and privacy', async () => {
    const { handle } = await loaded(new FakeModel('its name'));
    expect(handle.name).toBe('its name');
    expect(handle.disposals).toBe(0);
    expect(await handle.tokenize()).toBe(0);
  });
});

describe('calls in flight', () => {
  it('are counted while a promise runs and a stream is read', async () => {
    const { handle, guard } = await loaded(new FakeModel('m'));
    const inFlight = () => guard.models()[0]?.callsInFlight;
    const wait = deferred();
    const call = handle.generate({ wait: wait.promise });
    const stream = handle.generateStream();
    expect(inFlight()).toBe(1);
    await stream.next();
    expect(inFlight()).toBe(2);
    await stream.return(0);
    expect(inFlight()).toBe(1);
    wait.resolve();
    await call;
    expect(inFlight()).toBe(0);
  });
});

describe('what is reserved for audio', () => {
  it('goes with its model, and is nothing for one that is gone', async () => {
    const { models, hold, promisedBytes } = makeLoadedModels();
    const held = hold({});
    const before = promisedBytes();
    const release = models.reserveAudio(held, 300 * MiB);
    expect(promisedBytes()).toBe(before + 300 * MiB);
    await models.dispose(held, () => {});
    expect(promisedBytes()).toBe(0);
    const none = models.reserveAudio(held, 300 * MiB);
    expect(promisedBytes()).toBe(0);
    for (const end of [release, none]) end();
    expect(promisedBytes()).toBe(0);
  });
});

describe('a lost handle', () => {
  it('is told, its model disposed and unregistered', async () => {
    const raw = new FakeModel('m');
    const fake = guardedWith(raw);
    await (async () => {
      await fake.nexa.loadModel('m', FOOTPRINT);
    })();
    expect(await collectUntil(() => fake.guard.models().length === 0)).toBe(true);
    expect(raw.disposals).toBe(1);
    await fake.clock.advanceAsync(500);
    expect(fake.types()).toEqual(['admitted', 'loaded', 'leaked']);
    expect(fake.last('leaked')?.message).toMatch(
      /^The handle of m was lost without being disposed: the model was disposed/,
    );
  });

  it('is not told while the handle is held, nor after it was disposed', async () => {
    const fake = await loaded(new FakeModel('m'));
    expect(await collectUntil(() => fake.guard.models().length === 0)).toBe(false);
    await fake.handle.dispose();
    const { types, guard, clock } = fake;
    (fake as { handle?: unknown }).handle = undefined;
    await collectUntil(() => types().includes('leaked'));
    await clock.advanceAsync(500);
    expect(types()).not.toContain('leaked');
    expect(guard.models()).toEqual([]);
  });

  it.each([
    ['fails to be disposed', { dispose: async () => Promise.reject(new Error('cannot')) }],
    [
      'throws when it is disposed',
      {
        dispose() {
          throw new Error('cannot');
        },
      },
    ],
    ['cannot be disposed', { run: () => 1 }],
  ])('whose model %s is unregistered all the same', async (_how, raw) => {
    const fake = guardedWith(raw);
    await (async () => {
      await fake.nexa.loadModel('m', FOOTPRINT);
    })();
    expect(await collectUntil(() => fake.guard.models().length === 0)).toBe(true);
    await fake.clock.advanceAsync(500);
    expect(fake.types()).toContain('leaked');
  });

  it('with a call in flight lives until that ends', async () => {
    const raw = new FakeModel('m');
    const fake = guardedWith(raw);
    const wait = deferred();
    let call: Promise<string> | undefined;
    await (async () => {
      const handle = await fake.nexa.loadModel('m', FOOTPRINT);
      call = handle.generate({ wait: wait.promise });
    })();
    expect(await collectUntil(() => fake.guard.models().length === 0)).toBe(false);
    expect(raw.disposals).toBe(0);
    wait.resolve();
    expect(await call).toBe('text');
    await settled();
    expect(raw.disposals).toBe(1);
    expect(fake.guard.models()).toEqual([]);
    await fake.clock.advanceAsync(500);
    expect(fake.types()).toEqual(['admitted', 'loaded', 'leaked']);
  });

  it('does not take down a model that was returned again in the meantime', async () => {
    const raw = new FakeModel('m');
    const fake = guardedWith(raw);
    let lost: WeakRef<object> | undefined;
    await (async () => {
      lost = new WeakRef(await fake.nexa.loadModel('m', FOOTPRINT));
    })();
    await settled();
    globalThis.gc?.(); // the finalizer is due, and comes after what is done now
    const again = await fake.nexa.loadModel('m', FOOTPRINT);
    expect(lost?.deref()).toBeUndefined();
    await collectUntil(() => raw.disposals > 0);
    expect(raw.disposals).toBe(0);
    expect(fake.guard.models()).toHaveLength(1);
    expect(await again.generate()).toBe('text');
  });

  it('with a call in flight does not take down a model that was returned again', async () => {
    const raw = new FakeModel('m');
    const fake = guardedWith(raw);
    const wait = deferred();
    let call: Promise<string> | undefined;
    let lost: WeakRef<object> | undefined;
    await (async () => {
      const handle = await fake.nexa.loadModel('m', FOOTPRINT);
      lost = new WeakRef(handle);
      call = handle.generate({ wait: wait.promise });
    })();
    await settled();
    expect(await collectUntil(() => lost?.deref() === undefined)).toBe(true);
    await settled();
    const again = await fake.nexa.loadModel('m', FOOTPRINT);
    wait.resolve();
    await call;
    await settled();
    expect(raw.disposals).toBe(0);
    expect(await again.generate()).toBe('text');
  });
});

describe('1,000 loads and disposals', () => {
  it('leave no entry, no timer and no reservation', async () => {
    const { nexa, guard, clock, machine } = guardedFake(new FakeMachine(15 * GiB));
    const seen = new Set<GuardEvent['type']>();
    for (const type of ['unloaded', 'degraded', 'refused'] as const) guard.on(type, () => seen.add(type));
    for (let round = 0; round < 1000; round++) {
      const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_K_M' });
      await model.generate({ audio: 'a.wav' });
      await model.dispose();
      if (round % 100 === 0) await clock.advanceAsync(500, 100);
    }
    await clock.advanceAsync(500);
    expect(guard.models()).toEqual([]);
    expect(guard.headroomBytes()).toBe(machine.availableBytes);
    expect(clock.pending).toBe(0);
    expect([...seen]).toEqual(['unloaded']);
  }, 60_000);
});
