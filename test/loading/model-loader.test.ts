import { afterAll, describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { DOCUMENTED_NEEDS, KEPT_BYTES } from '../support/documented-needs.ts';
import { deferred, FakeMachine, type FakeModel, guardedFake, settled } from '../support/fake-sdk.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

const { Q5_K_M: Q5, Q4_0 } = DOCUMENTED_NEEDS;

describe('a load that fits', () => {
  it.each(['Q5_K_M', 'Q4_K_M', 'Q4_0'] as const)(
    'is admitted in %s and passed on as it was asked',
    async (quantization) => {
      const { nexa, sdk, guard, events } = guardedFake(new FakeMachine(KEPT_BYTES + DOCUMENTED_NEEDS[quantization]));
      const options = { quantization, threads: 2 };
      await nexa.loadModel('qwen2audio', options);
      expect(sdk.calls).toEqual([['qwen2audio', options]]);
      expect(sdk.calls[0]?.[1]).toEqual(options);
      expect(events[0]).toMatchObject({
        type: 'admitted',
        verdict: 'admit',
        quantization,
        forced: false,
        observed: false,
      });
      expect(guard.models()[0]).toMatchObject({
        quantization,
        need: { anonymousBytes: DOCUMENTED_NEEDS[quantization], basis: 'table' },
      });
    },
  );
});

describe('a load with a cache whose keys and values differ', () => {
  const files = makeTinyModels();
  afterAll(() => files.remove());
  const kvCacheType = { k: 'q8_0', v: 'f16' } as const;

  /** Loads a real file through an SDK that lets its context and cache be chosen. */
  async function load(options: { readonly contextSize: number; readonly kvCacheType?: unknown }) {
    const adapter: GuardOptions['adapter'] = {
      listOffers: async () => [{ quantization: 'Q4_0', modelPath: files.model('Q4_0') }],
      withShape: ([name, given], shape) => [name, { ...Object(given), ...shape }],
    };
    const fake = guardedFake(new FakeMachine(15 * GiB), { adapter });
    const model = (await fake.nexa.loadModel('qwen2audio', options)) as FakeModel & { kvCacheType?: unknown };
    return { ...fake, model };
  }

  it('tells both types in the decision, in the model and in the sentence', async () => {
    const { sdk, guard, last, model } = await load({ contextSize: 512, kvCacheType: [kvCacheType, 'f16'] });
    expect(sdk.calls[0]?.[1]).toMatchObject({ contextSize: 512, kvCacheType });
    expect(last('admitted')).toMatchObject({ contextSize: 512, kvCacheType });
    expect(last('admitted')?.message).toContain('with 512 tokens of context and a cache of q8_0 keys and f16 values');
    expect(guard.models()[0]).toMatchObject({ kvCacheType });
    expect(guard.models()[0]?.reason).toContain('a cache of q8_0 keys and f16 values');
    expect(model.kvCacheType).toEqual(kvCacheType);
  });

  it('tells no type if none was chosen', async () => {
    const { guard, last } = await load({ contextSize: 512 });
    expect(last('admitted')).not.toHaveProperty('kvCacheType');
    expect(last('admitted')?.message).not.toContain('cache');
    expect(guard.models()[0]).not.toHaveProperty('kvCacheType');
  });
});

describe('four loads at once', () => {
  const available = Q4_0 + KEPT_BYTES + 100 * MiB;
  const attempt = async (options: GuardOptions, during?: () => unknown) => {
    const fake = guardedFake(new FakeMachine(available), options);
    fake.sdk.during = during;
    const loads = Array.from({ length: 4 }, () => fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    return { ...fake, results: await Promise.allSettled(loads) };
  };

  it.each([
    ['one after the other', {}, undefined],
    ['side by side', { maxConcurrentLoads: 4 }, undefined],
    ['side by side and slow', { maxConcurrentLoads: 4 }, settled],
    ['one after the other and slow', {}, settled],
  ])('of which one fits: one is loaded (%s)', async (_how, options, during) => {
    const { results, sdk, guard, types } = await attempt(options, during);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    }
    expect(sdk.calls).toHaveLength(1);
    expect(guard.models()).toHaveLength(1);
    expect(types().filter((type) => type === 'refused')).toHaveLength(3);
  });

  it('run no more than maxConcurrentLoads at a time', async () => {
    for (const maxConcurrentLoads of [1, 3]) {
      let running = 0;
      let most = 0;
      const { nexa, sdk } = guardedFake(new FakeMachine(15 * GiB), { maxConcurrentLoads });
      sdk.during = async () => {
        running += 1;
        most = Math.max(most, running);
        await settled();
        running -= 1;
      };
      await Promise.all(Array.from({ length: 6 }, () => nexa.loadModel('m', { memoryGuard: { footprint: 1 } })));
      expect(most).toBe(maxConcurrentLoads);
    }
  });

  it('can be given up while they wait, and leave no trace', async () => {
    const { nexa, sdk, guard } = guardedFake(new FakeMachine(15 * GiB));
    const gate = deferred();
    sdk.during = () => gate.promise;
    const first = nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    const controller = new AbortController();
    const memoryGuard = { signal: controller.signal };
    const second = nexa.loadModel('qwen2audio', { quantization: 'Q4_0', memoryGuard });
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    gate.resolve();
    await first;
    expect(sdk.calls).toHaveLength(1);
    expect(guard.models()).toHaveLength(1);
    await expect(nexa.loadModel('qwen2audio', { memoryGuard })).rejects.toBe(reason);
  });
});

describe('an error of the SDK', () => {
  it.each(['rejects', 'throws synchronously'])('passes through unchanged if loadModel %s', async (how) => {
    const error = Object.assign(new Error('of the SDK'), { code: 'THEIRS' });
    const sdk = {
      loadModel(_name: string, _options?: object): Promise<FakeModel> {
        if (how === 'rejects') return Promise.reject(error);
        throw error;
      },
    };
    const machine = new FakeMachine(15 * GiB);
    const nexa = withMemoryGuard(sdk, { sensor: machine.sensor, clock: new ManualClock() });
    await expect(nexa.loadModel('qwen2audio')).rejects.toBe(error);
    await expect(nexa.loadModel('qwen2audio')).rejects.toBe(error); // its turn was given back
    expect(nexa.guard.models()).toEqual([]);
    expect(nexa.guard.headroomBytes()).toBe(machine.availableBytes);
  });
});

describe('observing', () => {
  const observe = (available: number) => guardedFake(new FakeMachine(available), { mode: 'observe' });

  it.each([
    [15 * GiB, 'admitted'],
    [Q4_0 + KEPT_BYTES, 'downgraded'],
    [1 * GiB, 'refused'],
  ] as const)('changes and refuses nothing with %d bytes, and reports `%s`', async (available, type) => {
    const { nexa, sdk, guard, types, last } = observe(available);
    const options = { quantization: 'Q5_K_M', threads: 2 };
    await nexa.loadModel('qwen2audio', options);
    expect(sdk.calls[0]?.[1]).toEqual(options);
    expect(types()[0]).toBe(type);
    expect(types()).toContain('loaded');
    expect(last(type)).toMatchObject({ observed: true, forced: false });
    expect(last(type)?.message).toMatch(/^Observed only: /);
    expect(guard.models()[0]?.quantization).toBe('Q5_K_M');
    expect(guard.headroomBytes()).toBe(available - Q5);
  });

  it('adds no quantization if none was asked for', async () => {
    const { nexa, sdk, guard } = observe(15 * GiB);
    const options = { threads: 2 };
    await nexa.loadModel('qwen2audio', options);
    await nexa.loadModel('qwen2audio');
    expect(sdk.calls).toEqual([['qwen2audio', { threads: 2 }], ['qwen2audio']]);
    expect(sdk.calls[0]?.[1]).toEqual(options);
    expect(guard.models()[0]?.quantization).toBeUndefined();
  });
});

describe('a load that is observed and not understood', () => {
  it('is passed on as it is, and told of', async () => {
    const { nexa, sdk, events, guard } = guardedFake(new FakeMachine(15 * GiB), { mode: 'observe' });
    await nexa.loadModel('qwen2audio', { quantization: 'Q8_0' });
    expect(sdk.calls).toEqual([['qwen2audio', { quantization: 'Q8_0' }]]);
    expect(events[0]).toMatchObject({
      type: 'degraded',
      code: 'ERR_UNKNOWN_QUANTIZATION',
      message: expect.stringContaining('Observed only'),
    });
    expect(guard.models()).toHaveLength(1);
  });
});

describe('`memoryGuard`', () => {
  it.each(['enforce', 'observe'] as const)('never reaches the SDK (%s)', async (mode) => {
    const { nexa, sdk } = guardedFake(new FakeMachine(15 * GiB), { mode });
    const options = { quantization: 'Q4_0', threads: 2, memoryGuard: { downgrade: false } };
    await nexa.loadModel('qwen2audio', options);
    await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    expect(sdk.calls).toEqual([
      ['qwen2audio', { quantization: 'Q4_0', threads: 2 }],
      ['m', {}],
    ]);
    expect(options.memoryGuard).toEqual({ downgrade: false });
  });
});
