/** Knows the arithmetic from header facts to bytes by kind. It must not read files, the machine or a clock. */

import { KiB } from '../core/bytes.ts';
import type { GgufFile, ModelHeader } from '../gguf/read-gguf.ts';
import {
  countBesideDrafts,
  countDraftLayers,
  countKeptDrafts,
  type DraftSettings,
  hasDraftContext,
  hasMainContext,
  KEPT_BYTES,
} from './draft-layers.ts';
import { computeEncoders, type GraphBuffer, NO_ENCODERS } from './encoders.ts';
import { computeLaterBytes, type LaterSettings } from './later-memory.ts';
import { computeCacheSizes, computeOutputBytes, type Run, type RunOptions, sizeRun } from './llama-cpp/cache-sizes.ts';
import { buildDecoderGraph } from './llama-cpp/decoder-graph.ts';
import { computeGraphBytes } from './llama-cpp/graph-allocator.ts';
import { boundGraphBytes, describeGraphBound } from './llama-cpp/graph-bound.ts';
import { type ModelShape, readModelShape } from './llama-cpp/model-shape.ts';
import { computeRuntimeBytes, type RuntimeParts } from './llama-cpp/runtime-overhead.ts';
import { countLoaderBytes, type LoaderSettings } from './loader-bytes.ts';
import { boundAdapterGraphBytes, countAdapterBytes } from './lora-adapters.ts';
import { placeWeights } from './place-weights.ts';
import { countSoundBytes } from './sound-bytes.ts';

/**
 * What a model needs, part by part; a frozen object. All sizes are whole bytes. `totalBytes` is the sum of the parts,
 * and also `mappedBytes` + `anonymousBytes`.
 */
export interface Footprint {
  readonly totalBytes: number;
  /** The language model's tensors, a second copy of those that the engine rearranges, and LoRA adapters. */
  readonly weightsBytes: number;
  /** Keys and values of all cells, and the states of recurrent layers. */
  readonly kvCacheBytes: number;
  /**
   * The buffer for the largest graph of a micro-batch, as the engine allocates it. Its pages are taken as they are touched,
   * and the logits of tokens that nobody asks for never are: vocabulary × (micro-batch - 1) × 4 bytes, 304 MiB for
   * Qwen2-Audio.
   */
  readonly computeBytes: number;
  /** The logits of the tokens that are answered. */
  readonly outputBytes: number;
  /** The weights of the projector, which the engine never maps. */
  readonly projectorBytes: number;
  /** The buffers for the graphs of the projector's encoders. */
  readonly projectorComputeBytes: number;
  /** What decoding the longest sound takes that one text may have; taken while such a text runs. */
  readonly audioBytes: number;
  /** What decoding the largest picture takes that the model is given; taken while a text with one runs. */
  readonly imageBytes: number;
  /** What the engine itself holds: vocabulary, plans, the copies beside a product. */
  readonly runtimeBytes: number;
  /**
   * The most that comes after the load, as conversations grow: snapshots of states that can't be rolled back, and the room in which quantized keys are
   * moved when a context is full. 0 unless the engine was allowed such.
   */
  readonly laterBytes: number;
  /** The part of `totalBytes` that is backed by the model's file. The kernel takes these pages back under pressure. */
  readonly mappedBytes: number;
  /**
   * The part of `mappedBytes` that was only read to be copied into an arrangement of the engine's own: nobody looks at it again, and the kernel
   * takes it back for good. No rule counts it.
   */
  readonly readOnceBytes: number;
  /** The part of `mappedBytes` that is locked: the kernel can't take it back, and rules count it as anonymous. */
  readonly lockedBytes: number;
  /** The part of `totalBytes` that the kernel can't take back without swap. */
  readonly anonymousBytes: number;
  /**
   * Who says so: the engine, which simulated the load, or our own arithmetic on the headers of the files; or, of a known model whose files nobody
   * has, on its published shape, which `estimateFootprint` never goes by.
   */
  readonly basis: 'engine' | 'gguf' | 'onnx' | 'shape';
  /** True if some part could only be bounded from above; `notes` says which and why. */
  readonly upperBound: boolean;
  /** Why parts could only be bounded, one reason each; empty for an exact estimate. */
  readonly notes: readonly string[];
}

/** All that a load takes, or, if weights and contexts are loaded apart, what one of the two takes; or the vocabulary without either. */
export type FootprintPart = 'all' | 'weights' | 'context' | 'vocabulary';

