/** Caches of keys, values and states, by hand. */
import { afterAll, describe, expect, it } from 'vitest';
import { type EstimateFootprintOptions, estimateFootprint } from '../../../src/estimate-footprint.ts';
import { computeCacheSizes, sizeRun } from '../../../src/footprint/llama-cpp/cache-sizes.ts';
import { SMALL } from '../../../tools/architectures.mjs';
import { createModelShape, LAYER } from '../../support/graph-shapes.ts';
import { makeModels } from '../../support/model-headers.ts';

const RUN = {
  contextSize: 4096,
  batchSize: 512,
  microBatchSize: 512,
  sequences: 1,
  keyType: 'f16',
  valueType: 'f16',
  flashAttention: true,
  fullSlidingCache: false,
  embeddings: false,
  unifiedKvCache: false,
};

const models = makeModels();
afterAll(() => models.remove());

const llama = () => models.model({ architecture: 'llama', ...SMALL['llama'] }, 'llama.gguf');
const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('caches', () => {
  it('hold fewer heads with grouped-query attention', async () => {
    const shape = { architecture: 'llama', heads: 8 };
    const all = await footprint(models.model({ ...shape, kvHeads: 8 }));
    const grouped = await footprint(models.model({ ...shape, kvHeads: 2 }));
    expect(all.kvCacheBytes).toBe(4 * grouped.kvCacheBytes);
  });

  it('hold the heads of each layer where they differ', async () => {
    const shape = { architecture: 'llama', heads: 8, layers: 4 };
    const each = await footprint(models.model({ ...shape, kvHeads: [8, 4, 2, 2] }), { contextSize: 1024 });
    // 64 elements a head, keys and values, 2 bytes.
    expect(each.kvCacheBytes).toBe(1024 * (8 + 4 + 2 + 2) * 64 * 2 * 2);
  });

  it('pad values to the widest layer without flash attention', async () => {
    const path = models.model({ architecture: 'llama', heads: 8, layers: 4, kvHeads: [8, 4, 2, 2] });
    const off = await footprint(path, { contextSize: 1024, flashAttention: 'off' });
    expect(off.kvCacheBytes).toBe(1024 * (8 + 4 + 2 + 2 + 4 * 8) * 64 * 2);
  });

  it('count the types of keys and values apart', async () => {
    const [f16, mixed] = [await footprint(llama()), await footprint(llama(), { kvCacheType: { k: 'q8_0', v: 'f16' } })];
    expect(mixed.kvCacheBytes).toBe(f16.kvCacheBytes / 2 + (f16.kvCacheBytes / 2) * (34 / 64));
  });

  it('are rounded up to 256 cells', async () => {
    const [one, full] = [await footprint(llama(), { contextSize: 1 }), await footprint(llama(), { contextSize: 256 })];
    expect(one.kvCacheBytes).toBe(full.kvCacheBytes);
  });

  it('of sliding layers hold the window and a micro-batch', async () => {
    const shape = { architecture: 'gemma3', ...SMALL['gemma3'], window: 512 };
    const sliding = await footprint(models.model(shape), { contextSize: 8192 });
    // 8 layers in a pattern of 6: layers 5 sees everything; 256 elements, keys and values, 2 bytes.
    expect(sliding.kvCacheBytes).toBe((1 * 8192 + 7 * (512 + 512)) * 256 * 2 * 2);
    const whole = await footprint(models.model(shape), { contextSize: 8192, fullSlidingCache: true });
    expect(whole.kvCacheBytes).toBe(8 * 8192 * 256 * 2 * 2);
  });

  it('of sliding layers are no larger than the context', async () => {
    const shape = { architecture: 'gemma3', ...SMALL['gemma3'], window: 4096 };
    const short = await footprint(models.model(shape), { contextSize: 1024 });
    expect(short.kvCacheBytes).toBe(8 * 1024 * 256 * 2 * 2);
  });

  it('of hybrid layers are states that do not grow with the context', async () => {
    const path = models.model({ architecture: 'lfm2', ...SMALL['lfm2'] });
    const [small, large] = [await footprint(path, { contextSize: 1024 }), await footprint(path, { contextSize: 2048 })];
    // Two of six layers attend with two heads; the others keep two columns of 512 floats.
    expect(large.kvCacheBytes - small.kvCacheBytes).toBe(1024 * 2 * 2 * 64 * 2 * 2);
    expect(small.kvCacheBytes - (large.kvCacheBytes - small.kvCacheBytes)).toBe(4 * 2 * 512 * 4);
  });

  it('of recurrent models do not depend on the context at all', async () => {
    const path = models.model({ architecture: 'mamba', ...SMALL['mamba'] });
    const [small, large] = [
      await footprint(path, { contextSize: 1024 }),
      await footprint(path, { contextSize: 65_536 }),
    ];
    expect(large.kvCacheBytes).toBe(small.kvCacheBytes);
  });

  it('of all sequences are one if that is asked for, with a window for each', () => {
    const shape = createModelShape({ layers: [{ ...LAYER, sliding: true }, LAYER], slidingWindow: 512 });
    const size = (unifiedKvCache: boolean) => sizeRun(shape, { ...RUN, sequences: 3, unifiedKvCache });
    expect(size(true)).toMatchObject({ streams: 1, cells: 4096, slidingCells: 3 * 512 + 512 });
    expect(size(false)).toMatchObject({ streams: 3, cells: 1536, slidingCells: 1024 });
    // Keys and values of 64 elements in F16.
    expect(computeCacheSizes(shape, size(true)).keyValueBytes).toBe((2048 + 4096) * 2 * 64 * 2);
  });

  it('of latent attention are keys alone, and of an index what the cache has', () => {
    const count = (cached: 'keys' | 'keys-and-values', indexLength: number) => {
      const shape = createModelShape({ layers: [{ ...LAYER, cached }], indexLength });
      return computeCacheSizes(shape, sizeRun(shape, RUN)).keyValueBytes / 4096 / 2;
    };
    expect([count('keys', 0), count('keys-and-values', 0)]).toEqual([64, 128]);
    expect([count('keys', 32), count('keys-and-values', 32)]).toEqual([64 + 32, 128 + 32 + 64]);
  });
});
