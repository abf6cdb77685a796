/**
 * Knows the estimate of one model: it checks options, reads headers, has an engine asked and hands all to the arithmetic. It must not compute
 * sizes itself.
 */

import { setImmediate } from 'node:timers/promises';
import { copyOptions } from '../core/copy-options.ts';
import { invalidOption } from '../core/errors.ts';
import { DEFAULT_IMAGE_PIXELS } from '../core/image-pixels.ts';
import { countPoolThreads } from '../core/pool-threads.ts';
import type { CacheType, KvCacheType } from '../core/types.ts';
import {
  type Checks,
  describedPath,
  flag,
  numberFrom,
  oneOf,
  oneOrMore,
  size,
  text,
  validate,
  wholeNumber,
} from '../core/validate.ts';
import { findGgmlTypeByName } from '../gguf/ggml-types.ts';
import { isSameFile } from '../gguf/model-file.ts';
import { refuseSwappedFiles } from '../gguf/model-pair.ts';
import { type FileIdentity, type GgufFile, readGguf } from '../gguf/read-gguf.ts';
import { DRAFT_ROLES } from './draft-layers.ts';
import { computeEncoders } from './encoders.ts';
import { AskedModel } from './engine/asked-model.ts';
import type { EnginePort } from './engine/engine-port.ts';
import { computeFootprint, type Footprint, type FootprintPart, type FootprintSettings } from './footprint.ts';
import { repacksByDefault } from './llama-cpp/repacked-weights.ts';
import { LoraAdapters } from './lora-adapters.ts';
import { readSessionSettings, type SessionSettings } from './onnx/session-settings.ts';

export type { Footprint, FootprintPart } from './footprint.ts';

/** The types that a KV cache can have. */
const CACHE_TYPES = [
  'f16',
  'f32',
  'bf16',
  'q8_0',
  'q5_1',
  'q5_0',
  'q4_1',
  'q4_0',
  'iq4_nl',
] as const satisfies readonly CacheType[];

