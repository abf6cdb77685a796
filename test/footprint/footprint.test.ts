/** The parts of an estimate, by hand: weights, contexts, and what they take together. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type EstimateFootprintOptions, estimateFootprint } from '../../src/estimate-footprint.ts';
import { SMALL } from '../../tools/architectures.mjs';
import { fullLanguage, fullProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { type Entry, writeGguf } from '../support/gguf-writer.ts';
import { makeModels } from '../support/model-headers.ts';

const MiB = 2 ** 20;

const models = makeModels();
afterAll(() => models.remove());

const llama = () => models.model({ architecture: 'llama', ...SMALL['llama'] }, 'llama.gguf');
const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('the full shape of Qwen2-Audio', () => {
  const path = join(models.folder, 'full.gguf');

  it('needs what the engine printed for it', async () => {
    writeLanguageModel(path, { ...fullLanguage, quantization: 'Q4_K_M' });
    const estimated = await footprint(path, { projectorPath: models.projector(fullProjector), contextSize: 2048 });
    expect(estimated.weightsBytes / MiB).toBeCloseTo(4562.71, 1);
    expect(estimated.kvCacheBytes).toBe(1024 * MiB);
    // Logits, the place for embeddings, the last norm, and which tokens are answered.
    expect(estimated.computeBytes).toBe(512 * 156_032 * 4 + 2 * 512 * 4096 * 4 + 512 * 4);
    expect(estimated.outputBytes).toBe(156_032 * 4);
    expect(estimated.projectorBytes / MiB).toBeCloseTo(1229.55, 1);
    expect(estimated.projectorComputeBytes / MiB).toBeCloseTo(51.27, 2);
    expect(estimated.mappedBytes).toBe(estimated.weightsBytes);
    expect(estimated.mappedBytes + estimated.anonymousBytes).toBe(estimated.totalBytes);
    expect(estimated).toMatchObject({ basis: 'gguf', upperBound: false, notes: [] });
  });

  it('is a frozen object of safe integers', async () => {
    const estimated = await footprint(path, { contextSize: 2 ** 31 - 1 });
    expect(Object.isFrozen(estimated) && Object.isFrozen(estimated.notes)).toBe(true);
    for (const [part, bytes] of Object.entries(estimated)) {
      if (part.endsWith('Bytes')) expect(Number.isSafeInteger(bytes) && (bytes as number) >= 0, part).toBe(true);
    }
  });

  it('grows by half a MiB for each token of context', async () => {
    const [small, large] = [await footprint(path, { contextSize: 2048 }), await footprint(path, { contextSize: 4096 })];
    expect(large.kvCacheBytes - small.kvCacheBytes).toBe(2048 * 0.5 * MiB);
  });
});

describe('weights', () => {
  it('are anonymous without mmap', async () => {
    const [mapped, read] = [await footprint(llama()), await footprint(llama(), { mmap: false })];
    expect(mapped.mappedBytes).toBe(mapped.weightsBytes);
    expect(read.mappedBytes).toBe(0);
    expect(read.weightsBytes).toBeGreaterThanOrEqual(mapped.weightsBytes);
  });

  it('are counted over all shards, each from its first tensor to its last', async () => {
    const whole: Entry[] = [
      ['general.architecture', 'string', 'llama'],
      ['llama.embedding_length', 'u32', 64],
      ['llama.block_count', 'u32', 1],
      ['llama.attention.head_count', 'u32', 4],
      ['llama.vocab_size', 'u32', 100],
    ];
    const tensors = [
      { name: 'token_embd.weight', dims: [64, 100], type: 'F32' as const },
      { name: 'output_norm.weight', dims: [63], type: 'F32' as const },
    ];
    const [first] = [0, 1, 2].map((shard) => {
      const split: Entry[] = [
        ['split.no', 'u16', shard],
        ['split.count', 'u16', 3],
        ['split.tensors.count', 'i32', 2],
      ];
      // The last one has no tensors.
      const path = join(models.folder, `split-0000${shard + 1}-of-00003.gguf`);
      const entries = shard === 0 ? [...whole, ...split] : split;
      return writeGguf(path, { entries, tensors: tensors.slice(shard, shard + 1) });
    });
    const estimated = await footprint(first as string);
    expect(estimated.mappedBytes).toBe(64 * 100 * 4 + 63 * 4);
    expect((await footprint(first as string, { mmap: false })).weightsBytes).toBe(64 * 100 * 4 + 64 * 4);
  });

  it('on a GPU are counted as if they stayed, and it says so', async () => {
    const [all, offloaded] = [await footprint(llama()), await footprint(llama(), { gpuLayers: 99 })];
    expect(offloaded).toMatchObject({ totalBytes: all.totalBytes, upperBound: true });
    expect(offloaded.notes[0]).toMatch(/GPU/);
  });
});

describe('weights and contexts that are loaded apart', () => {
  it('share what both take together, but for the engine itself', async () => {
    const all = await footprint(llama(), { contextSize: 2048, repack: true });
    const weights = await footprint(llama(), { contextSize: 2048, repack: true, part: 'weights' });
    const context = await footprint(llama(), { contextSize: 2048, repack: true, part: 'context' });
    expect(weights).toMatchObject({ weightsBytes: all.weightsBytes, mappedBytes: all.mappedBytes, kvCacheBytes: 0 });
    expect(context).toMatchObject({ kvCacheBytes: all.kvCacheBytes, computeBytes: all.computeBytes, mappedBytes: 0 });
    expect(context.weightsBytes).toBe(0);
    expect(weights.totalBytes + context.totalBytes - all.totalBytes).toBe(5 * MiB);
  });

  it('grow each by its own: a context by its tokens, weights by none', async () => {
    const at = (contextSize: number, part: 'weights' | 'context') => footprint(llama(), { contextSize, part });
    expect((await at(8192, 'context')).totalBytes).toBeGreaterThan((await at(2048, 'context')).totalBytes);
    expect((await at(8192, 'weights')).totalBytes).toBe((await at(2048, 'weights')).totalBytes);
  });
});

describe('embeddings', () => {
  it('keep the outputs of a whole batch', async () => {
    const [text, embeddings] = [await footprint(llama()), await footprint(llama(), { embeddings: true })];
    expect(text.outputBytes).toBe(2048 * 4);
    expect(embeddings.outputBytes).toBe(512 * (2048 + 512) * 4);
    expect(embeddings.computeBytes).toBe(text.computeBytes);
  });
});
