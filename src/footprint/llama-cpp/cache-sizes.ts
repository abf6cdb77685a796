/** Knows how llama.cpp sizes contexts, batches and caches for what was asked. It must not know files. */
import { findGgmlTypeByName, type GgmlType } from '../../gguf/ggml-types.ts';
import type { LayerShape, ModelShape } from './model-shape.ts';

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
}

/** What the engine makes of it. */
export interface Run {
  /** Cells of the cache for one sequence. */
  readonly cells: number;
  /** Cells of the cache of sliding-window layers for one sequence. */
  readonly slidingCells: number;
  readonly sequences: number;
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

/** Sizes a run as `llama_context::llama_context` and `llama_kv_cache_iswa` do, for separate sequences. */
export function sizeRun(shape: ModelShape, options: RunOptions): Run {
  const { contextSize, sequences } = options;
  const batch = Math.min(contextSize, options.batchSize);
  const microBatch = Math.min(batch, options.microBatchSize);
  const cells = padCells(Math.floor(padCells(contextSize) / sequences));
  return {
    cells,
    slidingCells: options.fullSlidingCache ? cells : padCells(Math.min(cells, shape.slidingWindow + microBatch)),
    sequences,
    outputs: options.embeddings ? Math.max(batch, sequences) : sequences,
    embeddings: options.embeddings,
    // A graph has equally many tokens for each sequence.
    tokens: Math.ceil(Math.min(cells * sequences, microBatch) / sequences) * sequences,
    keyType: findGgmlTypeByName(options.keyType)!,
    valueType: findGgmlTypeByName(options.valueType)!,
    flashAttention: options.flashAttention,
  };
}

/** Returns the cells of a layer's cache for one sequence. */
export function countCells(layer: LayerShape, run: Run): number {
  return layer.sliding ? run.slidingCells : run.cells;
}

/** Computes the bytes of keys, values and recurrent states of all layers and sequences. */
export function computeCacheSizes(shape: ModelShape, run: Run): CacheSizes {
  const widest = Math.max(...shape.layers.map(countValueElements));
  let keyValueBytes = 0;
  let stateBytes = 0;
  for (const layer of shape.layers) {
    // Any layer of an unknown architecture may keep a state beside its cache.
    if (shape.state && (layer.recurrent || !shape.architecture.compared)) {
      stateBytes += (shape.state.convolution + shape.state.state) * F32_BYTES * run.sequences;
    }
    if (layer.recurrent) continue;
    const rows = countCells(layer, run) * run.sequences;
    const keyBytes = countRowBytes(run.keyType, layer.keyLength * layer.kvHeads);
    // Without flash attention values lie transposed, at the width of the widest layer.
    const valueBytes = countRowBytes(run.valueType, run.flashAttention ? countValueElements(layer) : widest);
    keyValueBytes += rows * (keyBytes + valueBytes);
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
