/** What a language model looks like, from its header: layers, heads, widths. It reads no file and knows no sizes in bytes. */
import { countScratchBytesPerElement } from '../../gguf/ggml-types.ts';
import { HeaderKeys } from '../../gguf/header-keys.ts';
import type { GgufFile, GgufTensors } from '../../gguf/read-gguf.ts';

export interface LayerShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly keyLength: number;
  readonly valueLength: number;
  /** Attends to the last `slidingWindow` tokens only. */
  readonly sliding: boolean;
  /** Keeps a state of fixed size instead of a KV cache. */
  readonly recurrent: boolean;
}

/** Elements of the state that a recurrent layer keeps per sequence. */
export interface StateShape {
  readonly convolution: number;
  readonly state: number;
}

export interface ModelShape {
  readonly path: string;
  readonly architecture: string;
  /** False where this package has not compared its figures with the engine's for the architecture. */
  readonly known: boolean;
  readonly embedding: number;
  readonly vocabulary: number;
  readonly layers: readonly LayerShape[];
  readonly slidingWindow: number;
  readonly state: StateShape | undefined;
  readonly ssm: SsmShape | undefined;
  readonly experts: number;
  readonly expertsUsed: number;
  /** Bytes of an activation beside the largest product; see `countScratchBytesPerElement`. */
  readonly scratchPerElement: number;
  /** Rows of the widest weight within the layers: what its product is wide. */
  readonly widestRows: number;
  /** Dimensions of a weight, fastest first. */
  weight(name: string): readonly number[] | undefined;
}

export interface SsmShape {
  readonly kernel: number;
  readonly inner: number;
  readonly state: number;
  readonly timeRank: number;
  readonly groups: number;
  /** FalconMamba's: steps, inputs and outputs of the scan are normed. */
  readonly normed: boolean;
}

/** Compared with the engine: see bench/footprint/footprint.mjs. */
export const KNOWN_ARCHITECTURES = [
  'qwen2',
  'llama',
  'qwen3',
  'gemma3',
  'phi3',
  'qwen2moe',
  'qwen3moe',
  'lfm2',
  'mamba',
] as const;

/** `LLAMA_MAX_LAYERS`. */
const MAX_LAYERS = 512;
/** `LLAMA_MAX_EXPERTS`. */
const MAX_EXPERTS = 512;
/** Each is a step of every layer's graph; no model uses more than 22. */
const MAX_EXPERTS_USED = 64;
const GEMMA3_PERIOD = 6;

/** Rejects a header that lacks what a size depends on, with `ERR_MODEL_FILE`. */
export function modelShape(file: GgufFile): ModelShape {
  const keys = new HeaderKeys(file, file.architecture);
  const { architecture } = file;
  const known = (KNOWN_ARCHITECTURES as readonly string[]).includes(architecture);
  const embedding = keys.readFirstNumber('embedding_length');
  const layerCount = keys.readFirstNumber('block_count', { most: MAX_LAYERS });
  const slidingWindow = keys.readFirstNumber('attention.sliding_window', { least: 0, fallback: 0, most: 2 ** 31 });
  const mixes = hasExperts(file, layerCount);
  const experts = keys.readFirstNumber('expert_count', { ...atLeast(mixes), most: MAX_EXPERTS });
  const ssm = ssmShape(keys, architecture);
  return Object.freeze({
    path: file.path,
    architecture,
    known,
    embedding,
    vocabulary: vocabulary(keys, file),
    layers: layerShapes(keys, architecture, known, layerCount, embedding, slidingWindow),
    slidingWindow,
    state: stateShape(keys, architecture, ssm, embedding),
    ssm,
    experts,
    expertsUsed: keys.readFirstNumber('expert_used_count', {
      ...atLeast(mixes),
      most: Math.min(experts, MAX_EXPERTS_USED),
    }),
    scratchPerElement: scratchOf(file.tensors),
    widestRows: widestRows(file.tensors),
    weight: (name: string) => file.tensors.find(name)?.dims,
  });
}

/** Of the weights that are multiplied: vectors are not. */
export function scratchOf({ kinds }: GgufTensors): number {
  return kinds.reduce(
    (most, { dims, type }) => (dims.length > 1 ? Math.max(most, countScratchBytesPerElement(type)) : most),
    0,
  );
}