/** A model and how it is to be run. */
export interface EstimatorOptions {
  /** The path of the model's GGUF file; for a split model of any of its shards. */
  readonly modelPath: string;
  /** The path of the audio or vision projector ("mmproj") that is loaded with it. */
  readonly projectorPath?: string;
  /** Tokens of all sequences together. @default 4096 */
  readonly contextSize?: number;
  /** Tokens that one graph computes. @default 512 */
  readonly microBatchSize?: number;
  /** Tokens that one call of the engine is given. @default the larger of 512 and `microBatchSize` */
  readonly batchSize?: number;
  /** Sequences that are computed side by side, at most 256. @default 1 */
  readonly sequences?: number;
  /** The type of keys and values, or of each apart. @default 'f16' */
  readonly kvCacheType?: KvCacheType;
  /** `auto` is `on` wherever the CPU computes. @default 'auto' */
  readonly flashAttention?: 'auto' | 'on' | 'off';
  /** Layers with a sliding window cache the whole context. @default false */
  readonly fullSlidingCache?: boolean;
  /** The outputs of all tokens of a batch are kept, as for embeddings and rankings. @default false */
  readonly embeddings?: boolean;
  /** The weights stay in the file's pages. @default true */
  readonly mmap?: boolean;
  /**
   * The engine copies weights into an arrangement of its own. `auto` is false on x64; elsewhere it is assumed, and `notes`
   * says so. A list names the types whose matrices it copies, by groups of eight rows, if that is known.
   *
   * @default 'auto'
   */
  readonly repack?: boolean | 'auto' | readonly string[];
  /** Layers for a GPU; they are counted as if they stayed in main memory. @default 0 */
  readonly gpuLayers?: number;
  /**
   * Of which tokens the logits are read. An engine makes room for those of a whole micro-batch, and pages that nobody writes to are never taken: 'last'
   * counts those of one token for each sequence, if the engine can be asked that.
   *
   * @default 'all'
   */
  readonly logits?: 'all' | 'last';
  /** How many seconds of sound one text may have, if the projector hears: no more are counted than the context can hold. @default 0 */
  readonly audioSeconds?: number;
  /** Sequences share one cache instead of having cells of their own. @default false */
  readonly unifiedKvCache?: boolean;
  /** How the embeddings of a text become one, for `embeddings`. @default what the model's header says */
  readonly pooling?: 'none' | 'mean' | 'cls' | 'last' | 'rank';
  /** Weights are locked in memory: then the kernel can't take mapped ones back. @default false */
  readonly mlock?: boolean;
  /** Weights are read past the page cache, by a buffer as long as the largest of them, instead of mapped. @default false */
  readonly directIo?: boolean;
  /** The runtime simulates loads and contexts before and keeps the header for it, as node-llama-cpp does. @default true for that `engine`, else false */
  readonly simulatesLoads?: boolean;
  /** The paths of LoRA adapters that are loaded with it. */
  readonly loraPaths?: readonly string[];
  /**
   * Pixels of the largest image that the model is given, for projectors that take images of any size. Nobody refuses a larger one: whoever calls
   * the engine makes it smaller first. @default 1048576, 1024 × 1024
   */
  readonly maxImagePixels?: number;
  /** The most bytes of snapshots that the engine keeps of recurrent states, to go back in a conversation. @default 0 */
  readonly stateCacheBytes?: number;
  /** The most such snapshots of one sequence. @default 8 */
  readonly stateSnapshots?: number;
  /** Tokens after which the engine takes such a snapshot, if it goes by tokens. */
  readonly stateSnapshotTokens?: number;
  /** When a context is full, the engine drops its oldest tokens and moves the others. @default false */
  readonly contextShift?: boolean;
  /** Tokens that draft layers guess at once (speculative decoding): such a model gets a second context, and states are kept as many times more. @default 0 */
  readonly draftTokens?: number;
  /** Whose draft layers guess: the model's own; those of another model, whose `target` it is; or it is loaded as that `draft` model. @default 'own' */
  readonly draftRole?: 'own' | 'target' | 'draft';
  /** The type of keys and values of draft layers. @default 'f16' */
  readonly draftKvCacheType?: KvCacheType;
  /** How a session of ONNX Runtime is made, for a model in a .onnx file: other options say nothing of such a one. */
  readonly session?: SessionSettings;
  /** If a runtime loads weights first and makes contexts later: what one of the two takes; or what the vocabulary alone does. @default 'all' */
  readonly part?: FootprintPart;
}

/** `LLAMA_MAX_SEQ`. */
const MAX_SEQUENCES = 256;

/** What the estimate takes if an option is left out; `batchSize` is at least `microBatchSize`. */
const DEFAULTS = {
  contextSize: 4096,
  microBatchSize: 512,
  batchSize: 512,
  sequences: 1,
  kvCacheType: 'f16',
  flashAttention: 'auto',
  fullSlidingCache: false,
  embeddings: false,
  mmap: true,
  repack: 'auto',
  gpuLayers: 0,
  logits: 'all',
  audioSeconds: 0,
  unifiedKvCache: false,
  mlock: false,
  directIo: false,
  simulatesLoads: false,
  loraPaths: [],
  maxImagePixels: DEFAULT_IMAGE_PIXELS,
  stateCacheBytes: 0,
  stateSnapshots: 8,
  contextShift: false,
  draftTokens: 0,
  draftRole: 'own',
  draftKvCacheType: 'f16',
  part: 'all',
} as const satisfies EstimateShape;

const path = describedPath('the path of a GGUF file');

