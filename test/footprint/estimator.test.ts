/** The public estimate: its defaults, its headers read once, and what it refuses before anything is computed. */
import { copyFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type EstimateFootprintOptions, estimateFootprint } from '../../src/estimate-footprint.ts';
import { openEstimator } from '../../src/footprint/estimator.ts';
import { SMALL } from '../../tools/architectures.mjs';
import { writeGguf } from '../support/gguf-writer.ts';
import { makeModels } from '../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const llama = () => models.model({ architecture: 'llama', ...SMALL['llama'] }, 'llama.gguf');
const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('an estimate', () => {
  it('takes the defaults for what is left out', async () => {
    const defaults = {
      contextSize: 4096,
      microBatchSize: 512,
      batchSize: 512,
      sequences: 1,
      kvCacheType: 'f16',
      flashAttention: 'auto',
      fullSlidingCache: false,
      embeddings: false,
      mmap: true,
      gpuLayers: 0,
      part: 'all',
    } as const;
    expect(await footprint(llama())).toEqual(await footprint(llama(), defaults));
    expect(await footprint(llama(), { contextSize: 2048 })).not.toEqual(await footprint(llama(), defaults));
  });

  it('takes batches as large as a micro-batch that is larger than usual', async () => {
    const wide = { contextSize: 4096, microBatchSize: 2048, embeddings: true };
    expect(await footprint(llama(), wide)).toEqual(await footprint(llama(), { ...wide, batchSize: 2048 }));
    expect(await footprint(llama(), wide)).not.toEqual(await footprint(llama(), { ...wide, batchSize: 512 }));
  });
});

describe('an estimator', () => {
  it('gives the same object for the same shape, whatever the order of its options', async () => {
    const estimator = await openEstimator(llama());
    const first = estimator.estimate({ contextSize: 2048, mmap: false });
    expect(estimator.estimate({ mmap: false, contextSize: 2048 })).toBe(first);
    expect(estimator.estimate({ contextSize: 2048 })).not.toBe(first);
  });

  it('names the files that it read, the projector apart from the shards', async () => {
    const [model, projector] = [llama(), models.projector({ width: 64, layers: 2, heads: 4, ffn: 128 })];
    const { shards, files } = await openEstimator(model, projector);
    expect(shards.map(({ inode }) => inode)).toEqual([statSync(model).ino]);
    expect(files.map(({ inode }) => inode)).toEqual([statSync(model).ino, statSync(projector).ino]);
  });

  it('refuses what can not be when it is asked for it', async () => {
    const estimator = await openEstimator(llama());
    expect(() => estimator.estimate({ contextSize: 0 })).toThrow(/`contextSize`/);
  });
});

describe('files that are refused', () => {
  it('names a projector given as a model', async () => {
    const path = models.projector({ width: 64 });
    await expect(footprint(path)).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(/found a projector; pass it as `projectorPath`/),
    });
  });

  it('names a model given as a projector', async () => {
    await expect(footprint(llama(), { projectorPath: llama() })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(/found a model of architecture "llama"/),
    });
  });

  it('names a truncated one', async () => {
    const path = join(models.folder, 'truncated.gguf');
    copyFileSync(llama(), path);
    truncateSync(path, 200_000);
    await expect(footprint(path)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  });
});

describe('options that are refused', () => {
  const bad: [object, RegExp][] = [
    [{ contextSize: 2 ** 31 }, /`contextSize` to be a whole number from 1 to 2147483647, got 2147483648/],
    [{ contextSize: Number.NaN }, /`contextSize`.*NaN/],
    [{ contextSize: 0 }, /`contextSize`/],
    [{ microBatchSize: 1.5 }, /`microBatchSize`/],
    [{ batchSize: '512' }, /`batchSize`/],
    [{ sequences: 257 }, /`sequences` to be a whole number from 1 to 256/],
    [{ kvCacheType: 'q3_k' }, /`kvCacheType` to be one of f16, /],
    [{ kvCacheType: { k: 'f16' } }, /`kvCacheType`/],
    [{ kvCacheType: 'q8_0', flashAttention: 'off' }, /not quantized without flash attention/],
    [{ flashAttention: true }, /'auto', 'on' or 'off'/],
    [{ mmap: 'yes' }, /`mmap` to be true or false/],
    [{ repack: 1 }, /`repack` to be 'auto', true or false/],
    [{ repack: [1] }, /`repack`/],
    [{ logits: 'some' }, /`logits` to be 'all' or 'last'/],
    [{ audioSeconds: -1 }, /`audioSeconds`/],
    [{ gpuLayers: -1 }, /`gpuLayers`/],
    [{ modelPath: '' }, /`modelPath`/],
    [{ projectorPath: 'a\0b' }, /`projectorPath`/],
    [{ contextLength: 1 }, /Unknown option `contextLength`/],
  ];
  for (const [options, message] of bad) {
    it(`refuses ${JSON.stringify(options)}`, async () => {
      await expect(estimateFootprint({ modelPath: llama(), ...options })).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringMatching(message),
      });
    });
  }

  it('refuses to do without a model', async () => {
    await expect(estimateFootprint({} as EstimateFootprintOptions)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
  });

  it('does not refuse a quantized cache of keys without flash attention', async () => {
    const { kvCacheBytes } = await footprint(llama(), { kvCacheType: { k: 'q8_0', v: 'f16' }, flashAttention: 'off' });
    expect(kvCacheBytes).toBeGreaterThan(0);
  });

  it('refuses a context whose cache no number counts exactly', async () => {
    const path = writeGguf(join(models.folder, 'vast.gguf'), {
      entries: [
        ['general.architecture', 'string', 'llama'],
        ['llama.embedding_length', 'u32', 2 ** 20],
        ['llama.block_count', 'u32', 512],
        ['llama.attention.head_count', 'u32', 64],
        ['llama.vocab_size', 'u32', 100],
      ],
    });
    await expect(footprint(path, { contextSize: 2 ** 31 - 1 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});
