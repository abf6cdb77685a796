/** The estimate from a published shape, compared with that from the headers of whole files of the same shape. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GiB, KiB } from '../../src/core/bytes.ts';
import { estimateFootprint } from '../../src/estimate-footprint.ts';
import { findKnownModelEstimator, prepareKnownModel } from '../../src/footprint/estimate-known-model.ts';
import { findPublishedShape } from '../../src/footprint/published-shapes.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { fullLanguage, fullProjector, writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';

const QUANTIZATIONS = ['Q4_0', 'Q4_K_M', 'Q5_K_M'] as const;
const { merges } = findPublishedShape('qwen2audio')!.language;
/** What the engine holds for a merge, as `runtime-overhead.ts` has it. */
const MERGE_BYTES = 112;

const folder = mkdtempSync(join(tmpdir(), 'nexa-published-shape-'));
const projectorPath = join(folder, 'mmproj.gguf');
const modelPath = (quantization: string) => join(folder, `qwen2audio-${quantization}.gguf`);

beforeAll(() => {
  for (const quantization of QUANTIZATIONS) {
    writeLanguageModel(modelPath(quantization), { ...fullLanguage, quantization });
  }
  writeAudioProjector(projectorPath, fullProjector);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const estimate = (quantization: string, shape: object) =>
  findKnownModelEstimator('qwen2audio', quantization)!.estimate(shape);

describe('the estimate of a known model without a file', () => {
  it.each(
    QUANTIZATIONS.flatMap((quantization) => [2048, 4096].map((contextSize) => [quantization, contextSize] as const)),
  )('is that of the files: %s with %d tokens', async (quantization, contextSize) => {
    const file = await estimateFootprint({ modelPath: modelPath(quantization), projectorPath, contextSize });
    const shape = estimate(quantization, { contextSize });
    // A synthetic file has one pair to join, and the real tokenizer as many as were published.
    const mergesBytes = (merges - 1) * MERGE_BYTES;
    const { totalBytes, runtimeBytes, ...parts } = file;
    expect(shape).toMatchObject({
      ...parts,
      totalBytes: totalBytes + mergesBytes,
      runtimeBytes: runtimeBytes + mergesBytes,
      mappedBytes: 0,
      anonymousBytes: totalBytes + mergesBytes,
      basis: 'shape',
    });
    expect(Math.abs(shape.totalBytes - mergesBytes - totalBytes) / totalBytes).toBeLessThan(0.001);
  });

  it('has the kinds of tensors of the files, in the same bytes', async () => {
    for (const quantization of QUANTIZATIONS) {
      const { tensorBytes } = await readGguf(modelPath(quantization));
      expect(estimate(quantization, { repack: false }).weightsBytes).toBe(tensorBytes);
    }
  });

  it.each([
    // Lengths that the files of this model are published with, in 10^9 bytes.
    ['Q4_0', 4.54],
    ['Q4_K_M', 4.79],
    ['F16', 15.5],
  ])('has the published size in %s', (quantization, published) => {
    const gigabytes = estimate(quantization, { repack: false }).weightsBytes / 1e9;
    expect(Math.abs(gigabytes - published)).toBeLessThan(0.01 * published);
  });

  it('counts a projector in F16 of 1.3 GB', () => {
    expect(estimate('Q4_0', {}).projectorBytes / 1e9).toBeCloseTo(1.3, 1);
  });

  it('grows by half a MiB for each token of context, and less with a smaller cache', () => {
    const bytes = (shape: object) => estimate('Q4_K_M', shape).totalBytes;
    // Keys and values of 32 layers, and 48 bytes for each cell beside them.
    expect(bytes({ contextSize: 4096 }) - bytes({ contextSize: 2048 })).toBe(2048 * (512 * KiB + 48));
    expect(bytes({ contextSize: 4096, kvCacheType: 'q8_0' })).toBeLessThan(bytes({ contextSize: 4096 }) - 0.9 * GiB);
  });

  it('is the same whether its longest step was taken before or not', () => {
    for (const name of ['qwen2audio', 'another']) prepareKnownModel(name);
    expect(estimate('Q4_0', {}).projectorComputeBytes).toBe(53_760_000);
  });

  it('is one object for one shape, and refuses what no context can be', () => {
    expect(estimate('Q4_0', { contextSize: 2048 })).toBe(estimate('Q4_0', { contextSize: 2048 }));
    expect(() => estimate('Q4_0', { contextSize: 0 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  it('names no files that could change, and no engine is asked about it', async () => {
    const { files, shards, haveFilesChanged, ask, trainedTokens } = findKnownModelEstimator('qwen2audio', 'Q4_0')!;
    expect([files, shards, haveFilesChanged(), trainedTokens]).toEqual([[], [], false, 8192]);
    await expect(ask([{ contextSize: 2048 }])).resolves.toBeUndefined();
  });

  it('is none for a model that is not known, and none for a mix that is not', () => {
    expect(findKnownModelEstimator('another', 'Q4_0')).toBeUndefined();
    expect(findKnownModelEstimator('qwen2audio', 'IQ1_S')).toBeUndefined();
  });
});
