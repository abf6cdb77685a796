/** Knows how llama.cpp sizes contexts, batches and caches for what was asked. It must not know files. */
import { findGgmlTypeByName, type GgmlType } from '../../gguf/ggml-types.ts';
import type { LayerShape } from './layer-shapes.ts';
import type { ModelShape } from './model-shape.ts';

/** What was asked for, checked and with its defaults. Sizes of contexts and batches are tokens. */
export interface RunOptions {
  /** Tokens of all sequences together. */
  readonly contextSize: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly sequences: number;
  /** The name of a ggml type. */
  readonly keyType: string;
  /** The name of a ggml type. */
  readonly valueType: string;
  readonly flashAttention: boolean;
  /** Layers with a sliding window cache the whole context. */
  readonly fullSlidingCache: boolean;
  readonly embeddings: boolean;
  /** All sequences share one cache. */
  readonly unifiedKvCache: boolean;
}

/** What the engine makes of it. */
export interface Run {
  /** Cells of each stream of the cache. */
  readonly cells: number;
  /** Cells of each stream of the cache of sliding-window layers. */
  readonly slidingCells: number;
  readonly sequences: number;
  /** Parts of the cache that are attended to each by itself: one for each sequence, or one for all. */
  readonly streams: number;
  /** Tokens whose outputs are kept: the last of each sequence, or all of a batch. */
  readonly outputs: number;
  readonly embeddings: boolean;
  /** Tokens of the largest graph. */
  readonly tokens: number;
  readonly keyType: GgmlType;
  readonly valueType: GgmlType;
  readonly flashAttention: boolean;
}

/** The caches of all layers and sequences. */
export interface CacheSizes {
  readonly keyValueBytes: number;
  /** Bytes of the states of recurrent layers. They do not grow with the context. */
  readonly stateBytes: number;
}

/** Contexts and sliding caches are rounded up to so many cells. */
const CELL_PADDING = 256;
const F32_BYTES = 4;

/** Sizes a run as `llama_context::llama_context` and `llama_kv_cache_iswa` do. */
export function sizeRun(shape: ModelShape, options: RunOptions): Run {
  const { contextSize, sequences } = options;
  const streams = options.unifiedKvCache ? 1 : sequences;
  const batch = Math.min(contextSize, options.batchSize);
  const microBatch = Math.min(batch, options.microBatchSize);
  const cells = padCells(Math.floor(padCells(contextSize) / streams));
  // One stream has the windows of all sequences.
  const window = shape.slidingWindow * (sequences / streams);
  return {
    cells,
    slidingCells: options.fullSlidingCache ? cells : padCells(Math.min(cells, window + microBatch)),
    sequences,
    streams,
    outputs: options.embeddings ? Math.max(batch, sequences) : sequences,
    embeddings: options.embeddings,
    // A graph has equally many tokens for each sequence.
    tokens: Math.ceil(Math.min(cells * streams, microBatch) / sequences) * sequences,
    keyType: findGgmlTypeByName(options.keyType)!,
    valueType: findGgmlTypeByName(options.valueType)!,
    flashAttention: options.flashAttention && !shape.architecture.keepsScores,
  };
}

/** Whether tokens see each other, and no cache. Of a layer with a state that isn't mirrored this is the closest. */
export function attendsToTokens({ encodes, recurrent, cached }: LayerShape): boolean {
  return encodes || (recurrent && cached === 'nothing');
}

/** Returns the cells of each stream that a layer attends to. */
export function countCells(layer: LayerShape, run: Run): number {
  if (attendsToTokens(layer)) return run.tokens;
  return layer.sliding ? run.slidingCells : run.cells;
}

/** Computes the bytes of keys, values and recurrent states of all layers and sequences. */
export function computeCacheSizes(shape: ModelShape, run: Run): CacheSizes {
  const { state } = shape;
  const statesBytes = state ? (state.convolution + state.state) * F32_BYTES * run.sequences : 0;
  const widest = Math.max(...shape.layers.map(countValueElements));
  let keyValueBytes = 0;
  let stateBytes = 0;
  for (const layer of shape.layers) {
    if (layer.recurrent) stateBytes += statesBytes;
    if (layer.cached === 'nothing') continue;
    const keyBytes = countRowBytes(run.keyType, layer.keyLength * layer.kvHeads);
    const indexBytes = countRowBytes(run.keyType, shape.indexLength);
    let rowBytes = keyBytes + indexBytes;
    if (layer.cached === 'keys-and-values') {
      // Without flash attention values lie transposed, at the width of the widest layer.
      const elements = run.flashAttention ? countValueElements(layer) : widest;
      rowBytes +=
        countRowBytes(run.valueType, elements) + (indexBytes && countRowBytes(run.valueType, layer.valueLength));
    }
    keyValueBytes += (layer.sliding ? run.slidingCells : run.cells) * run.streams * rowBytes;
  }
  return { keyValueBytes, stateBytes };
}

/** Computes the bytes of the logits of each output, and of the vector of an embedding beside them. */
export function computeOutputBytes(shape: ModelShape, run: Run): number {
  return (shape.vocabulary + (run.embeddings ? shape.embedding : 0)) * run.outputs * F32_BYTES;
}

/** Returns how many elements the values of one token have in this layer. */
export function countValueElements(layer: LayerShape): number {
  return layer.valueLength * layer.kvHeads;
}

function countRowBytes(type: GgmlType, weights: number): number {
  return Math.ceil(weights / type.weightsPerBlock) * type.bytesPerBlock;
}

function padCells(cells: number): number {
  return Math.ceil(cells / CELL_PADDING) * CELL_PADDING;
}
