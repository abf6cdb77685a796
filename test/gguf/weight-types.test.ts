import { expect, test } from 'vitest';
import type { GgmlType } from '../../src/gguf/ggml-types.ts';
import { refuseUnsoundWeights } from '../../src/gguf/weight-types.ts';

function refuse(dims: readonly number[], type: string, architecture = 'qwen2'): string | undefined {
  const kind = { dims, type: { name: type } as GgmlType, bytes: 1, count: 1, inLayer: true, span: { from: 0, to: 1 } };
  const tensors = { length: 1, kinds: [kind], shards: [], find: () => undefined };
  try {
    refuseUnsoundWeights({ path: '/m.gguf', architecture, metadata: new Map(), types: new Map(), tensors });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test.each([
  ['a vector in F32', [64], 'F32'],
  ['a matrix in Q4_K', [256, 2], 'Q4_K'],
  ['a matrix in BF16', [64, 2], 'BF16'],
])('%s passes', (_what, dims, type) => {
  expect(refuse(dims, type)).toBeUndefined();
});

test('tables of whole numbers pass where an architecture has them', () => {
  expect(refuse([64, 2], 'I32', 'deepseek4')).toBeUndefined();
});

test.each([
  ['a vector in F16', [64], 'F16', 'to have its vectors in F32, found 64 in F16; download'],
  ['a vector of whole numbers', [64], 'I32', 'found 64 in I32'],
  ['a matrix of whole numbers', [64, 2], 'I8', 'to have weights that can be multiplied, found 64 x 2 in I8; download'],
])('%s is refused', (_what, dims, type, sentence) => {
  expect(refuse(dims, type)).toContain(sentence);
});
