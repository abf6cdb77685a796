/** How a loaded model ends if several want to end it, or something still needs it. The SDK and the machine are fakes. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { deferred, FakeMachine, FakeSDK, guardedFake, settled } from '../support/fake-sdk.ts';
import { makeLoadedModels } from '../support/make-loaded-models.ts';

const OPTIONS: GuardOptions = { minFreeRatioAfterLoad: 0, minFreeBytes: 100 * MiB };
const sized = (gib: number) => ({ memoryGuard: { footprint: gib * GiB } });

/** A model whose disposals end when the test says so. */
class SlowModel {
  readonly disposals: { resolve(): void; reject(error: unknown): void }[] = [];

  dispose(): Promise<void> {
    const { promise, resolve, reject } = deferred();
    this.disposals.push({ resolve, reject });
    return promise;
  }
}

/** A guarded SDK of which `m` is a slow model of 3 GiB on a machine of 4 GiB. */
async function loadSlow(options: GuardOptions) {
  const raw = new SlowModel();
  const sdk = new FakeSDK();
  sdk.during = (name) => (name === 'm' ? raw : undefined);
  const fake = guardedFake(new FakeMachine(4 * GiB), { ...OPTIONS, ...options }, sdk);
  const handle = (await fake.nexa.loadModel('m', sized(3))) as unknown as SlowModel;
  return { ...fake, raw, handle };
}

describe('a model whose disposal runs', () => {
  it('is not disposed again when it was idle for too long', async () => {
    const { raw, handle, clock, guard, last, types } = await loadSlow({ keepAliveMs: 1000 });
    const disposal = handle.dispose();
    await clock.advanceAsync(1500);
    expect(raw.disposals).toHaveLength(1);
    raw.disposals[0]?.resolve();
    await disposal;
    await clock.advanceAsync(600);
    expect(guard.models()).toEqual([]);
    expect(last('unloaded')).toMatchObject({ model: 'm' });
    expect(types()).not.toContain('evicted');
    expect(clock.pending).toBe(0);
  });

  it('is not disposed again by a load that needs its memory', async () => {
    const { raw, handle, nexa, last } = await loadSlow({ evict: 'idle' });
    const disposal = handle.dispose();
    await expect(nexa.loadModel('other', sized(2))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expect(raw.disposals).toHaveLength(1);
    expect(last('evicted')).toBeUndefined();
    raw.disposals[0]?.resolve();
    await disposal;
  });

  it('is idle again once that has failed, and is unloaded when it was so for too long', async () => {
    const { raw, handle, clock, guard, last } = await loadSlow({ keepAliveMs: 1000 });
    const disposal = handle.dispose();
    const error = new Error('cannot');
    await clock.advanceAsync(1500);
    raw.disposals[0]?.reject(error);
    await expect(disposal).rejects.toBe(error);
    await clock.advanceAsync(900);
    expect(raw.disposals).toHaveLength(1);
    await clock.advanceAsync(200);
    expect(raw.disposals).toHaveLength(2);
    raw.disposals[1]?.resolve();
    await clock.advanceAsync(600);
    expect(guard.models()).toEqual([]);
    expect(last('evicted')).toMatchObject({ model: 'm', reason: 'keep-alive' });
  });

  it('is not idle while a second one runs, if the first has failed', async () => {
    const { models, hold } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    const [first, second] = [1, 2].map(() => models.dispose(held, () => raw.dispose()) as Promise<void>);
    raw.disposals[0]?.reject(new Error('cannot'));
    await expect(first).rejects.toThrow('cannot');
    expect(models.idle()).toEqual([]);
    raw.disposals[1]?.resolve();
    await second;
    expect(models.size).toBe(0);
  });

  it('is not disposed again if its handle is lost', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    const disposal = models.dispose(held, () => raw.dispose()) as Promise<void>;
    models.lost(held);
    expect(raw.disposals).toHaveLength(1);
    raw.disposals[0]?.resolve();
    await disposal;
    expect(causes()).toEqual(['unloaded']);
  });

  it('is disposed as lost if its handle is lost meanwhile and the disposal fails', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    const disposal = models.dispose(held, () => raw.dispose()) as Promise<void>;
    models.lost(held);
    raw.disposals[0]?.reject(new Error('cannot'));
    await expect(disposal).rejects.toThrow('cannot');
    expect(raw.disposals).toHaveLength(2);
    raw.disposals[1]?.resolve();
    await settled();
    expect(causes()).toEqual(['leaked']);
  });
});

/** A model that tells of its end within its own disposal, as those of node-llama-cpp do. */
class TellingModel {
  fails: Error | undefined;
  tell = () => {};

  async dispose(): Promise<void> {
    if (this.fails) throw this.fails;
    this.tell();
  }
}

