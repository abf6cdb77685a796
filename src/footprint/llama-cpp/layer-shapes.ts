/**
 * Knows what each layer of a language model keeps of the tokens before, from the keys and tensors of the header. It must not read files
 * or know sizes in bytes.
 */
import type { HeaderKeys } from '../../gguf/header-keys.ts';
import type { Architecture } from './architectures.ts';

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
  /** The layer keeps a state of fixed size for each sequence. */
  readonly recurrent: boolean;
  /** The tokens of a batch see each other at once, whether or not there is a cache. */
  readonly encodes: boolean;
  /** What the layer keeps of each token. Latent attention makes values from the keys (`is_mla` in llama-hparams.cpp). */
  readonly cached: 'nothing' | 'keys' | 'keys-and-values';
}

/** What layers are read from. */
export interface LayerSource {
  readonly keys: HeaderKeys;
  readonly architecture: Architecture;
  readonly count: number;
  readonly embedding: number;
  /** Tokens that sliding layers attend to; 0 without a window. */
  readonly slidingWindow: number;
  /** Returns the dimensions of a weight, or `undefined` if the model has no such weight. */
  readonly findDims: (weight: string) => readonly number[] | undefined;
}

/** A layer that keeps a state has one of these: the scans of Mamba and of linear attention, a short convolution, RWKV. */
const STATE_WEIGHTS = ['ssm_a', 'shortconv.conv.weight', 'time_mix_output.weight'];
const SLIDING_PATTERN = 'attention.sliding_window_pattern';
const WINDOW_RANGE = { least: 0, fallback: 0, most: 2 ** 31 };

/** Reads the window of sliding layers, as the engine takes it: 0 if none slides. */
export function readSlidingWindow(keys: HeaderKeys, { slidingLayers }: Architecture): number {
  const named = keys.readFirstNumber('attention.sliding_window', WINDOW_RANGE);
  if (!slidingLayers || !keys.has('attention.sliding_window')) return slidingLayers?.assumedWindow ?? named;
  return named === 0 ? 0 : (slidingLayers.fixedWindow ?? named);
}

/** Reads the shapes of all layers. Throws `ERR_MODEL_FILE` if the header lacks what a size depends on. */
export function readLayers(source: LayerSource): readonly LayerShape[] {
  const { keys, architecture, count, findDims } = source;
  const has = (layer: number, weight: string) => findDims(`blk.${layer}.${weight}`) !== undefined;
  const recurrent = Array.from({ length: count }, (_, layer) => STATE_WEIGHTS.some((weight) => has(layer, weight)));
  const heads = readHeads(source, recurrent);
  const kvHeads = keys.readPerLayer('attention.head_count_kv', count, { least: 0, fallback: heads });
  const slides = readSliding(source);
  const lengths = readHeadLengths(source, heads[0]!);
  const ownCaches = readOwnCaches(source);
  const hybrid = recurrent.includes(true);
  const latent = keys.has('attention.key_length_mla') && keys.has('attention.value_length_mla');
  return heads.map((layerHeads, layer) => {
    // A layer with a state attends only if it has keys beside it, and between such layers some only feed forward.
    const attends = recurrent[layer]
      ? kvHeads[layer]! > 0 && has(layer, 'attn_k.weight')
      : kvHeads[layer]! > 0 || !hybrid;
    const caches = attends && layer < ownCaches && !architecture.cacheless;
    const sliding = attends && slides(layer);
    return {
      heads: layerHeads,
      kvHeads: kvHeads[layer]!,
      ...lengths(sliding),
      sliding,
      recurrent: recurrent[layer]!,
      encodes: architecture.encodes,
      cached: !caches ? 'nothing' : latent ? 'keys' : 'keys-and-values',
    };
  });
}

/** An architecture that was not compared, and a model without attention, may have layers without heads. */
function readHeads({ keys, architecture, count }: LayerSource, recurrent: readonly boolean[]): readonly number[] {
  const needed = architecture.compared && !recurrent.every(Boolean);
  const range = needed ? { least: 1 } : { least: 0, fallback: new Array<number>(count).fill(0) };
  return keys.readPerLayer('attention.head_count', count, range);
}

function readHeadLengths({ keys, embedding }: LayerSource, heads: number) {
  const fallback = Math.floor(embedding / Math.max(1, heads));
  const keyLength = keys.readFirstNumber('attention.key_length', { fallback });
  const valueLength = keys.readFirstNumber('attention.value_length', { fallback });
  const whole = { keyLength, valueLength };
  const sliding = {
    keyLength: keys.readFirstNumber('attention.key_length_swa', { fallback: keyLength }),
    valueLength: keys.readFirstNumber('attention.value_length_swa', { fallback: valueLength }),
  };
  return (slides: boolean) => (slides ? sliding : whole);
}

/** Counts the first layers that have caches of their own: others read theirs, and layers for drafts may have none. */
function readOwnCaches({ keys, architecture, count }: LayerSource): number {
  const least = { least: 0, fallback: 0 };
  const drafts = architecture.leavesDraftsOut ? keys.readFirstNumber('nextn_predict_layers', least) : 0;
  const shared = keys.readFirstNumber('attention.shared_kv_layers', least);
  return Math.min(architecture.ownCaches, count - drafts - shared);
}

/** The header has the length of a group, or a truth value for each layer. */
function readSliding({ keys, architecture, slidingWindow }: LayerSource): (layer: number) => boolean {
  if (!architecture.slidingLayers || slidingWindow === 0) return () => false;
  const { group, denseFirst = false } = architecture.slidingLayers;
  const listed = keys.findList(SLIDING_PATTERN, { least: 0 });
  // A layer that is left out sees everything, which takes more.
  if (listed) return (layer) => (listed[layer] ?? 0) > 0;
  const length = keys.readNumber(SLIDING_PATTERN, { least: 0, fallback: group });
  return (layer) => length === 0 || (denseFirst ? layer % length !== 0 : layer % length < length - 1);
}