function widestRows({ kinds }: GgufTensors): number {
  return kinds.reduce((most, { dims, inLayer }) => (inLayer ? Math.max(most, dims[1] ?? 1) : most), 1);
}

/** Whether the feed-forward part of a layer is a choice of experts, whatever the keys say. */
function hasExperts({ tensors }: GgufFile, layers: number): boolean {
  return Array.from({ length: layers }).some((_, layer) => tensors.find(`blk.${layer}.ffn_down_exps.weight`));
}

/** What must be there, or may be missing. */
function atLeast(needed: boolean): { least: number; fallback?: number } {
  return needed ? { least: 1 } : { least: 0, fallback: 0 };
}

function layerShapes(
  keys: HeaderKeys,
  architecture: string,
  known: boolean,
  count: number,
  embedding: number,
  window: number,
): readonly LayerShape[] {
  if (architecture === 'mamba') {
    const layer = { heads: 0, kvHeads: 0, keyLength: 0, valueLength: 0, sliding: false, recurrent: true };
    return Array.from({ length: count }, () => layer);
  }
  const none = known ? {} : { fallback: new Array<number>(count).fill(0) };
  const heads = keys.readPerLayer('attention.head_count', count, { least: known ? 1 : 0, ...none });
  const kvLeast = architecture === 'lfm2' || !known ? 0 : 1;
  const kvHeads = keys.readPerLayer('attention.head_count_kv', count, { least: kvLeast, fallback: heads });
  const headLength = Math.floor(embedding / Math.max(1, heads[0] as number));
  const keyLength = keys.readFirstNumber('attention.key_length', { fallback: headLength });
  const valueLength = keys.readFirstNumber('attention.value_length', { fallback: headLength });
  const pattern = keys.readFirstNumber('attention.sliding_window_pattern', { fallback: GEMMA3_PERIOD });
  return heads.map((layerHeads, layer) => {
    const recurrent = architecture === 'lfm2' && kvHeads[layer] === 0;
    return {
      heads: layerHeads,
      kvHeads: kvHeads[layer] as number,
      keyLength,
      valueLength,
      sliding: window > 0 && slides(architecture, layer, pattern, recurrent),
      recurrent,
    };
  });
}

/** phi3 names a window that the engine does not use. */
function slides(architecture: string, layer: number, pattern: number, recurrent: boolean): boolean {
  if (architecture === 'gemma3') return layer % pattern < pattern - 1;
  return architecture === 'lfm2' && !recurrent;
}

function vocabulary(keys: HeaderKeys, { metadata, tensors }: GgufFile): number {
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if (typeof tokens === 'object' && 'length' in tokens && tokens.length > 0) return tokens.length;
  const rows = (tensors.find('output.weight') ?? tensors.find('token_embd.weight'))?.dims[1];
  return rows ?? keys.readFirstNumber('vocab_size');
}

function ssmShape(keys: HeaderKeys, architecture: string): SsmShape | undefined {
  if (architecture !== 'mamba' && !keys.has('ssm.inner_size')) return undefined;
  return {
    kernel: keys.readFirstNumber('ssm.conv_kernel'),
    inner: keys.readFirstNumber('ssm.inner_size'),
    state: keys.readFirstNumber('ssm.state_size'),
    timeRank: keys.readFirstNumber('ssm.time_step_rank'),
    groups: keys.readFirstNumber('ssm.group_count', { least: 0, fallback: 0 }),
    normed: keys.isTrue('ssm.dt_b_c_rms'),
  };
}

/** `n_embd_r` and `n_embd_s` of llama-hparams.cpp. */
function stateShape(
  keys: HeaderKeys,
  architecture: string,
  ssm: SsmShape | undefined,
  embedding: number,
): StateShape | undefined {
  if (architecture === 'lfm2' || keys.has('shortconv.l_cache')) {
    return { convolution: embedding * (keys.readFirstNumber('shortconv.l_cache') - 1), state: 0 };
  }
  if (ssm === undefined) return undefined;
  return { convolution: (ssm.kernel - 1) * (ssm.inner + 2 * ssm.groups * ssm.state), state: ssm.state * ssm.inner };
}
