/**
 * Knows what a language model looks like from its header: layers, heads, widths. It must not read files or know sizes in
 * bytes.
 */
import { countScratchBytesPerElement } from '../../gguf/ggml-types.ts';
import { HeaderKeys } from '../../gguf/header-keys.ts';
import type { GgufTensors, ModelHeader } from '../../gguf/read-gguf.ts';
import { type Architecture, findArchitecture } from './architectures.ts';
import { type LayerShape, readLayers, readSlidingWindow } from './layer-shapes.ts';
import { readSsmShape, readStateShape, type SsmShape, type StateShape } from './state-shape.ts';

/** A language model as far as its memory depends on it. */
export interface ModelShape {
  readonly path: string;
  readonly architecture: Architecture;
  /** Elements of the vector of one token. */
  readonly embedding: number;
  /** Tokens in the vocabulary. */
  readonly vocabulary: number;
  readonly layers: readonly LayerShape[];
  /** Tokens that sliding layers attend to; 0 without a window. */
  readonly slidingWindow: number;
  readonly state: StateShape | undefined;
  readonly ssm: SsmShape | undefined;
  /** Elements of the keys by which sparse attention finds its cells; 0 without such an index. */
  readonly indexLength: number;
  /** The tokens of RWKV are mixed with those before them by time. */
  readonly mixesByTime: boolean;
  readonly experts: number;
  /** Experts that compute for each token. */
  readonly expertsUsed: number;
  readonly normalizesExpertWeights: boolean;
  /** Some layer has a dense feed-forward part beside its experts. */
  readonly denseBesideExperts: boolean;
  /** Elements of the vectors that all layers together have of each token, beside those that they compute. */
  readonly layerVectors: number;
  /** Bytes of an activation beside the largest product; see `countScratchBytesPerElement`. */
  readonly scratchBytesPerElement: number;
  /** Rows of the widest weight within the layers: its product is as wide. */
  readonly widestRows: number;
  /** Returns the dimensions of a weight, the fastest first, or `undefined` if the model has no such weight. */
  findDims(weight: string): readonly number[] | undefined;
}

/** `LLAMA_MAX_LAYERS`. */
const MAX_LAYERS = 512;
/** `LLAMA_MAX_EXPERTS`. */
const MAX_EXPERTS = 512;
/** Each used expert is a step of every layer's graph; no model uses more than 22. */
const MAX_EXPERTS_USED = 64;

/**
 * Reads the shape of a model from its header.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` if the header lacks what a size depends on.
 */
export function readModelShape(file: ModelHeader, architecture = findArchitecture(file.architecture)): ModelShape {
  const keys = new HeaderKeys(file, file.architecture);
  const embedding = keys.readFirstNumber('embedding_length');
  const layerCount = keys.readFirstNumber('block_count', { most: MAX_LAYERS });
  const slidingWindow = readSlidingWindow(keys, architecture);
  const findDims = (weight: string) => file.tensors.find(weight)?.dims;
  const layers = readLayers({ keys, architecture, count: layerCount, embedding, slidingWindow, findDims });
  const expertRange = hasExperts(file, layerCount) ? { least: 1 } : { least: 0, fallback: 0 };
  const experts = keys.readFirstNumber('expert_count', { ...expertRange, most: MAX_EXPERTS });
  const mostUsed = Math.min(experts, MAX_EXPERTS_USED);
  const ssm = readSsmShape(keys);
  return Object.freeze({
    path: file.path,
    architecture,
    embedding,
    vocabulary: countVocabulary(keys, file),
    layers,
    slidingWindow,
    state: readStateShape(keys, ssm, embedding, layers[0]!.heads),
    ssm,
    indexLength: keys.readFirstNumber('attention.indexer.key_length', { least: 0, fallback: 0 }),
    mixesByTime: keys.has('wkv.head_size'),
    experts,
    expertsUsed: keys.readFirstNumber('expert_used_count', { ...expertRange, most: mostUsed }),
    normalizesExpertWeights: architecture.normalizesExpertWeights || keys.isTrue('expert_weights_norm'),
    denseBesideExperts: layers.some((_, index) => hasBoth(findDims, index)),
    layerVectors: findDims('per_layer_token_embd.weight')?.[0] ?? 0,
    scratchBytesPerElement: findLargestScratch(file.tensors),
    widestRows: findWidestRows(file.tensors),
    findDims,
  });
}

/** Returns the most bytes of scratch for an element, over all weights that are multiplied: vectors are not. */
export function findLargestScratch({ kinds }: GgufTensors): number {
  const matrices = kinds.filter(({ dims }) => dims.length > 1);
  return matrices.reduce((most, { type }) => Math.max(most, countScratchBytesPerElement(type)), 0);
}

function findWidestRows({ kinds }: GgufTensors): number {
  return kinds.reduce((most, { dims, inLayer }) => (inLayer ? Math.max(most, dims[1] ?? 1) : most), 1);
}

/** True if the feed-forward part of a layer is a choice of experts, whatever the keys say. */
function hasExperts({ tensors }: ModelHeader, layers: number): boolean {
  return Array.from({ length: layers }).some((_, layer) => tensors.find(`blk.${layer}.ffn_down_exps.weight`));
}

function hasBoth(findDims: ModelShape['findDims'], layer: number): boolean {
  const has = (weight: string) => findDims(`blk.${layer}.${weight}.weight`) !== undefined;
  return has('ffn_down_exps') && has('ffn_down');
}

function countVocabulary(keys: HeaderKeys, { metadata, tensors }: ModelHeader): number {
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if (typeof tokens === 'object' && 'length' in tokens && tokens.length > 0) return tokens.length;
  const rows = (tensors.find('output.weight') ?? tensors.find('token_embd.weight'))?.dims[1];
  return rows ?? keys.readFirstNumber('vocab_size');
}
