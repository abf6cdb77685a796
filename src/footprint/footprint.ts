/** From header facts to bytes by kind: pure arithmetic. It reads no file, no machine and no clock. */

import type { GgufFile, GgufTensors } from '../gguf/read-gguf.ts';
import { cacheSizes, outputBytes, type Run, type RunOptions, runOf } from './llama-cpp/cache-sizes.ts';
import { decoderGraph } from './llama-cpp/decoder-graph.ts';
import { KNOWN_PROJECTORS, positionsOf, visionGraph, whisperGraph } from './llama-cpp/encoder-graph.ts';
import { type EncoderShape, encoderShapes } from './llama-cpp/encoder-shape.ts';
import { graphBytes } from './llama-cpp/graph-allocator.ts';
import { type ModelShape, modelShape } from './llama-cpp/model-shape.ts';
import { repackedBytes } from './llama-cpp/repacked-weights.ts';
import { type RuntimeParts, runtimeBytes } from './llama-cpp/runtime-overhead.ts';

/** What a model needs, part by part. All numbers are whole bytes; `totalBytes` is `mappedBytes` + `anonymousBytes`. */
export interface Footprint {
  readonly totalBytes: number;
  /** The language model's tensors, and a second copy of those that the engine rearranges. */
  readonly weightsBytes: number;
  /** Keys and values of all cells, and the states of recurrent layers. */
  readonly kvCacheBytes: number;
  /**
   * The buffer for the largest graph of a micro-batch, as the engine allocates it. Its pages are taken as they are touched, and
   * the logits of tokens that nobody asks for never are: vocabulary × (micro-batch - 1) × 4 bytes, 304 MiB for Qwen2-Audio.
   */
  readonly computeBytes: number;
  readonly outputBytes: number;
  readonly projectorBytes: number;
  readonly projectorComputeBytes: number;
  /** The engine itself: vocabulary, plans, the copies beside a product. */
  readonly runtimeBytes: number;
  /** Backed by the model's file; the kernel takes these pages back under pressure. */
  readonly mappedBytes: number;
  readonly anonymousBytes: number;
  readonly basis: 'gguf';
  /** True where some part could only be bounded; `notes` says which and why. */
  readonly upperBound: boolean;
  readonly notes: readonly string[];
}

/** All that a load takes, or where weights and contexts are loaded apart, one of the two. */
export type FootprintPart = 'all' | 'weights' | 'context';

export interface EstimateOptions extends RunOptions {
  readonly mmap: boolean;
  readonly repack: boolean;
  /** Why what is rearranged can only be bounded. */
  readonly repackNote: string;
  readonly gpuLayers: number;
  readonly part: FootprintPart;
}

/** Of buffers in which tensors lie side by side. */
const ALIGNMENT = 32;
const F32 = 4;
/** Of an element of a mask and its copy. */
const MASK_BYTES = 6;

export function estimate(model: GgufFile, projector: GgufFile | undefined, options: EstimateOptions): Footprint {
  const notes: string[] = [];
  const weights = options.part === 'context' ? NO_WEIGHTS : weightsOf(model, projector, options, notes);
  const context = options.part === 'weights' ? NO_CONTEXT : contextOf(modelShape(model), options, notes);
  const { mappedBytes, runtime: weightsRuntime, ...weightsParts } = weights;
  const { runtime: contextRuntime, ...contextParts } = context;
  const scratchBytes = weightsRuntime.scratchBytes + contextRuntime.scratchBytes;
  const runtime = runtimeBytes({ ...weightsRuntime, ...contextRuntime, scratchBytes });
  const parts = { ...weightsParts, ...contextParts, runtimeBytes: runtime };
  const totalBytes = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
  return Object.freeze({
    totalBytes,
    ...parts,
    mappedBytes,
    anonymousBytes: totalBytes - mappedBytes,
    basis: 'gguf' as const,
    upperBound: notes.length > 0,
    notes: Object.freeze(notes),
  });
}

type Weights = Pick<Footprint, 'weightsBytes' | 'projectorBytes' | 'projectorComputeBytes' | 'mappedBytes'> & {
  readonly runtime: Pick<RuntimeParts, 'tokens' | 'merges' | 'projector' | 'scratchBytes'>;
};

const NO_WEIGHTS: Weights = {
  weightsBytes: 0,
  projectorBytes: 0,
  projectorComputeBytes: 0,
  mappedBytes: 0,
  runtime: { tokens: 0, merges: 0, projector: false, scratchBytes: 0 },
};