/** What was asked for, checked and with its defaults. */
export interface FootprintSettings extends RunOptions, LaterSettings, DraftSettings, LoaderSettings {
  readonly mmap: boolean;
  /** The engine copies weights into an arrangement of its own. */
  readonly repack: boolean;
  /** The types whose matrices it copies, if they are known. */
  readonly repackedTypes?: readonly string[] | undefined;
  /** The caller said that it doesn't. */
  readonly repackForbidden: boolean;
  /** The reason why the bytes of that copy can only be bounded. */
  readonly repackNote: string;
  readonly gpuLayers: number;
  /** Of which tokens the logits are read. */
  readonly logits?: 'all' | 'last';
  /** How many seconds of sound one text may have. */
  readonly audioSeconds?: number;
  readonly part: FootprintPart;
  readonly flashAttentionMode: 'auto' | 'on' | 'off';
  readonly pooling?: 'none' | 'mean' | 'cls' | 'last' | 'rank' | undefined;
  /** Mapped weights are locked in memory. */
  readonly mlock: boolean;
  readonly loraPaths: readonly string[];
  /** The largest image that the caller gives the model. */
  readonly maxImagePixels: number;
}

const F32_BYTES = 4;
/** A token and a vector of the main graph are joined before the layers that guess. */
const JOINED_VECTORS = 2;
/** Where layers keep a state, the engine has room for the plans of two graphs of 40 operations for each token (`graph_max_nodes`): 410 bytes for each. */
const PLAN_BYTES = 36 * KiB;

/**
 * Computes what a model needs, with its projector and adapters if it has some. `problem` is why an engine that should have been asked wasn't.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` if a header lacks what a size depends on.
 */
export function computeFootprint(
  model: ModelHeader,
  projector: ModelHeader | undefined,
  settings: FootprintSettings,
  problem?: string,
  adapters: readonly GgufFile[] = [],
): Footprint {
  const notes: string[] = [];
  const shape = readModelShape(model);
  const { part } = settings;
  const weights = part === 'context' ? NO_WEIGHTS : computeWeights(model, shape, projector, settings, notes);
  const context =
    part === 'all' || part === 'context' ? computeContexts(model, shape, settings, adapters, notes) : NO_CONTEXT;
  const { mappedBytes, readOnceBytes, runtime: weightsRuntime, ...weightsParts } = weights;
  const { runtime: contextRuntime, ...contextParts } = context;
  const scratchBytes = weightsRuntime.scratchBytes + contextRuntime.scratchBytes;
  // What is exact without it needs no word about it.
  if (problem !== undefined && notes.length > 0) notes.push(problem);
  const runtimeBytes = computeRuntimeBytes({ ...weightsRuntime, ...contextRuntime, scratchBytes });
  const { stateBytes, keptBytes: _, ...caches } = contextParts;
  const loaderBytes = countLoaderBytes(
    model.tensors,
    { ...readVocabulary(model, shape), layers: shape.layers.length, stateBytes },
    settings,
  );
  const { computeBytes } = caches;
  const laterBytes =
    context === NO_CONTEXT ? 0 : context.keptBytes + countLater(shape, settings, stateBytes, computeBytes);
  return sumFootprint(
    {
      ...weightsParts,
      // They are loaded with weights or with a context, whichever they are told of.
      weightsBytes: weightsParts.weightsBytes + (part === 'vocabulary' ? 0 : countAdapterBytes(adapters)),
      ...caches,
      audioBytes: countSoundBytes(projector, settings),
      runtimeBytes: runtimeBytes + loaderBytes,
      laterBytes,
    },
    {
      mappedBytes,
      readOnceBytes,
      lockedBytes: settings.mlock ? mappedBytes - readOnceBytes : 0,
      basis: 'gguf',
      notes: [...new Set(notes)],
    },
  );
}

/** What comes after the load, by the shape. */
function countLater(shape: ModelShape, settings: FootprintSettings, stateBytes: number, computeBytes: number): number {
  const keyElements = Math.max(0, ...shape.layers.map(({ keyLength, kvHeads }) => keyLength * kvHeads));
  return computeLaterBytes(settings, { ...settings, stateBytes, slidingBytes: 0, keyElements, computeBytes });
}

/** The parts of a total. */
type Parts = Pick<
  Footprint,
  | 'weightsBytes'
  | 'kvCacheBytes'
  | 'computeBytes'
  | 'outputBytes'
  | 'projectorBytes'
  | 'projectorComputeBytes'
  | 'audioBytes'
  | 'imageBytes'
  | 'runtimeBytes'
  | 'laterBytes'
>;