const CHECKS: Checks<EstimatorOptions> = {
  modelPath: path,
  projectorPath: path,
  contextSize: wholeNumber(1),
  microBatchSize: wholeNumber(1),
  batchSize: wholeNumber(1),
  sequences: wholeNumber(1, MAX_SEQUENCES),
  kvCacheType: checkKvCacheType,
  flashAttention: oneOf('auto', 'on', 'off'),
  fullSlidingCache: flag,
  embeddings: flag,
  mmap: flag,
  repack: checkRepack,
  gpuLayers: wholeNumber(0),
  logits: oneOf('all', 'last'),
  audioSeconds: numberFrom(0),
  unifiedKvCache: flag,
  pooling: oneOf('none', 'mean', 'cls', 'last', 'rank'),
  mlock: flag,
  directIo: flag,
  simulatesLoads: flag,
  loraPaths: oneOrMore(describedPath('the path of a LoRA adapter'), 'the path of a LoRA adapter, or a list of them'),
  maxImagePixels: wholeNumber(1),
  stateCacheBytes: size,
  stateSnapshots: wholeNumber(0),
  stateSnapshotTokens: wholeNumber(1),
  contextShift: flag,
  draftTokens: wholeNumber(0),
  draftRole: oneOf(...DRAFT_ROLES),
  draftKvCacheType: checkKvCacheType,
  session: readSessionSettings,
  part: oneOf('all', 'weights', 'context', 'vocabulary'),
};

/** The headers of a model, read once for any number of shapes. */
export interface Estimator {
  /** `general.file_type` of the model. */
  readonly fileType: number | undefined;
  /** The model's shards. */
  readonly shards: readonly FileIdentity[];
  /** The shards and the projector. */
  readonly files: readonly FileIdentity[];
  /** How many tokens of context the model was trained for, if its header says so. */
  readonly trainedTokens?: number;
  /** Such a model has no context of tokens, whatever a shape says. */
  readonly contextless?: true;
  /** Whether one of them is another file now than when it was read. It looks at their attributes alone, at once. */
  haveFilesChanged(): boolean;
  /**
   * Reads the headers of the adapters of these shapes, and has the engine, if there is one, simulate a load in them, each with every context from
   * `leastTokens` to its own: from then on `estimate` goes by its answer. Resolves when it has, or can't be asked. Rejects with
   * `ERR_INVALID_OPTION`, and with `ERR_MODEL_FILE` for an adapter that can't be understood.
   */
  ask(shapes: readonly EstimateShape[], leastTokens?: number): Promise<void>;
  /**
   * Returns the footprint of this shape; the same shape gives the same object. A shape with adapters must have been asked about. Throws
   * `ERR_INVALID_OPTION`.
   */
  estimate(shape: EstimateShape): Footprint;
}

/** How a model is to be run. */
export type EstimateShape = Omit<EstimatorOptions, 'modelPath' | 'projectorPath'>;

/**
 * Reads the headers. `engine` is asked what it knows better. Rejects with `ERR_MODEL_FILE` if the files can't be understood, or one is in the
 * other's place.
 */
export async function openEstimator(
  modelPath: string,
  projectorPath?: string,
  engine?: EnginePort,
): Promise<Estimator> {
  const [model, projector] = await Promise.all([
    readGguf(modelPath),
    projectorPath === undefined ? undefined : readGguf(projectorPath),
  ]);
  refuseSwappedFiles(model, projector);
  if (projector) {
    // In turns of their own: reading a header with 150,000 tokens takes 11 ms, and the first graph of an encoder 6.
    await setImmediate();
    computeEncoders(projector, DEFAULT_IMAGE_PIXELS);
  }
  const known = new Map<string, Footprint>();
  const adapters = new LoraAdapters();
  const asked = engine && new AskedModel(engine, model, projector, adapters);
  const paths = [...model.shards, ...(projector ? projector.shards : [])];
  const files = [...model.shardIdentities, ...(projector ? projector.shardIdentities : [])];
  return {
    fileType: model.fileType,
    shards: model.shardIdentities,
    files,
    ...readTrainedTokens(model),
    haveFilesChanged: () => paths.some((each, index) => !isSameFile(each, files[index]!)),
    async ask(shapes, leastTokens) {
      const settings = shapes.map((shape) => completeSettings(checkOptions(shape)));
      await adapters.read(settings.flatMap(({ loraPaths }) => loraPaths));
      await asked?.ask(settings, leastTokens);
      known.clear();
    },
    estimate(shape) {
      const settings = completeSettings(checkOptions(shape));
      const key = JSON.stringify(settings);
      const compute = () =>
        computeFootprint(model, projector, settings, asked?.problem, adapters.find(settings.loraPaths));
      const footprint = known.get(key) ?? asked?.estimate(settings) ?? compute();
      known.set(key, footprint);
      if (Number.isSafeInteger(footprint.totalBytes)) return footprint;
      throw invalidOption('contextSize', 'small enough for its cache to be counted in bytes', settings.contextSize);
    },
  };
}

