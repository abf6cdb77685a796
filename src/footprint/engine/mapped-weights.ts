/**
 * Knows which pages of a model's file stay mapped if the engine copied some of its weights elsewhere: it maps from the first weight that it uses in
 * place to the last one, and whatever lies between. It must not ask.
 */
import type { GgufTensors, TensorKind } from '../../gguf/read-gguf.ts';
import type { WeightBuffer } from './engine-question.ts';

/** Weights by where they are. All sizes are bytes. */
export interface MappedWeights {
  readonly mappedBytes: number;
  /** The part of `mappedBytes` that was read once to be copied: nobody looks at it again. */
  readonly copiedFromBytes: number;
  /** Copies, and what else is in no file. */
  readonly anonymousBytes: number;
}

/** Tensors that lie side by side in a buffer begin at multiples of so many bytes. */
const ALIGNMENT = 32;
/** More types than a recipe mixes; each doubles what is tried. */
const MOST_TYPES = 12;
/** Among so many layers one has every weight of attention that the model has. */
const MOST_LAYERS = 16;

/** Divides the weights of a model that is mapped, by the buffers that the engine gives them. */
export function divideWeights(tensors: GgufTensors, buffers: readonly WeightBuffer[]): MappedWeights {
  const elsewhereBytes = sumBytes(buffers.filter(({ host }) => !host));
  const placeBytes = sumBytes(buffers.filter(({ host }) => host));
  const wholeBytes = tensors.shards.reduce((sum, { dataBytes }) => sum + dataBytes, 0);
  if (elsewhereBytes === 0) return { mappedBytes: wholeBytes, copiedFromBytes: 0, anonymousBytes: 0 };
  const copied = findCopiedTypes(tensors, elsewhereBytes);
  // Which ones are copied isn't told. If no choice of types explains it, all of the file may stay.
  const mappedBytes = copied ? measureSpan(tensors, copied) : wholeBytes;
  return {
    mappedBytes,
    copiedFromBytes: Math.max(0, mappedBytes - placeBytes),
    anonymousBytes: elsewhereBytes,
  };
}

/** The types whose matrices make up exactly so many bytes. */
function findCopiedTypes(tensors: GgufTensors, bytes: number): ReadonlySet<string> | undefined {
  const sums = new Map<string, number>();
  const perHead = findPerHead(tensors);
  for (const kind of tensors.kinds) {
    if (!isMatrix(kind) || perHead.has(kind)) continue;
    const own = kind.count * align(kind.bytes);
    sums.set(kind.type.name, (sums.get(kind.type.name) ?? 0) + own);
  }
  // Rows of the embedding are looked up. It is multiplied with, and copied, only if it serves as the output too.
  const embedding = tensors.find('token_embd.weight');
  if (embedding) sums.set(embedding.type.name, (sums.get(embedding.type.name) ?? 0) - align(embedding.bytes));
  const types = [...sums].filter(([, sum]) => sum > 0).slice(0, MOST_TYPES);
  const tied = embedding && !tensors.find('output.weight') ? align(embedding.bytes) : 0;
  for (let choice = 1; choice < 2 ** types.length; choice++) {
    const chosen = types.filter((_, index) => choice & (2 ** index));
    const sum = chosen.reduce((total, [, each]) => total + each, 0);
    if (sum === bytes || (tied > 0 && sum + tied === bytes)) return new Set(chosen.map(([name]) => name));
  }
  return undefined;
}

/** From the first weight that is used in place to the last one. */
function measureSpan(tensors: GgufTensors, copied: ReadonlySet<string>): number {
  const perHead = findPerHead(tensors);
  const stays = (kind: TensorKind) => !isMatrix(kind) || perHead.has(kind) || !copied.has(kind.type.name);
  const inPlace = [...tensors.kinds.filter(stays).map(({ span }) => span), ...findEmbedding(tensors)];
  const from = Math.min(...inPlace.map((span) => span.from));
  const to = Math.max(...inPlace.map((span) => span.to));
  return Math.max(0, to - from);
}

/** Rows of it are looked up in place. An output of the same type and shape is of its kind, and is copied. */
function findEmbedding(tensors: GgufTensors): readonly TensorKind['span'][] {
  const embedding = tensors.find('token_embd.weight');
  const from = tensors.embeddingFrom;
  return embedding ? [from === undefined ? embedding.span : { from, to: from + embedding.bytes }] : [];
}

/** Latent attention multiplies these with each head apart: no arrangement is known for that, so they stay as they are. */
function findPerHead(tensors: GgufTensors): ReadonlySet<TensorKind> {
  const found = new Set<TensorKind>();
  for (const name of ['attn_k_b', 'attn_v_b']) {
    for (let layer = 0; layer < MOST_LAYERS; layer++) {
      const kind = tensors.find(`blk.${layer}.${name}.weight`);
      if (!kind) continue;
      found.add(kind);
      break;
    }
  }
  return found;
}

function isMatrix({ dims }: TensorKind): boolean {
  return dims.length > 1;
}

function sumBytes(buffers: readonly WeightBuffer[]): number {
  return buffers.reduce((sum, { bytes }) => sum + bytes, 0);
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
