/** How a loaded model ends if several want to end it, or something still needs it. The SDK and the machine are fakes. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { END_PATIENCE_MS } from '../../src/models/model-ends.ts';
import { collectUntil, deferred, FakeMachine, FakeModel, FakeSDK, guardedFake, settled } from '../support/fake-sdk.ts';
import { makeLoadedModels } from '../support/make-loaded-models.ts';
import { ManualClock } from '../support/manual-clock.ts';

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

  it('is waited for by a load that needs its memory, and is not disposed again', async () => {
    const { raw, handle, nexa, clock, types } = await loadSlow({ evict: 'idle' });
    const disposal = handle.dispose();
    const other = nexa.loadModel('other', sized(2));
    await clock.advanceAsync(END_PATIENCE_MS - 500, 100);
    raw.disposals[0]?.resolve();
    await disposal;
    await clock.advanceAsync(500);
    expect(await other).toMatchObject({ name: 'other' });
    expect(raw.disposals).toHaveLength(1);
    expect(types()).toEqual(['admitted', 'loaded', 'unloaded', 'admitted', 'loaded']);
    expect(clock.pending).toBe(1); // the next look at memory
  });

  it('is waited for no more if it takes too long, neither by that load nor by a later one', async () => {
    const { raw, handle, nexa, clock, guard } = await loadSlow({ evict: 'idle' });
    void handle.dispose();
    const other = nexa.loadModel('other', sized(2));
    const refused = expect(other).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    await clock.advanceAsync(END_PATIENCE_MS, 100);
    await refused;
    await expect(nexa.loadModel('other', sized(2))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expect(raw.disposals).toHaveLength(1);
    expect(guard.models()).toHaveLength(1);
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

  it('is not disposed again by its caller: both are told of the one end', async () => {
    const { raw, handle, guard } = await loadSlow({});
    const [first, second] = [handle.dispose(), handle.dispose()];
    const error = new Error('cannot');
    raw.disposals[0]?.reject(error);
    await expect(first).rejects.toBe(error);
    await expect(second).rejects.toBe(error);
    const again = handle.dispose();
    expect(raw.disposals).toHaveLength(2);
    raw.disposals[1]?.resolve();
    await again;
    expect(guard.models()).toEqual([]);
  });

  it('is not disposed again by the SDK, which is asked once that is done', async () => {
    const { raw, handle, nexa, sdk, guard } = await loadSlow({});
    const disposal = handle.dispose();
    const all = nexa.dispose();
    await settled();
    expect(sdk.unloaded).toBe(0);
    sdk.models.push(new FakeModel('other'));
    raw.disposals[0]?.resolve();
    await Promise.all([disposal, all]);
    expect(sdk.unloaded).toBe(1);
    expect(guard.models()).toEqual([]);
  });

  it('is left to itself by the SDK if it takes too long, and is gone when the SDK is done', async () => {
    const { raw, handle, nexa, clock, guard, last } = await loadSlow({});
    const disposal = handle.dispose();
    const all = nexa.dispose();
    await clock.advanceAsync(END_PATIENCE_MS, 100);
    await all;
    expect(guard.models()).toEqual([]);
    raw.disposals[0]?.reject(new Error('too late'));
    await expect(disposal).rejects.toThrow('too late');
    await clock.advanceAsync(500);
    expect(guard.models()).toEqual([]);
    expect(last('unloaded')).toMatchObject({ model: 'm' });
  });

  it('is unloaded by name once, also if that comes while it is evicted', async () => {
    const { raw, handle, nexa, sdk, guard } = await loadSlow({});
    sdk.models.push(raw as unknown as FakeModel);
    const disposal = handle.dispose();
    const byName = nexa.unloadModel('m');
    const byHandle = nexa.unloadModel(handle as unknown as FakeModel);
    raw.disposals[0]?.resolve();
    await Promise.all([disposal, byName, byHandle]);
    expect(sdk.unloaded).toBe(0);
    expect(guard.models()).toEqual([]);
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
    expect(models.evict(held, 'memory')).toBe(true);
    await settled();
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
    models.evict(held, 'memory');
    models.lost(held);
    expect(raw.disposals).toHaveLength(1);
    raw.disposals[0]?.resolve();
    await settled();
    expect(causes()).toEqual(['memory']);
  });

  it('is disposed as lost if its handle is lost meanwhile and the eviction fails', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    models.evict(held, 'memory');
    models.lost(held);
    raw.disposals[0]?.reject(new Error('cannot'));
    await settled();
    expect(raw.disposals).toHaveLength(2);
    raw.disposals[1]?.resolve();
    await settled();
    expect(causes()).toEqual(['leaked']);
  });

  it('is not disposed again by its caller, and by him once that has failed', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    models.evict(held, 'memory');
    const disposal = models.dispose(held, () => raw.dispose()) as Promise<void>;
    expect(raw.disposals).toHaveLength(1);
    raw.disposals[0]?.reject(new Error('cannot'));
    await settled();
    expect(raw.disposals).toHaveLength(2);
    raw.disposals[1]?.resolve();
    await disposal;
    expect(causes()).toEqual(['unloaded']);
  });

  it('is gone if its disposal fails although it has told of its end', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    const disposal = models.dispose(held, () => raw.dispose()) as Promise<void>;
    models.ended(held);
    raw.disposals[0]?.reject(new Error('too late'));
    await expect(disposal).rejects.toThrow('too late');
    expect(causes()).toEqual(['unloaded']);
  });

  it('is told as not evicted if that takes too long, once', async () => {
    const { raw, nexa, clock, events } = await loadSlow({ evict: 'idle' });
    const other = nexa.loadModel('other', sized(2));
    const refused = expect(other).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    await clock.advanceAsync(2 * END_PATIENCE_MS, 100);
    await refused;
    expect(raw.disposals).toHaveLength(1);
    const told = events.filter((event) => event.type === 'degraded');
    expect(told).toMatchObject([{ reason: 'eviction-failed', message: expect.stringContaining('after 10 s') }]);
  });
});

describe('a model whose disposal never ends, while it is evicted', () => {
  it('holds up neither a load that fits, nor the signal, time limit and closing of the one that waits for it', async () => {
    const { nexa, clock, guard } = await loadSlow({ evict: 'idle' });
    const controller = new AbortController();
    const { signal } = controller;
    const load = (own: object) => nexa.loadModel('other', { memoryGuard: { footprint: 2 * GiB, ...own } });
    const [aborted, late, closed] = [load({ signal }), load({ wait: { timeoutMs: 1000 } }), load({})];
    const ends = [
      expect(aborted).rejects.toThrow('enough'),
      expect(late).rejects.toMatchObject({ code: 'ERR_ADMISSION_TIMEOUT' }),
      expect(closed).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' }),
    ];
    await settled();
    await expect(nexa.loadModel('small', sized(0.25))).resolves.toMatchObject({ name: 'small' });
    controller.abort(new Error('enough'));
    await ends[0];
    await clock.advanceAsync(1000, 100);
    await ends[1];
    guard.close();
    await ends[2];
    expect(clock.pending).toBe(0);
  });
});

describe('an eviction that fails', () => {
  it('is tried once for a load, however long that waits', async () => {
    const { raw, nexa, clock, events } = await loadSlow({ evict: 'idle', minResidencyMs: 0 });
    const other = nexa.loadModel('other', { memoryGuard: { footprint: 2 * GiB, wait: { timeoutMs: 500 } } });
    const refused = expect(other).rejects.toMatchObject({ code: 'ERR_ADMISSION_TIMEOUT' });
    await clock.advanceAsync(50);
    raw.disposals[0]?.reject(new Error('cannot'));
    await clock.advanceAsync(600);
    await refused;
    expect(raw.disposals).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'degraded')).toHaveLength(1);
  });
});

describe('a model that is registered while the SDK ends all that it has', () => {
  it('is neither evicted nor handed to the SDK again before that is done', async () => {
    const { models, hold } = makeLoadedModels();
    const all = deferred();
    const whole = models.disposeSome(
      () => true,
      () => all.promise,
    );
    const raw = new FakeModel('m');
    const held = hold(raw);
    expect(models.evict(held, 'memory')).toBe(false);
    const disposal = models.dispose(held, () => raw.dispose());
    await settled();
    expect(raw.disposals).toBe(0);
    all.resolve();
    await Promise.all([whole, disposal]);
    expect(raw.disposals).toBe(1);
    expect(models.size).toBe(0);
  });
});

describe('a model that was registered while others ended', () => {
  it('does not keep those', async () => {
    const { models, hold } = makeLoadedModels();
    const all = deferred();
    const gone = await (async () => {
      const raw = new FakeModel('gone');
      hold(raw);
      const whole = models.disposeSome(
        () => true,
        () => all.promise,
      );
      hold(new FakeModel('late'));
      all.resolve();
      await whole;
      return new WeakRef(raw);
    })();
    expect(await collectUntil(() => gone.deref() === undefined)).toBe(true);
    expect(models.list().map(({ name }) => name)).toHaveLength(1);
  });
});

describe('a model of an engine that can end only idle ones', () => {
  it('is disposed once its last call is done', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new FakeModel('m');
    const held = hold(raw, { endsAfterCalls: true });
    models.beginCall(held);
    models.beginCall(held);
    const disposal = models.dispose(held, () => raw.dispose());
    models.endCall(held, true);
    await settled();
    expect(raw.disposals).toBe(0);
    models.endCall(held, true);
    await disposal;
    expect(raw.disposals).toBe(1);
    expect(causes()).toEqual(['unloaded']);
  });

  it('is disposed at once if no call runs, or if its engine ends calls itself', () => {
    for (const [endsAfterCalls, calls] of [
      [true, 0],
      [false, 1],
    ] as const) {
      const { models, hold } = makeLoadedModels();
      const raw = new FakeModel('m');
      const held = hold(raw, { endsAfterCalls });
      if (calls > 0) models.beginCall(held);
      void models.dispose(held, () => raw.dispose());
      expect(raw.disposals).toBe(1);
    }
  });
});

describe('a guard that is closed', () => {
  it('ends no model any more: not one that is idle, nor one whose handle is lost', async () => {
    const clock = new ManualClock();
    const { models, hold } = makeLoadedModels({ clock, keepAliveMs: 100 });
    const raws = [new SlowModel(), new SlowModel()];
    const [, lost] = raws.map((raw) => hold(raw));
    models.close();
    models.lost(lost!);
    models.hold(lost!)();
    const late = hold(new SlowModel());
    expect(models.evict(late, 'memory')).toBe(false);
    await clock.advanceAsync(1000);
    expect(raws.flatMap(({ disposals }) => disposals)).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe('a model that is idle and works on what its handle does not see', () => {
  it('has its idle time again, until it is done', async () => {
    let busy = true;
    const clock = new ManualClock();
    const { hold, causes } = makeLoadedModels({ clock, keepAliveMs: 100 });
    hold(new FakeModel('m'), { isBusy: () => busy });
    await clock.advanceAsync(350);
    expect(causes()).toEqual([]);
    busy = false;
    await clock.advanceAsync(100);
    expect(causes()).toEqual(['keep-alive']);
  });
});

describe('a model whose handle was lost', () => {
  it('is not evicted while it is disposed for that', async () => {
    const { models, hold, causes } = makeLoadedModels();
    const raw = new SlowModel();
    const held = hold(raw);
    models.lost(held);
    expect(models.idle()).toEqual([]);
    expect(models.evict(held, 'memory')).toBe(false);
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
    hold({}, { name: 'm: context', owner: { held: owned, letGo: models.hold(owned) } });
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
    const [first, second] = [models.hold(held), models.hold(held)];
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
    const letGo = models.hold(held);
    models.lost(held);
    held.orphaned = false; // what a handle that is found again does
    letGo();
    expect(raw.disposals).toHaveLength(0);
    expect(models.size).toBe(1);
  });
});
