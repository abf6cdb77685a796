/** Knows what an engine has beside its largest product, by the header alone: it is no buffer, so no simulation tells it. It must not read files. */
import { countScratchBytesPerElement, findGgmlTypeByName } from '../../gguf/ggml-types.ts';
import type { GgufFile } from '../../gguf/read-gguf.ts';
import type { FootprintSettings } from '../footprint.ts';

/** Activations in the type that a weight, or the cached values, are multiplied with, for a full micro-batch. There is room for one product at a time. */
export function readScratchBytes(model: GgufFile, settings: FootprintSettings): number {
  const tokens = Math.min(settings.microBatchSize, settings.contextSize);
  return Math.ceil(tokens * Math.max(countWidestProduct(model), countAttention(model, settings)));
}

/** Bytes for each token. */
function countWidestProduct(model: GgufFile): number {
  const experts = Math.max(1, ...readNumbers(model, 'expert_used_count'));
  return model.tensors.kinds.reduce((most, { dims, type }) => {
    // Experts are multiplied with a row for each one that is used; vectors are added.
    const rows = dims.length > 2 ? experts : dims.length > 1 ? 1 : 0;
    return Math.max(most, (dims[0] ?? 0) * rows * countScratchBytesPerElement(type));
  }, 0);
}

/** Bytes for each token: without flash attention the weights of all cells are multiplied with the values, head by head. */
function countAttention(model: GgufFile, { flashAttention, contextSize, valueType }: FootprintSettings): number {
  if (flashAttention) return 0;
  const heads = Math.max(0, ...readNumbers(model, 'attention.head_count'));
  return contextSize * heads * countScratchBytesPerElement(findGgmlTypeByName(valueType)!);
}

/** A number of the model's architecture, or one for each layer. */
function readNumbers({ metadata, architecture }: GgufFile, key: string): readonly number[] {
  const value = metadata.get(`${architecture}.${key}`);
  if (typeof value === 'number') return [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'number') : [];
}