/** What is said of the total. */
type Aspects = Pick<Footprint, 'mappedBytes' | 'readOnceBytes' | 'lockedBytes' | 'basis' | 'notes'>;

/** Puts a footprint together. */
export function sumFootprint(parts: Parts, { notes, mappedBytes, ...aspects }: Aspects): Footprint {
  const totalBytes = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
  return Object.freeze({
    totalBytes,
    ...parts,
    mappedBytes,
    ...aspects,
    anonymousBytes: totalBytes - mappedBytes,
    upperBound: notes.length > 0,
    notes: Object.freeze(notes),
  });
}

type Weights = Pick<
  Footprint,
  'weightsBytes' | 'projectorBytes' | 'projectorComputeBytes' | 'imageBytes' | 'mappedBytes' | 'readOnceBytes'
> & {
  readonly runtime: Pick<RuntimeParts, 'tokens' | 'merges' | 'projector' | 'scratchBytes'>;
};

const NO_WEIGHTS: Weights = {
  weightsBytes: 0,
  projectorBytes: 0,
  projectorComputeBytes: 0,
  imageBytes: 0,
  mappedBytes: 0,
  readOnceBytes: 0,
  runtime: { tokens: 0, merges: 0, projector: false, scratchBytes: 0 },
};

function readVocabulary(model: ModelHeader, { vocabulary: tokens }: Pick<ModelShape, 'vocabulary'>) {
  return { tokens, merges: readArrayLength(model, 'tokenizer.ggml.merges') };
}

/** Computes what is there once for all contexts: tensors, encoders and the vocabulary. */
function computeWeights(
  model: ModelHeader,
  shape: ModelShape,
  projector: ModelHeader | undefined,
  settings: FootprintSettings,
  notes: string[],
): Weights {
  const { gpuLayers, part, maxImagePixels } = settings;
  const vocabularyRuntime = readVocabulary(model, shape);
  if (part === 'vocabulary') return { ...NO_WEIGHTS, runtime: { ...NO_WEIGHTS.runtime, ...vocabularyRuntime } };
  const {
    buffers: encoders,
    notes: encoderNotes,
    weightsBytes: projectorBytes,
    imageBytes,
  } = projector ? computeEncoders(projector, maxImagePixels) : NO_ENCODERS;
  notes.push(...encoderNotes);
  const { mappedBytes, readOnceBytes, anonymousBytes } = placeWeights(
    model.tensors,
    shape.architecture,
    settings,
    notes,
  );
  if (gpuLayers > 0) notes.push('layers on a GPU are counted as if they stayed in main memory');
  return {
    weightsBytes: mappedBytes + anonymousBytes,
    projectorBytes,
    // Each encoder of one file has a buffer of its own.
    projectorComputeBytes: encoders.reduce((sum, { bytes }) => sum + bytes, 0),
    imageBytes,
    mappedBytes,
    readOnceBytes,
    runtime: {
      ...vocabularyRuntime,
      projector: projector !== undefined,
      scratchBytes: encoders.reduce((sum, { scratchBytes }) => sum + scratchBytes, 0),
    },
  };
}

type Context = Pick<Footprint, 'kvCacheBytes' | 'computeBytes' | 'outputBytes'> & {
  readonly stateBytes: number;
  /** What stays with the process of contexts that earlier texts had. */
  readonly keptBytes: number;
  readonly runtime: Pick<RuntimeParts, 'layers' | 'cells' | 'scratchBytes'>;
};

const NO_CONTEXT: Context = {
  stateBytes: 0,
  keptBytes: 0,
  kvCacheBytes: 0,
  computeBytes: 0,
  outputBytes: 0,
  runtime: { layers: 0, cells: 0, scratchBytes: 0 },
};

/** Computes what a context has of its own, and that of draft layers if they guess. */
function computeContexts(
  model: ModelHeader,
  shape: ModelShape,
  settings: FootprintSettings,
  adapters: readonly GgufFile[],
  notes: string[],
): Context {
  const contexts = [
    ...(hasMainContext(settings) ? [computeContext(shape, settings, adapters, notes)] : []),
    ...(hasDraftContext(model, settings) ? [computeDraftContext(model, shape, settings, notes)] : []),
  ];
  const besideBytes = countBesideDrafts(model, settings);
  return contexts.reduce(addContexts, { ...NO_CONTEXT, runtime: { ...NO_CONTEXT.runtime, scratchBytes: besideBytes } });
}

