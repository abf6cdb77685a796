/** How the engine sizes contexts, batches and caches for what was asked; it knows llama.cpp's rounding and no file. */
import { findGgmlTypeByName, type GgmlType } from '../../gguf/ggml-types.ts';
import type { LayerShape, ModelShape } from './model-shape.ts';

/** What was asked for, checked and with its defaults. */
export interface RunOptions {
  readonly contextSize: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly sequences: number;
  readonly keyType: string;
  readonly valueType: string;
  readonly flashAttention: boolean;
  readonly fullSlidingCache: boolean;
  readonly embeddings: boolean;
}

/** What the engine makes of it. */
export interface Run {
  /** Cells of the cache for one sequence. */
  readonly cells: number;
  /** Cells of the cache of sliding-window layers. */
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

export interface CacheSizes {
  readonly keyValueBytes: number;
  /** Of recurrent layers: it doesn't grow with the context. */
  readonly stateBytes: number;
}

/** Contexts and sliding caches are rounded up to this. */
const CELL_PADDING = 256;
const F32 = 4;

/** `llama_context::llama_context` and `llama_kv_cache_iswa`, for separate sequences. */
export function runOf(shape: ModelShape, options: RunOptions): Run {
  const { contextSize, sequences } = options;
  const batch = Math.min(contextSize, options.batchSize);
  const microBatch = Math.min(batch, options.microBatchSize);
  const cells = pad(Math.floor(pad(contextSize) / sequences));
  return {
    cells,
    slidingCells: options.fullSlidingCache ? cells : pad(Math.min(cells, shape.slidingWindow + microBatch)),
    sequences,
    outputs: options.embeddings ? Math.max(batch, sequences) : sequences,
    embeddings: options.embeddings,
    // A graph has as many tokens for each sequence.
    tokens: Math.ceil(Math.min(cells * sequences, microBatch) / sequences) * sequences,
    keyType: findGgmlTypeByName(options.keyType) as GgmlType,
    valueType: findGgmlTypeByName(options.valueType) as GgmlType,
    flashAttention: options.flashAttention,
  };
}

export function cellsOf(layer: LayerShape, run: Run): number {
  return layer.sliding ? run.slidingCells : run.cells;
}

/** Keys, values and recurrent states of all layers and sequences. */
export function cacheSizes(shape: ModelShape, run: Run): CacheSizes {
  const widest = Math.max(...shape.layers.map(valueWidth));
  let keyValueBytes = 0;
  let stateBytes = 0;
  for (const layer of shape.layers) {
    if (layer.recurrent || (!shape.known && shape.state)) {
      const { convolution, state } = shape.state ?? { convolution: 0, state: 0 };
      stateBytes += (convolution + state) * F32 * run.sequences;
    }
    if (layer.recurrent) continue;
    const rows = cellsOf(layer, run) * run.sequences;
    // Without flash attention values lie transposed, at the width of the widest layer.
    const values = run.flashAttention ? valueWidth(layer) : widest;
    keyValueBytes += rows * (rowBytes(run.keyType, layer.keyLength * layer.kvHeads) + rowBytes(run.valueType, values));
  }
  return { keyValueBytes, stateBytes };
}

/** The logits of each output, and the vector of an embedding beside them. */
export function outputBytes(shape: ModelShape, run: Run): number {
  return (shape.vocabulary + (run.embeddings ? shape.embedding : 0)) * run.outputs * F32;
}

export function valueWidth(layer: LayerShape): number {
  return layer.valueLength * layer.kvHeads;
}

function rowBytes(type: GgmlType, weights: number): number {
  return Math.ceil(weights / type.weightsPerBlock) * type.bytesPerBlock;
}

function pad(cells: number): number {
  return Math.ceil(cells / CELL_PADDING) * CELL_PADDING;
}
