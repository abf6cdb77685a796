import { describe, expect, it } from 'vitest';
import type { Adapter, LoadRequest } from '../../src/adapters/adapter.ts';
import { GiB } from '../../src/core/bytes.ts';
import { offerKnownModel } from '../../src/loading/known-model-offers.ts';
import { type FakeLoadOptions, FakeMachine, guardedFake } from '../support/fake-sdk.ts';

const TOLD = { withShape: (args: readonly unknown[]) => args };

describe('the offers of a known model without files', () => {
  it('are the steps of the documented table, each with an estimator and no path', async () => {
    const offers = await offerKnownModel({ name: 'qwen2audio' }, TOLD, undefined);
    expect(offers.map(({ quantization }) => quantization)).toEqual(['Q5_K_M', 'Q4_K_M', 'Q4_0']);
    for (const { estimator, modelPath, observed } of offers) {
      expect(estimator.estimate({ contextSize: 2048 }).basis).toBe('shape');
      expect([modelPath, observed]).toEqual([undefined, undefined]);
    }
  });

  it('are none of a model whose shape is not known', async () => {
    expect(await offerKnownModel({ name: 'another' }, TOLD, undefined)).toEqual([]);
  });

  it('know what was seen of them', async () => {
    const found = { key: 'key', observations: [] };
    const [offer] = await offerKnownModel({ name: 'qwen2audio' }, TOLD, () => found);
    expect(offer?.observed?.({ contextSize: 2048 })).toBe(found);
  });

  it('go by the range of the caller if the SDK is told what was chosen, and assume otherwise', async () => {
    const readRange = async (adapter: Pick<Adapter, 'withShape'>) =>
      (await offerKnownModel({ name: 'qwen2audio' } satisfies LoadRequest, adapter, undefined))[0]?.readRange;
    expect(await readRange(TOLD)).toBeUndefined();
    expect((await readRange({}))?.({}).contextAssumed).toBe(true);
  });
});

describe('a load of a known model without files', () => {
  const load = async (options: FakeLoadOptions, guard: object = {}, gib = 32) => {
    const fake = guardedFake(new FakeMachine(gib * GiB, gib * GiB), { knownModels: 'shape', ...guard });
    await fake.nexa.loadModel('qwen2audio', options);
    return fake;
  };

  it('is judged by its shape, with the context that is assumed, and the sentence says so', async () => {
    const { guard, last, sdk } = await load({ quantization: 'Q4_K_M' });
    expect(last('admitted')?.message).toBe(
      'Loading qwen2audio Q4_K_M with 4096 tokens of context (assumed, since the load names no number), which needs 8.1 GiB (by its published shape) of 32.0 GiB.',
    );
    expect(guard.models()[0]).toMatchObject({
      need: { mappedBytes: 0, basis: 'shape' },
      predicted: { mappedBytes: 0 },
    });
    expect(sdk.calls).toEqual([['qwen2audio', { quantization: 'Q4_K_M' }]]);
  });

  it('is judged with the context that the caller wrote', async () => {
    const { last } = await load({ quantization: 'Q4_0', contextSize: 2048 });
    expect(last('admitted')?.message).toMatch(/Q4_0 with 2048 tokens of context, which needs 6\.9 GiB/);
  });

  it('is given the context that was chosen, if its adapter can do that', async () => {
    const withShape: Adapter['withShape'] = ([name, given], chosen) => [name, { ...Object(given), ...chosen }];
    const { sdk, guard } = await load({ quantization: 'Q4_0' }, { adapter: { withShape } }, 10.2);
    const [[, options]] = sdk.calls as [[string, { contextSize: number }]];
    expect(options.contextSize).toBeGreaterThanOrEqual(2048);
    expect(options.contextSize).toBeLessThan(4096);
    expect(guard.models()[0]).toMatchObject({ contextSize: options.contextSize });
  });

  it('is refused where the documented table would let it in to be killed', async () => {
    const refused = guardedFake(new FakeMachine(6 * GiB, 6 * GiB), { knownModels: 'shape' });
    await expect(refused.nexa.loadModel('qwen2audio')).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
      message: expect.stringMatching(/even Q4_0|Q4_0 with 4096 tokens of context \(assumed/),
    });
    expect(refused.sdk.calls).toEqual([]);
    const admitted = await load({}, { knownModels: 'table' }, 6);
    expect(admitted.guard.models()[0]?.need).toMatchObject({ basis: 'table' });
  });

  it('goes by the caller’s own number where he gives one', async () => {
    const { guard } = await load({ quantization: 'Q4_0', memoryGuard: { footprint: 5 * GiB } });
    expect(guard.models()[0]?.need).toMatchObject({ anonymousBytes: 5 * GiB, basis: 'given' });
  });

  it('is refused with a shape that can’t be', async () => {
    await expect(load({ kvCacheType: 'q3' })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(load({ contextSize: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('a known model without files in a quantization that the document does not name', () => {
  it('is offered if it is asked for and how it mixes types is known, with the documented ones below it', async () => {
    const asked = async (quantization: string) =>
      (await offerKnownModel({ name: 'qwen2audio', quantization }, TOLD, undefined)).map((offer) => offer.quantization);
    expect(await asked('Q8_0')).toEqual(['Q8_0', 'Q5_K_M', 'Q4_K_M', 'Q4_0']);
    expect(await asked('IQ1_S')).toEqual(['Q5_K_M', 'Q4_K_M', 'Q4_0']);
  });
});