function readTrainedTokens({ metadata, architecture }: GgufFile): Pick<Estimator, 'trainedTokens'> {
  const trained = metadata.get(`${architecture}.context_length`);
  return typeof trained === 'number' && trained >= 1 ? { trainedTokens: trained } : {};
}

/** Throws `ERR_INVALID_OPTION` for an option that can't be. */
export function checkOptions(options: unknown): Partial<EstimatorOptions> {
  return validate<EstimatorOptions>(options, CHECKS, 'estimateFootprint');
}

/** Puts defaults in place of what was left out. Throws `ERR_INVALID_OPTION` for options that exclude each other. */
export function completeSettings(options: EstimateShape): FootprintSettings {
  const { kvCacheType, draftKvCacheType, flashAttention, repack, ...settings } = { ...DEFAULTS, ...options };
  const [{ k, v }, draft] = [splitTypes(kvCacheType), splitTypes(draftKvCacheType)];
  if (flashAttention === 'off' && findGgmlTypeByName(v)!.weightsPerBlock > 1) {
    throw invalidOption('kvCacheType', 'a type of values that is not quantized without flash attention', kvCacheType);
  }
  return {
    ...settings,
    mmap: settings.mmap && !settings.directIo,
    batchSize: options.batchSize ?? Math.max(DEFAULTS.batchSize, settings.microBatchSize),
    keyType: k,
    valueType: v,
    draftKeyType: draft.k,
    draftValueType: draft.v,
    draftThreads: countPoolThreads(process.env['UV_THREADPOOL_SIZE']),
    flashAttention: flashAttention !== 'off',
    flashAttentionMode: flashAttention,
    repack: repack === 'auto' ? repacksByDefault(process.arch) : repack !== false,
    repackedTypes: typeof repack === 'object' ? repack : undefined,
    repackForbidden: repack === false,
    repackNote:
      repack === 'auto'
        ? `whether the engine rearranges weights on ${process.arch} is not known, so it is assumed`
        : 'which weights the engine rearranges depends on the CPU, so all that some CPU rearranges are counted',
  };
}

function splitTypes(type: KvCacheType) {
  return typeof type === 'string' ? { k: type, v: type } : type;
}

function checkRepack(value: unknown, name: string): boolean | 'auto' | readonly string[] {
  if (!Array.isArray(value)) return oneOf('auto', true, false)(value, name);
  return value.map((each: unknown) => text(each, name));
}

/** Throws `ERR_INVALID_OPTION` for a type that no KV cache has. */
export function checkKvCacheType(value: unknown, name: string): KvCacheType {
  const known = (type: unknown): type is CacheType => (CACHE_TYPES as readonly unknown[]).includes(type);
  if (known(value)) return value;
  if (typeof value === 'object' && value !== null) {
    const { k, v } = copyOptions(value, name, ['k', 'v']);
    if (known(k) && known(v)) return { k, v };
  }
  throw invalidOption(name, `one of ${CACHE_TYPES.join(', ')}, or { k, v } of them`, value);
}
