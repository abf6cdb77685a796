import { expect, it } from 'vitest';
import { readModelFormat, tellFormat } from '../../src/core/model-format.ts';

it('a name that ends in .bin is that of a model of whisper.cpp, and no other', () => {
  expect(['a/ggml-base.bin', 'GGML-BASE.BIN', 'x.gguf', 'bin', 'a.bin/x'].map(readModelFormat)).toEqual([
    'whisper',
    'whisper',
    'gguf',
    'gguf',
    'gguf',
  ]);
  expect([tellFormat('x.bin'), tellFormat('x.gguf')]).toEqual([{ format: 'whisper' }, {}]);
});
