/** Knows the outputs of embeddings, by the header alone: a context is made with room for those of one token, which a call replaces. It must not read files. */
import type { GgufFile } from '../../gguf/read-gguf.ts';
import type { FootprintSettings } from '../footprint.ts';
import type { ContextPoint } from './engine-question.ts';

const F32_BYTES = 4;

/** The logits and the vector of each token of a batch, if all are kept, and otherwise what the engine said. Encoders have room for logits too. */
export function countOutputBytes(
  model: GgufFile,
  settings: FootprintSettings,
  point: Pick<ContextPoint, 'outputBytes'>,
): number {
  if (!settings.embeddings) return point.outputBytes;
  const tokens = Math.max(settings.sequences, Math.min(settings.batchSize, settings.contextSize));
  return Math.max(point.outputBytes, tokens * countElements(model) * F32_BYTES);
}

/** Elements for each token. */
function countElements({ tensors }: GgufFile): number {
  const [embedding = 0, vocabulary = 0] = tensors.find('token_embd.weight')?.dims ?? [];
  return embedding + vocabulary;
}
