/**
 * Knows what a language model looks like from its header: layers, heads, widths. It must not read files or know sizes in
 * bytes.
 */
import { countScratchBytesPerElement } from '../../gguf/ggml-types.ts';
import { HeaderKeys } from '../../gguf/header-keys.ts';
import type { GgufTensors, ModelHeader } from '../../gguf/read-gguf.ts';
import { type Architecture, findArchitecture } from './architectures.ts';

/** One layer. All lengths are elements of a vector. */
export interface LayerShape {
  readonly heads: number;
  readonly kvHeads: number;
  /** Elements of a key of one head. */
  readonly keyLength: number;
  /** Elements of a value of one head. */
  readonly valueLength: number;
  /** The layer attends to the last `slidingWindow` tokens only. */
  readonly sliding: boolean;
  /** The layer keeps a state of fixed size instead of a KV cache. */
  readonly recurrent: boolean;
}

/** Elements of the state that a recurrent layer keeps for each sequence: `n_embd_r` and `n_embd_s` of llama-hparams.cpp. */
export interface StateShape {
  readonly convolution: number;
  readonly state: number;
}

/** The scan of a Mamba layer; all but the last one are elements. */
export interface SsmShape {
  readonly kernel: number;
  readonly inner: number;
  readonly state: number;
  readonly timeRank: number;
  readonly groups: number;
  /** FalconMamba norms the steps, inputs and outputs of the scan. */
  readonly normed: boolean;
}

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
  readonly experts: number;
  /** Experts that compute for each token. */
  readonly expertsUsed: number;
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
/** The length of a group of layers if the header names none, as in llama.cpp's `gemma3.cpp`. */
const SLIDING_GROUP = 6;

/**
 * Reads the shape of a model from its header.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` if the header lacks what a size depends on.
 */
export function readModelShape(file: ModelHeader, architecture = findArchitecture(file.architecture)): ModelShape {
  const keys = new HeaderKeys(file, file.architecture);
  const embedding = keys.readFirstNumber('embedding_length');
  const layerCount = keys.readFirstNumber('block_count', { most: MAX_LAYERS });
  const slidingWindow = keys.readFirstNumber('attention.sliding_window', { least: 0, fallback: 0, most: 2 ** 31 });
  const expertRange = hasExperts(file, layerCount) ? { least: 1 } : { least: 0, fallback: 0 };
  const experts = keys.readFirstNumber('expert_count', { ...expertRange, most: MAX_EXPERTS });
  const mostUsed = Math.min(experts, MAX_EXPERTS_USED);
  const ssm = readSsmShape(keys, architecture);
  return Object.freeze({
    path: file.path,
    architecture,
    embedding,
    vocabulary: countVocabulary(keys, file),
    layers: readLayers(keys, architecture, layerCount, embedding, slidingWindow),
    slidingWindow,
    state: readStateShape(keys, architecture, ssm, embedding),
    ssm,
    experts,
    expertsUsed: keys.readFirstNumber('expert_used_count', { ...expertRange, most: mostUsed }),
    scratchBytesPerElement: findLargestScratch(file.tensors),
    widestRows: findWidestRows(file.tensors),
    findDims: (weight: string) => file.tensors.find(weight)?.dims,
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

function readLayers(
  keys: HeaderKeys,
  architecture: Architecture,
  count: number,
  embedding: number,
  window: number,
): readonly LayerShape[] {
  const { compared, convolvesWithoutHeads } = architecture;
  if (architecture.scansStates) {
    const layer = { heads: 0, kvHeads: 0, keyLength: 0, valueLength: 0, sliding: false, recurrent: true };
    return Array.from({ length: count }, () => layer);
  }
  // An unknown architecture may have layers without attention.
  const headRange = compared ? { least: 1 } : { least: 0, fallback: new Array<number>(count).fill(0) };
  const heads = keys.readPerLayer('attention.head_count', count, headRange);
  const kvLeast = compared && !convolvesWithoutHeads ? 1 : 0;
  const kvHeads = keys.readPerLayer('attention.head_count_kv', count, { least: kvLeast, fallback: heads });
  const headLength = Math.floor(embedding / Math.max(1, heads[0]!));
  const keyLength = keys.readFirstNumber('attention.key_length', { fallback: headLength });
  const valueLength = keys.readFirstNumber('attention.value_length', { fallback: headLength });
  const group = readSlidingGroup(keys, architecture);
  return heads.map((layerHeads, layer) => {
    const recurrent = convolvesWithoutHeads && kvHeads[layer] === 0;
    const sliding = window > 0 && !recurrent && isSliding(architecture, layer, group);
    return { heads: layerHeads, kvHeads: kvHeads[layer]!, keyLength, valueLength, sliding, recurrent };
  });
}

/** Other architectures give the key as a list with a truth value for each layer, and no length depends on it. */
function readSlidingGroup(keys: HeaderKeys, { slidingLayers }: Architecture): number {
  if (slidingLayers !== 'all-but-last-of-group') return SLIDING_GROUP;
  return keys.readFirstNumber('attention.sliding_window_pattern', { fallback: SLIDING_GROUP });
}

function isSliding({ slidingLayers }: Architecture, layer: number, group: number): boolean {
  if (slidingLayers === 'all-but-last-of-group') return layer % group < group - 1;
  return slidingLayers === 'all';
}

function countVocabulary(keys: HeaderKeys, { metadata, tensors }: ModelHeader): number {
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if (typeof tokens === 'object' && 'length' in tokens && tokens.length > 0) return tokens.length;
  const rows = (tensors.find('output.weight') ?? tensors.find('token_embd.weight'))?.dims[1];
  return rows ?? keys.readFirstNumber('vocab_size');
}

function readSsmShape(keys: HeaderKeys, { scansStates }: Architecture): SsmShape | undefined {
  if (!scansStates && !keys.has('ssm.inner_size')) return undefined;
  return {
    kernel: keys.readFirstNumber('ssm.conv_kernel'),
    inner: keys.readFirstNumber('ssm.inner_size'),
    state: keys.readFirstNumber('ssm.state_size'),
    timeRank: keys.readFirstNumber('ssm.time_step_rank'),
    groups: keys.readFirstNumber('ssm.group_count', { least: 0, fallback: 0 }),
    normed: keys.isTrue('ssm.dt_b_c_rms'),
  };
}

function readStateShape(
  keys: HeaderKeys,
  { convolvesWithoutHeads }: Architecture,
  ssm: SsmShape | undefined,
  embedding: number,
): StateShape | undefined {
  if (convolvesWithoutHeads || keys.has('shortconv.l_cache')) {
    return { convolution: embedding * (keys.readFirstNumber('shortconv.l_cache') - 1), state: 0 };
  }
  if (ssm === undefined) return undefined;
  return { convolution: (ssm.kernel - 1) * (ssm.inner + 2 * ssm.groups * ssm.state), state: ssm.state * ssm.inner };
}
