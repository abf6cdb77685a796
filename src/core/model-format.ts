/** The formats of model files, by their names. It opens no file. */

/** 'gguf' is that of llama.cpp, 'whisper' that of whisper.cpp, 'onnx' that of ONNX Runtime. */
export type ModelFormat = 'gguf' | 'whisper' | 'onnx';

/** whisper.cpp publishes its models as `ggml-base-q5_1.bin`. */
export function readModelFormat(path: string): ModelFormat {
  if (/\.onnx$/i.test(path)) return 'onnx';
  return /\.bin$/i.test(path) ? 'whisper' : 'gguf';
}

/** The same as a part of what is said of a file: nothing of the usual format. */
export function tellFormat(path: string): { readonly format?: ModelFormat } {
  const format = readModelFormat(path);
  return format === 'gguf' ? {} : { format };
}
