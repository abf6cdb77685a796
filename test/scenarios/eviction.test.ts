/** Loads that make room by unloading idle models, and what becomes of a model that was unloaded. The SDK and the machine are fakes. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { LoadGuardOptions } from '../../src/loading/load-guard-options.ts';
import { deferred, FakeMachine, type FakeModel, guardedFake } from '../support/fake-sdk.ts';

const options: GuardOptions = { minFreeRatioAfterLoad: 0, minFreeBytes: 100 * MiB, evict: 'idle' };
const sized = (gib: number, more: object = {}) => ({ memoryGuard: { footprint: gib * GiB, ...more } });
const evicted = { code: 'ERR_MODEL_EVICTED' };

/** Runs a load beside a manual clock that goes on: an eviction waits until memory is seen to be back. */
async function through<T>(clock: { advanceAsync(byMs: number): Promise<void> }, load: Promise<T>): Promise<T> {
  load.catch(() => {});
  await clock.advanceAsync(600);
  return load;
}

describe('a load that doesn’t fit', () => {
  it('evicts the largest idle model, and no more than it needs', async () => {
    const { nexa, clock, last, guard, sdk } = guardedFake(new FakeMachine(6.5 * GiB), options);
    for (const gib of [1, 3, 2]) await nexa.loadModel(`m${gib}`, sized(gib));
    await through(clock, nexa.loadModel('new', sized(2.5)));
    expect(guard.models().map(({ name }) => name)).toEqual(['m1', 'm2', 'new']);
    expect(last('evicted')).toMatchObject({ model: 'm3', reason: 'memory' });
    expect(sdk.models.map(({ disposals }) => disposals)).toEqual([0, 1, 0, 0]);
  });

  it('evicts nothing unless that was asked for', async () => {
    const { nexa, clock, types } = guardedFake(new FakeMachine(4 * GiB), { ...options, evict: 'never' });
    await nexa.loadModel('m', sized(3));
    await expect(through(clock, nexa.loadModel('new', sized(2)))).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    expect(types()).not.toContain('evicted');
  });

  it('evicts nothing if that would not be enough', async () => {
    const { nexa, clock, guard } = guardedFake(new FakeMachine(4 * GiB), options);
    await nexa.loadModel('m', sized(1));
    await expect(through(clock, nexa.loadModel('new', sized(8)))).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    expect(guard.models()).toHaveLength(1);
  });

  it('evicts no model with a call in flight or an open stream, and none that is pinned', async () => {
    const { nexa, clock, guard } = guardedFake(new FakeMachine(6 * GiB), options);
    const [busy, streaming] = [await nexa.loadModel('busy', sized(2)), await nexa.loadModel('streaming', sized(2))];
    await nexa.loadModel('pinned', sized(1.5, { pin: true }));
    const running = deferred();
    const call = busy.generate({ wait: running.promise, fails: new Error('stopped') });
    const stream = streaming.generateStream();
    await stream.next();
    await expect(through(clock, nexa.loadModel('new', sized(1)))).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    expect(guard.models()).toHaveLength(3);
    running.resolve();
    await expect(call).rejects.toThrow('stopped'); // it has taken nothing yet
    await through(clock, nexa.loadModel('new', sized(1)));
    expect(guard.models().map(({ name }) => name)).toEqual(['streaming', 'pinned', 'new']);
  });

  it('credits no model whose disposal fails, and says so', async () => {
    const { nexa, clock, guard, sdk, last } = guardedFake(new FakeMachine(4 * GiB), options);
    sdk.during = (name) =>
      name === 'm' && { generate: async () => 'text', dispose: () => Promise.reject(new Error('stuck')) };
    const model = await nexa.loadModel('m', sized(3));
    sdk.during = undefined;
    await expect(through(clock, nexa.loadModel('new', sized(2)))).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    expect(last('degraded')?.message).toContain('m could not be evicted: Error: stuck');
    expect(guard.models()).toHaveLength(1);
    expect(await model.generate()).toBe('text');
  });

  it('evicts what the user’s own function chooses', async () => {
    const asked: unknown[] = [];
    const evict: GuardOptions['evict'] = (idle, missingBytes) => {
      asked.push(missingBytes);
      return idle.filter(({ name }) => name === 'small');
    };
    const { nexa, clock, guard } = guardedFake(new FakeMachine(4 * GiB), { ...options, evict });
    await nexa.loadModel('large', sized(2));
    await nexa.loadModel('small', sized(1));
    await through(clock, nexa.loadModel('new', sized(1.5)));
    expect(asked).toEqual([0.5 * GiB + 100 * MiB]);
    expect(guard.models().map(({ name }) => name)).toEqual(['large', 'new']);
  });
});

