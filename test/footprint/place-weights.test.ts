import { afterAll, expect, test } from 'vitest';
import { placeWeights } from '../../src/footprint/place-weights.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { makeModels } from '../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

test('weights are mapped, copied as well, or read', async () => {
  const { tensors } = await readGguf(models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 }));
  const wholeBytes = tensors.shards[0]!.dataBytes;
  const place = (change: object, loadsEmbeddingTwice = false) => {
    const notes: string[] = [];
    const placement = { mmap: true, repack: false, repackNote: 'copied', ...change };
    const placed = placeWeights(tensors, { loadsEmbeddingTwice }, placement, notes);
    return { ...placed, notes };
  };
  const mapped = { mappedBytes: wholeBytes, readOnceBytes: 0, anonymousBytes: 0, notes: [] };
  expect(place({})).toEqual(mapped);
  // No type of this name is in it.
  expect(place({ repack: true, repackedTypes: ['IQ4_NL'] })).toEqual(mapped);
  expect(place({ mmap: false, repack: true })).toMatchObject({ mappedBytes: 0, notes: [] });
  expect(place({ mmap: false }).anonymousBytes).toBeGreaterThanOrEqual(wholeBytes);
  // The file has a matrix of its own for the output, so the embedding is read once all the same.
  expect(place({ mmap: false }, true)).toEqual(place({ mmap: false }));
  const all = [...new Set(tensors.kinds.map(({ type }) => type.name))];
  const copied = place({ repack: true, repackedTypes: all });
  expect(copied.anonymousBytes).toBeGreaterThan(0);
  expect(copied.mappedBytes - copied.readOnceBytes + copied.anonymousBytes).toBe(wholeBytes);
  expect(copied.notes).toEqual([]);
});
