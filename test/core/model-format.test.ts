import { expect, it } from 'vitest';
import { readModelFormat, tellFormat } from '../../src/core/model-format.ts';

it.each([
  ['whisper', ['a/ggml-base.bin', 'GGML-BASE.BIN']],
  ['onnx', ['a/model.onnx', 'A.ONNX']],
  ['gguf', ['x.gguf', 'bin', 'a.bin/x', 'onnx', 'a.onnx/x']],
])('%s is the format of files that are named so', (format, names) => {
  expect(names.map(readModelFormat)).toEqual(names.map(() => format));
  expect(tellFormat(names[0]!)).toEqual(format === 'gguf' ? {} : { format });
});
