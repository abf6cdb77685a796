/** Knows where a model's weights are, by its header alone: mapped, copied, or read into memory. It must not read files. */
import type { GgufTensors } from '../gguf/read-gguf.ts';
import { divideWeights } from './engine/mapped-weights.ts';
import { listRepackedBuffers } from './engine/repacked-buffers.ts';
import type { ModelShape } from './llama-cpp/model-shape.ts';
import { countRepackedBytes } from './llama-cpp/repacked-weights.ts';

/** Tensors that lie side by side in a buffer begin at multiples of so many bytes. */
const ALIGNMENT = 32;

type EmbeddingTraits = Pick<ModelShape['architecture'], 'loadsEmbeddingTwice'>;

/** What an engine does with weights. */
export interface WeightPlacement {
  readonly mmap: boolean;
  /** It copies some into an arrangement of its own. */
  readonly repack: boolean;
  /** The types whose matrices it copies, if they are known. */
  readonly repackedTypes?: readonly string[] | undefined;
  /** Why the bytes of copies can only be bounded. */
  readonly repackNote: string;
}

/** All sizes are bytes. */
export interface PlacedWeights {
  readonly mappedBytes: number;
  /** The part of `mappedBytes` that was only read to be copied. */
  readonly readOnceBytes: number;
  readonly anonymousBytes: number;
}

/** Divides the model's weights by where they are. What can only be bounded is said in `notes`. */
export function placeWeights(
  tensors: GgufTensors,
  architecture: EmbeddingTraits,
  { mmap, repack, repackedTypes, repackNote }: WeightPlacement,
  notes: string[],
): PlacedWeights {
  if (!mmap) return { mappedBytes: 0, readOnceBytes: 0, anonymousBytes: countLoadedBytes(tensors, architecture) };
  if (repack && repackedTypes) {
    const { mappedBytes, copiedFromBytes, anonymousBytes } = divideWeights(
      tensors,
      listRepackedBuffers(tensors, repackedTypes),
    );
    return { mappedBytes, readOnceBytes: copiedFromBytes, anonymousBytes };
  }
  const copiedBytes = repack ? countRepackedBytes(tensors) : 0;
  if (copiedBytes > 0) notes.push(repackNote);
  return { mappedBytes: countMappedBytes(tensors), readOnceBytes: 0, anonymousBytes: copiedBytes };
}

/** Counts the bytes that are mapped: the engine maps each shard from its first tensor to the end of its last one. */
function countMappedBytes({ shards }: GgufTensors): number {
  return shards.reduce((sum, { dataBytes }) => sum + dataBytes, 0);
}

/** Counts the bytes of a model that is read instead of mapped. */
function countLoadedBytes(tensors: GgufTensors, { loadsEmbeddingTwice }: EmbeddingTraits): number {
  const twice = loadsEmbeddingTwice && !tensors.find('output.weight') ? tensors.find('token_embd.weight') : undefined;
  return countPaddedBytes(tensors) + (twice?.bytes ?? 0);
}

/** Counts the bytes of tensors that are read into one buffer. */
export function countPaddedBytes({ kinds }: GgufTensors): number {
  return kinds.reduce((sum, { bytes, count }) => sum + count * Math.ceil(bytes / ALIGNMENT) * ALIGNMENT, 0);
}