/** What is there once for all contexts: tensors, encoders and the vocabulary. */
function weightsOf(
  model: GgufFile,
  projector: GgufFile | undefined,
  { mmap, repack, repackNote, gpuLayers }: EstimateOptions,
  notes: string[],
): Weights {
  const encoders = projector ? encoderShapes(projector).map((each) => encoderCompute(each, notes)) : [];
  const mappedBytes = mmap ? mappedRange(model.tensors) : 0;
  const copies = mmap && repack ? repackedBytes(model.tensors) : 0;
  if (copies > 0) notes.push(repackNote);
  if (gpuLayers > 0) notes.push('layers on a GPU are counted as if they stayed in main memory');
  return {
    weightsBytes: (mmap ? mappedBytes : paddedBytes(model.tensors)) + copies,
    projectorBytes: projector ? paddedBytes(projector.tensors) : 0,
    // Encoders of one file have buffers of their own.
    projectorComputeBytes: encoders.reduce((sum, { bytes }) => sum + bytes, 0),
    mappedBytes,
    runtime: {
      tokens: modelShape(model).vocabulary,
      merges: lengthOf(model, 'tokenizer.ggml.merges'),
      projector: projector !== undefined,
      scratchBytes: encoders.reduce((sum, { scratch }) => sum + scratch, 0),
    },
  };
}

type Context = Pick<Footprint, 'kvCacheBytes' | 'computeBytes' | 'outputBytes'> & {
  readonly runtime: Pick<RuntimeParts, 'layers' | 'cells' | 'scratchBytes'>;
};

const NO_CONTEXT: Context = {
  kvCacheBytes: 0,
  computeBytes: 0,
  outputBytes: 0,
  runtime: { layers: 0, cells: 0, scratchBytes: 0 },
};

/** What each context has of its own. */
function contextOf(shape: ModelShape, options: RunOptions, notes: string[]): Context {
  const run = runOf(shape, options);
  const caches = cacheSizes(shape, run);
  const compute = decoderCompute(shape, run, notes);
  return {
    kvCacheBytes: caches.keyValueBytes + caches.stateBytes,
    computeBytes: compute.bytes,
    outputBytes: outputBytes(shape, run),
    runtime: { layers: shape.layers.length, cells: managedCells(shape, run), scratchBytes: compute.scratch },
  };
}

/** One cache, or two where some layers slide. */
function managedCells(shape: ModelShape, run: Run): number {
  const slides = !shape.known || shape.layers.some(({ sliding }) => sliding);
  return (run.cells + (slides ? run.slidingCells : 0)) * run.sequences;
}

interface Compute {
  readonly bytes: number;
  readonly scratch: number;
}

/** Exact for known architectures; for others the usual decoder, once with and once without flash attention, and room to spare. */
function decoderCompute(shape: ModelShape, run: Run, notes: string[]): Compute {
  const graph = decoderGraph(shape, run);
  if (shape.known) return { bytes: graphBytes(graph), scratch: graph.scratchBytes };
  notes.push(`the architecture ${JSON.stringify(shape.architecture)} is unknown, so its cache and graphs are bounded`);
  const graphs = [graph, decoderGraph(shape, { ...run, flashAttention: !run.flashAttention })];
  const largest = Math.max(...graphs.map(graphBytes));
  const widest = Math.max(shape.embedding, shape.widestRows) * run.tokens * F32;
  return {
    bytes: Math.ceil(largest * 1.25) + 3 * widest,
    scratch: Math.max(widest, ...graphs.map((each) => each.scratchBytes)),
  };
}

/** Exact for known projectors; others get twice the usual encoder and room for a mask, in F32 and in F16. */
function encoderCompute(shape: EncoderShape, notes: string[]): Compute {
  const graph = shape.kind === 'audio' ? whisperGraph(shape) : visionGraph(shape);
  const bytes = graphBytes(graph);
  if (KNOWN_PROJECTORS.includes(shape.projector)) return { bytes, scratch: graph.scratchBytes };
  notes.push(`the projector ${JSON.stringify(shape.projector)} is unknown, so its graph is bounded`);
  const mask = positionsOf(shape) ** 2 * MASK_BYTES;
  return { bytes: 2 * bytes + mask, scratch: 2 * graph.scratchBytes };
}

/** The engine maps each shard from its first tensor to the end of its last one. */
function mappedRange({ shards }: GgufTensors): number {
  return shards.reduce((sum, { dataBytes }) => sum + dataBytes, 0);
}

function paddedBytes({ kinds }: GgufTensors): number {
  return kinds.reduce((sum, { bytes, count }) => sum + count * Math.ceil(bytes / ALIGNMENT) * ALIGNMENT, 0);
}

function lengthOf(file: GgufFile, key: string): number {
  const value = file.metadata.get(key);
  return typeof value === 'object' ? value.length : 0;
}
