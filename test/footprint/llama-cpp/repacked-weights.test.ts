/** Weights that the engine copies into an arrangement of its own. */
import { afterAll, describe, expect, it } from 'vitest';
import { type EstimateFootprintOptions, estimateFootprint } from '../../../src/estimate-footprint.ts';
import { computeFootprint } from '../../../src/footprint/footprint.ts';
import { countRepackedBytes, repacksByDefault } from '../../../src/footprint/llama-cpp/repacked-weights.ts';
import { type GgufTensors, readGguf } from '../../../src/gguf/read-gguf.ts';
import { SMALL } from '../../../tools/architectures.mjs';
import { makeModels } from '../../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const llama = () => models.model({ architecture: 'llama', ...SMALL['llama'] }, 'llama.gguf');
const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('weights', () => {
  it('are there twice where they are mapped and rearranged, but for the embedding', async () => {
    const file = await readGguf(llama());
    const embedding = file.tensors.find('token_embd.weight')?.bytes as number;
    const matrices = file.tensors.kinds
      .filter(({ dims }) => dims.length > 1)
      .reduce((sum, { bytes, count }) => sum + bytes * count, 0);
    const [plain, twice] = [await footprint(llama()), await footprint(llama(), { repack: true })];
    expect(twice.anonymousBytes - plain.anonymousBytes).toBe(matrices - embedding);
    expect(twice).toMatchObject({ upperBound: true, notes: [expect.stringMatching(/depends on the CPU/)] });
  });

  it.each([
    ['Q8_0', 34, 38],
    ['Q4_0', 18, 18],
    ['Q4_1', 20, 20],
    ['Q4_K', 144, 148],
    ['Q5_K', 176, 180],
    ['IQ4_XS', 136, 138],
    ['Q5_0', 22, 0],
  ])('of %s take %i bytes a block, and their copies at most %i', (name, blockBytes, copyBytes) => {
    const kind = { dims: [256, 100], type: { name }, bytes: blockBytes * 800, count: 3 };
    const tensors = { kinds: [kind], find: () => undefined } as unknown as GgufTensors;
    expect(countRepackedBytes(tensors)).toBe(3 * 800 * copyBytes);
  });

  it('are rearranged in place where they are not mapped', async () => {
    const [plain, once] = [
      await footprint(llama(), { mmap: false }),
      await footprint(llama(), { mmap: false, repack: true }),
    ];
    expect(once.totalBytes).toBe(plain.totalBytes);
  });

  it('are said to be bounded where nothing is known of the CPU', async () => {
    const options = {
      contextSize: 512,
      batchSize: 512,
      microBatchSize: 512,
      sequences: 1,
      keyType: 'f16',
      valueType: 'f16',
    };
    const guessed = {
      ...options,
      flashAttention: true,
      fullSlidingCache: false,
      embeddings: false,
      mmap: true,
      repack: true,
      repackNote: 'a guess',
      gpuLayers: 0,
      repackForbidden: false,
      flashAttentionMode: 'auto' as const,
      unifiedKvCache: false,
      mlock: false,
      directIo: false,
      simulatesLoads: false,
      loraPaths: [],
      maxImagePixels: 1,
      stateCacheBytes: 0,
      stateSnapshots: 0,
      contextShift: false,
      part: 'all' as const,
      draftTokens: 0,
      draftRole: 'own' as const,
      draftKeyType: 'f16',
      draftValueType: 'f16',
      draftThreads: 4,
    };
    expect(computeFootprint(await readGguf(llama()), undefined, guessed)).toMatchObject({
      upperBound: true,
      notes: ['a guess'],
    });
    expect([repacksByDefault('x64'), repacksByDefault('arm64')]).toEqual([false, true]);
  });
});
