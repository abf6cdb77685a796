/** What is not known is bounded from above, and says so. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type EstimateFootprintOptions, estimateFootprint } from '../../src/estimate-footprint.ts';
import { type Shape, SMALL } from '../../tools/architectures.mjs';
import { createProjectorEntries, type Entry, writeGguf } from '../support/gguf-writer.ts';
import { makeModels } from '../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const llama = () => models.model({ architecture: 'llama', ...SMALL['llama'] }, 'llama.gguf');
const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('an unknown architecture', () => {
  for (const [architecture, small] of Object.entries(SMALL)) {
    it(`gets an upper bound, and says so: ${architecture} under another name`, async () => {
      for (const flashAttention of ['on', 'off'] as const) {
        const shape: Shape = { architecture, ...small, vocab: 512 };
        const known = await footprint(models.model(shape), { flashAttention });
        const unknown = await footprint(models.model({ ...shape, header: 'mystery' }), { flashAttention });
        for (const part of ['kvCacheBytes', 'computeBytes', 'runtimeBytes', 'totalBytes'] as const) {
          expect(unknown[part], part).toBeGreaterThanOrEqual(known[part]);
        }
        expect(unknown.upperBound).toBe(true);
        expect(unknown.notes[0]).toMatch(/"mystery" was never compared/);
      }
    });
  }
});

describe('an unknown architecture that lists its sliding layers', () => {
  const window: Entry[] = [
    ['general.architecture', 'string', 'mystery'],
    ['mystery.embedding_length', 'u32', 64],
    ['mystery.block_count', 'u32', 2],
    ['mystery.attention.head_count', 'u32', 4],
    ['mystery.attention.sliding_window', 'u32', 512],
    ['mystery.vocab_size', 'u32', 100],
  ];
  const listed: Entry = ['mystery.attention.sliding_window_pattern', 'bool[]', [true, false]];

  it('gets an upper bound, as if no layer slid', async () => {
    const [plain, sliding] = await Promise.all(
      [window, [...window, listed]].map((entries, index) =>
        footprint(writeGguf(join(models.folder, `sliding-${index}.gguf`), { entries }), { contextSize: 8192 }),
      ),
    );
    expect(sliding).toEqual(plain);
    // Keys and values of both layers for all cells.
    expect(sliding?.kvCacheBytes).toBe(2 * 8192 * 2 * 64 * 2);
    expect(sliding?.upperBound).toBe(true);
  });
});

describe('an unknown projector', () => {
  const written = (type: string, kind: 'audio' | 'vision') =>
    writeGguf(join(models.folder, `${type}-${kind}.gguf`), {
      entries: createProjectorEntries(type, kind),
      tensors: [],
    });

  it('gets an upper bound, and says so', async () => {
    const known = await footprint(llama(), { projectorPath: written('qwen2a', 'audio') });
    const unknown = await footprint(llama(), { projectorPath: written('newer', 'audio') });
    expect(unknown.projectorComputeBytes).toBeGreaterThan(known.projectorComputeBytes);
    expect([known.upperBound, unknown.upperBound]).toEqual([false, true]);
    expect(unknown.notes[0]).toMatch(/"newer" was never compared/);
  });

  it('for images has room for one of 1288 pixels by 1288, and says so', async () => {
    const newer = await footprint(llama(), { projectorPath: written('newer', 'vision') });
    const fixed = await footprint(llama(), { projectorPath: written('mlp', 'vision') });
    expect(fixed.projectorComputeBytes).toBeLessThan(newer.projectorComputeBytes / 5);
    expect([newer.upperBound, fixed.upperBound]).toEqual([true, true]);
    expect(newer.notes[0]).toMatch(/"newer" .* for images of up to 1288 × 1288 pixels/);
    expect(fixed.notes[0]).toMatch(/"mlp" is bounded, for images of up to 448 × 448 pixels: in 38 files/);
  });
});