function addContexts(one: Context, other: Context): Context {
  return {
    stateBytes: one.stateBytes + other.stateBytes,
    keptBytes: one.keptBytes + other.keptBytes,
    kvCacheBytes: one.kvCacheBytes + other.kvCacheBytes,
    computeBytes: one.computeBytes + other.computeBytes,
    outputBytes: one.outputBytes + other.outputBytes,
    runtime: {
      layers: one.runtime.layers + other.runtime.layers,
      cells: one.runtime.cells + other.runtime.cells,
      scratchBytes: one.runtime.scratchBytes + other.runtime.scratchBytes,
    },
  };
}

/** Draft layers attend, whatever others do. Their graph is at most that of all layers, and what guesses and tokens are joined to. */
function computeDraftContext(
  model: ModelHeader,
  shape: ModelShape,
  settings: FootprintSettings,
  notes: string[],
): Context {
  const { draftKeyType: keyType, draftValueType: valueType } = settings;
  const own = shape.architecture.leavesDraftsOut ? shape.layers.slice(-countDraftLayers(model)) : shape.layers;
  const layers = own.map((layer) => ({ ...layer, cached: 'keys-and-values' as const }));
  const run = sizeRun(shape, { ...settings, keyType, valueType });
  const { bytes, scratchBytes: graphScratchBytes } = computeDecoderBuffer(shape, run, notes);
  const computeBytes = bytes + JOINED_VECTORS * shape.embedding * run.tokens * F32_BYTES;
  const cacheBytes = computeCacheSizes({ ...shape, layers, state: undefined }, run).keyValueBytes;
  const scratchBytes = graphScratchBytes + (shape.state ? run.tokens * PLAN_BYTES : 0);
  const runtime = { layers: layers.length, cells: countManagedCells(shape, run), scratchBytes };
  const runtimeBytes = computeRuntimeBytes({ ...NO_WEIGHTS.runtime, ...runtime });
  // The bound may be above what is given back at once, and the graph below.
  const draft = { cacheBytes, computeBytes: Math.min(computeBytes, KEPT_BYTES), runtimeBytes };
  notes.push('the graph of draft layers is bounded by that of all layers');
  return {
    stateBytes: 0,
    keptBytes: countKeptDrafts(model, settings, draft),
    kvCacheBytes: cacheBytes,
    computeBytes,
    outputBytes: computeOutputBytes(shape, run),
    runtime,
  };
}

/** Computes what the main context has of its own. */
function computeContext(
  shape: ModelShape,
  options: RunOptions & Pick<DraftSettings, 'draftTokens'>,
  adapters: readonly GgufFile[],
  notes: string[],
): Context {
  const run = sizeRun(shape, options);
  const caches = computeCacheSizes(shape, run);
  const compute = computeDecoderBuffer(shape, run, notes);
  if (adapters.length > 0)
    notes.push('the graph is bounded by what it takes without the adapters, and the widest of them');
  return {
    stateBytes: caches.stateBytes,
    keptBytes: 0,
    // Guesses that were wrong are taken back: states are kept from before each of them.
    kvCacheBytes: caches.keyValueBytes + caches.stateBytes * (1 + options.draftTokens),
    computeBytes: compute.bytes + boundAdapterGraphBytes(adapters, run.tokens),
    outputBytes: computeOutputBytes(shape, run),
    runtime: {
      layers: shape.layers.length,
      cells: countManagedCells(shape, run),
      scratchBytes: compute.scratchBytes,
    },
  };
}

/** Counts the cells of one cache, or of two if some layers slide. */
function countManagedCells(shape: ModelShape, run: Run): number {
  if (shape.architecture.cacheless) return 0;
  const slides = !shape.architecture.compared || shape.layers.some(({ sliding }) => sliding);
  return (run.cells + (slides ? run.slidingCells : 0)) * run.streams;
}

/** Computes the exact buffer for an architecture that was compared, and otherwise the most that it may be. */
function computeDecoderBuffer(shape: ModelShape, run: Run, notes: string[]): GraphBuffer {
  const graph = buildDecoderGraph(shape, run);
  const bytes = computeGraphBytes(graph);
  const { scratchBytes } = graph;
  if (shape.architecture.compared) return { bytes, scratchBytes };
  notes.push(describeGraphBound(shape.architecture));
  const widest = Math.max(shape.embedding, shape.widestRows) * run.tokens * F32_BYTES;
  return { bytes: boundGraphBytes(shape, run, bytes), scratchBytes: Math.max(widest, scratchBytes) };
}

function readArrayLength(file: ModelHeader, key: string): number {
  const value = file.metadata.get(key);
  return typeof value === 'object' ? value.length : 0;
}