describe('an idle model', () => {
  const keepAlive = { ...options, evict: 'never', keepAliveMs: 1000 } as const;

  it('is unloaded after its time, counted from its last call', async () => {
    const { nexa, clock, guard, last } = guardedFake(new FakeMachine(6 * GiB), keepAlive);
    const model = await nexa.loadModel('m', sized(1));
    await clock.advanceAsync(900);
    await model.generate();
    await clock.advanceAsync(900);
    expect(guard.models()).toHaveLength(1);
    await clock.advanceAsync(700);
    expect(guard.models()).toHaveLength(0);
    expect(last('evicted')).toMatchObject({ model: 'm', reason: 'keep-alive' });
  });

  it('stays while it is pinned or works, and leaves no timer behind', async () => {
    const { nexa, clock, guard } = guardedFake(new FakeMachine(6 * GiB), keepAlive);
    const running = deferred();
    const pinned = await nexa.loadModel('pinned', sized(1, { pin: true }));
    const busy = await nexa.loadModel('busy', sized(1));
    const call = busy.generate({ wait: running.promise });
    await clock.advanceAsync(2000);
    expect(guard.models()).toHaveLength(2);
    running.resolve();
    await call;
    await busy.dispose();
    await pinned.dispose();
    await clock.advanceAsync(1500);
    expect(clock.pending).toBe(0);
  });
});

describe('a model that is used after its eviction', () => {
  const evictOne = async (more: GuardOptions = {}, own: LoadGuardOptions = {}) => {
    const fake = guardedFake(new FakeMachine(4 * GiB), { ...options, ...more });
    const model = await fake.nexa.loadModel('m', sized(3, own));
    const other = await through(fake.clock, fake.nexa.loadModel('other', sized(2)));
    return { ...fake, model: model as FakeModel, other };
  };

  it('says so with a code, and can be disposed all the same', async () => {
    const { model, sdk } = await evictOne();
    expect(() => model.generate()).toThrow(expect.objectContaining(evicted));
    expect(() => model.generateStream()).toThrow(expect.objectContaining(evicted));
    await model.dispose();
    expect(sdk.models[0]?.disposals).toBe(1);
    expect(model.name).toBe('m');
  });

  it('is loaded again if that was asked for, once for calls that come together', async () => {
    const { model, other, sdk, guard, clock } = await evictOne({ reload: true });
    await other.dispose();
    const both = Promise.all([model.generate(), model.generate()]);
    expect(await through(clock, both)).toEqual(['text', 'text']);
    expect(sdk.calls.map(([name]) => name)).toEqual(['m', 'other', 'm']);
    expect(guard.models()).toHaveLength(1);
    await model.dispose();
    expect(guard.models()).toHaveLength(0);
  });

  it.each([
    ['without waiting', {}],
    ['waiting for memory', { wait: true }],
  ])('is loaded again although the signal of its first load has ended since (%s)', async (_how, own) => {
    const controller = new AbortController();
    const fake = await evictOne({ reload: true }, { ...own, signal: controller.signal });
    const { nexa, guard, machine, model, other, sdk, clock } = fake;
    controller.abort(new Error('too late for the first load'));
    await other.dispose();
    expect(await through(clock, model.generate())).toBe('text');
    expect(sdk.calls.map(([name]) => name)).toEqual(['m', 'other', 'm']);
    machine.availableBytes = 1 * GiB;
    guard.on('evicted', () => {
      machine.availableBytes = 4 * GiB;
    });
    await (await through(clock, nexa.loadModel('other', sized(2)))).dispose();
    expect(await through(clock, model.generate())).toBe('text'); // evicted again, and loaded again
    expect(sdk.calls.map(([name]) => name)).toEqual(['m', 'other', 'm', 'other', 'm']);
  });

  it('streams as before once it is loaded again', async () => {
    const { model, other, clock } = await evictOne({ reload: true });
    await other.dispose();
    const read = (async () => {
      const texts: string[] = [];
      for await (const text of model.generateStream()) texts.push(text);
      return texts;
    })();
    expect(await through(clock, read)).toEqual(['one', 'two']);
  });

  it('is refused as any load if it fits no more, and tried again by the next call', async () => {
    const { model, other, clock, sdk } = await evictOne({ reload: true });
    const running = deferred();
    const call = other.generate({ wait: running.promise });
    await expect(through(clock, model.generate())).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    running.resolve();
    await call;
    expect(await through(clock, model.generate())).toBe('text');
    expect(sdk.calls.map(([name]) => name)).toEqual(['m', 'other', 'm']);
  });
});
