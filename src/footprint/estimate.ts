/** From header facts to bytes by kind: pure arithmetic. It reads no file, no machine and no clock. */
import { decoderGraph } from './decoder.ts';
import { KNOWN_PROJECTORS, positionsOf, visionGraph, whisperGraph } from './encoder.ts';
import { type EncoderShape, encoderShapes } from './encodershape.ts';
import type { GgufFile, GgufTensors } from './gguf.ts';
import { graphBytes } from './graphalloc.ts';
import { type ModelShape, modelShape } from './modelshape.ts';
import { repackedBytes } from './repack.ts';
import { cacheSizes, outputBytes, type Run, type RunOptions, runOf } from './run.ts';
import { runtimeBytes } from './runtimebase.ts';

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

export interface EstimateOptions extends RunOptions {
  readonly mmap: boolean;
  readonly repack: boolean;
  /** Why `repack` is only a guess; `undefined` where it is known. */
  readonly repackNote: string | undefined;
  readonly gpuLayers: number;
}

/** Of buffers in which tensors lie side by side. */
const ALIGNMENT = 32;
const F32 = 4;
/** Of an element of a mask and its copy. */
const MASK_BYTES = 6;

export function estimate(model: GgufFile, projector: GgufFile | undefined, options: EstimateOptions): Footprint {
  const shape = modelShape(model);
  const run = runOf(shape, options);
  const notes: string[] = [];
  const caches = cacheSizes(shape, run);
  const compute = decoderCompute(shape, run, notes);
  const encoders = projector ? encoderShapes(projector).map((each) => encoderCompute(each, notes)) : [];
  const mapped = options.mmap ? mappedRange(model.tensors) : 0;
  const copies = options.mmap && options.repack ? repackedBytes(model.tensors) : 0;
  if (copies > 0 && options.repackNote !== undefined) notes.push(options.repackNote);
  if (options.gpuLayers > 0) notes.push('layers on a GPU are counted as if they stayed in main memory');
  const parts = {
    weightsBytes: (options.mmap ? mapped : paddedBytes(model.tensors)) + copies,
    kvCacheBytes: caches.keyValueBytes + caches.stateBytes,
    computeBytes: compute.bytes,
    outputBytes: outputBytes(shape, run),
    projectorBytes: projector ? paddedBytes(projector.tensors) : 0,
    // Encoders of one file have buffers of their own.
    projectorComputeBytes: encoders.reduce((sum, { bytes }) => sum + bytes, 0),
    runtimeBytes: runtimeBytes({
      layers: shape.layers.length,
      cells: managedCells(shape, run),
      tokens: shape.vocabulary,
      merges: lengthOf(model, 'tokenizer.ggml.merges'),
      scratchBytes: encoders.reduce((sum, { scratch }) => sum + scratch, compute.scratch),
      projector: projector !== undefined,
    }),
  };
  const totalBytes = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
  return Object.freeze({
    totalBytes,
    ...parts,
    mappedBytes: mapped,
    anonymousBytes: totalBytes - mapped,
    basis: 'gguf' as const,
    upperBound: notes.length > 0,
    notes: Object.freeze(notes),
  });
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