describe('a model that tells of its end while the guard disposes it', () => {
  /** A guarded SDK of which every model tells of its end. */
  const guardTelling = (options: GuardOptions) => {
    const raws: TellingModel[] = [];
    const sdk = new FakeSDK();
    sdk.during = () => raws[raws.push(new TellingModel()) - 1];
    const adapter: GuardOptions['adapter'] = {
      onEnd: (model, tell) => {
        (model as TellingModel).tell = tell;
      },
    };
    return { raws, ...guardedFake(new FakeMachine(4 * GiB), { ...OPTIONS, adapter, ...options }, sdk) };
  };

  it('is told as evicted, before the load is decided on that needed its memory', async () => {
    const { nexa, clock, types, last } = guardTelling({ evict: 'idle' });
    await nexa.loadModel('m', sized(3));
    const other = nexa.loadModel('other', sized(2));
    await clock.advanceAsync(600);
    await other;
    expect(types()).toEqual(['admitted', 'loaded', 'evicted', 'admitted', 'loaded']);
    expect(last('evicted')).toMatchObject({ model: 'm', reason: 'memory' });
  });

  it('is told as evicted if it was idle for too long', async () => {
    const { nexa, clock, types, last } = guardTelling({ keepAliveMs: 1000 });
    await nexa.loadModel('m', sized(3));
    await clock.advanceAsync(2000);
    expect(types()).toEqual(['admitted', 'loaded', 'evicted']);
    expect(last('evicted')).toMatchObject({ model: 'm', reason: 'keep-alive' });
  });

  it('is told as leaked if its handle was lost', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new TellingModel();
    const held = hold(raw);
    raw.tell = () => models.ended(held);
    models.lost(held);
    await settled();
    expect(causes()).toEqual(['leaked']);
  });

  it('is told as unloaded if it ends by itself later, since its eviction had failed', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new TellingModel();
    const held = hold(raw);
    raw.tell = () => models.ended(held);
    raw.fails = new Error('cannot');
    expect(await models.evict(held, 'memory')).toBe(false);
    raw.fails = undefined;
    await raw.dispose();
    expect(causes()).toEqual(['unloaded']);
  });
});

describe('a model that is being evicted', () => {
  it('is not disposed again if its handle is lost', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    const eviction = models.evict(held, 'memory');
    models.lost(held);
    expect(raw.disposals).toHaveLength(1);
    raw.disposals[0]?.resolve();
    expect(await eviction).toBe(true);
    expect(causes()).toEqual(['memory']);
  });

  it('is disposed as lost if its handle is lost meanwhile and the eviction fails', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    const eviction = models.evict(held, 'memory');
    models.lost(held);
    raw.disposals[0]?.reject(new Error('cannot'));
    expect(await eviction).toBe(false);
    expect(raw.disposals).toHaveLength(2);
    raw.disposals[1]?.resolve();
    await settled();
    expect(causes()).toEqual(['leaked']);
  });
});

describe('a model whose handle was lost', () => {
  it('is not evicted while it is disposed for that', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    models.lost(held);
    expect(models.idle()).toEqual([]);
    expect(await models.evict(held, 'memory')).toBe(false);
    expect(raw.disposals).toHaveLength(1);
    raw.disposals[0]?.resolve();
    await settled();
    expect(causes()).toEqual(['leaked']);
  });
});

describe('a model that goes with its contexts', () => {
  it('tells for each of them how much was free before', () => {
    const { models, gate, hold, removed } = makeLoadedModels();
    const owned = hold({}, { name: 'm' });
    hold({}, { name: 'm: context', owner: { held: owned, letGo: models.beginContext(owned) } });
    const beforeBytes = gate.look().headroomBytes;
    models.dispose(owned, () => undefined);
    expect(removed).toEqual([
      { name: 'm: context', cause: 'unloaded', beforeBytes },
      { name: 'm', cause: 'unloaded', beforeBytes },
    ]);
    expect(gate.look().headroomBytes).toBe(beforeBytes + 2000);
  });
});

describe('a model whose handle was lost while a context was being made', () => {
  it('is disposed if that fails, and once both are ended if there are two', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    const [first, second] = [models.beginContext(held), models.beginContext(held)];
    models.lost(held);
    first();
    first();
    expect(raw.disposals).toHaveLength(0);
    second();
    expect(raw.disposals).toHaveLength(1);
    raw.disposals[0]?.resolve();
    await settled();
    expect(causes()).toEqual(['leaked']);
  });

  it('is kept if it was found again meanwhile', () => {
    const { models, hold } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    const letGo = models.beginContext(held);
    models.lost(held);
    held.orphaned = false; // what a handle that is found again does
    letGo();
    expect(raw.disposals).toHaveLength(0);
    expect(models.size).toBe(1);
  });
});
