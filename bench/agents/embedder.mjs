/** The file of an embedder as agents ship it: the shape of Qwen3-Embedding 0.6B in Q8_0, 610 MiB, trained for 32768 tokens. Its weights are zero. */
import { writeModel } from '../../tools/architectures.mjs';

/** @param {string} file */
export function writeEmbedder(file) {
  return writeModel(file, {
    architecture: 'qwen3',
    hidden: 1024,
    layers: 28,
    heads: 16,
    kvHeads: 8,
    headLength: 128,
    ffn: 3072,
    vocab: 151_936,
    context: 32_768,
    tied: true,
    pooling: 3,
    type: 'Q8_0',
  });
}
