import { expect, test } from 'vitest';
import type { GgmlType } from '../../../src/gguf/ggml-types.ts';
import type { RuledFile } from '../../../src/gguf/header-rule.ts';
import { refuseForOlderGeneration } from '../../../src/sdk/nexa/older-generation.ts';

function projector(type: string, kernel: string, dims = [3, 128, 32]): RuledFile {
  const kind = {
    dims,
    type: { name: kernel } as GgmlType,
    bytes: 1,
    count: 1,
    inLayer: false,
    span: { from: 0, to: 1 },
  };
  const metadata = new Map<string, string | boolean>([
    ['clip.has_audio_encoder', true],
    ['clip.projector_type', type],
  ]);
  const tensors = { length: 1, kinds: [kind], shards: [], find: () => undefined };
  return { path: '/p.gguf', architecture: 'clip', metadata, types: new Map(), tensors };
}

test.each([
  ['a type that it has', projector('qwen2a', 'F16')],
  ['kernels along two dimensions in F32', projector('qwen2a', 'F32', [3, 3, 32, 32])],
])('%s passes', (_what, file) => {
  expect(() => refuseForOlderGeneration(file)).not.toThrow();
});

test.each([
  ['kernels in F32', projector('qwen2a', 'F32'), 'found F32 (3 x 128 x 32); convert the projector with --outtype f16.'],
  [
    'a newer type',
    projector('qwen3a', 'F16'),
    "to be a projector of a type that this version of the library has, found 'qwen3a'; load",
  ],
])('%s is refused', (_what, file, sentence) => {
  expect(() => refuseForOlderGeneration(file)).toThrow(sentence);
});
