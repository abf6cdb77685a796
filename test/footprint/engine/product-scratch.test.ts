import { expect, test } from 'vitest';
import { readScratchBytes } from '../../../src/footprint/engine/product-scratch.ts';
import type { FootprintSettings } from '../../../src/footprint/footprint.ts';
import { findGgmlTypeByName } from '../../../src/gguf/ggml-types.ts';
import type { GgufFile } from '../../../src/gguf/read-gguf.ts';

function model(dims: readonly number[], type: string, keys: object = {}): GgufFile {
  const kinds = [{ dims, type: findGgmlTypeByName(type), bytes: 1, count: 1 }];
  const metadata = new Map(Object.entries(keys).map(([key, value]) => [`any.${key}`, value]));
  return { architecture: 'any', metadata, tensors: { kinds } } as unknown as GgufFile;
}
const run = (changes: object = {}) =>
  ({ microBatchSize: 512, contextSize: 4096, flashAttention: true, valueType: 'f16', ...changes }) as FootprintSettings;

test('the input of the widest product is kept in the type that it is multiplied with', () => {
  expect(readScratchBytes(model([1024, 64], 'Q4_K'), run())).toBe(Math.ceil((512 * 1024 * 292) / 256));
  expect(readScratchBytes(model([1024, 64], 'F16'), run())).toBe(512 * 1024 * 2);
  expect(readScratchBytes(model([1024, 64], 'F32'), run())).toBe(0);
  expect(readScratchBytes(model([1024], 'F16'), run())).toBe(0);
  expect(readScratchBytes(model([1024, 64], 'F16'), run({ contextSize: 100 }))).toBe(100 * 1024 * 2);
});

test('experts have an input for each that is used', () => {
  expect(readScratchBytes(model([256, 64, 8], 'F16', { expert_used_count: 4 }), run())).toBe(512 * 256 * 4 * 2);
  expect(readScratchBytes(model([256, 64, 8], 'F16'), run())).toBe(512 * 256 * 2);
});

test('without flash attention the weights of all cells are', () => {
  const slow = run({ flashAttention: false });
  expect(readScratchBytes(model([64, 64], 'F16', { 'attention.head_count': 8 }), slow)).toBe(512 * 4096 * 8 * 2);
  expect(readScratchBytes(model([64, 64], 'F16', { 'attention.head_count': [4, 16] }), slow)).toBe(512 * 4096 * 16 * 2);
  expect(readScratchBytes(model([64, 64], 'F16', { 'attention.head_count': true }), slow)).toBe(512 * 64 * 2);
  expect(readScratchBytes(model([64, 64], 'F16', { 'attention.head_count': 8 }), { ...slow, valueType: 'f32' })).toBe(
    512 * 64 * 2,
  );
});
