/** The public estimate: checks options, reads headers, hands both to the arithmetic. It computes nothing itself. */

import { invalidOption } from '../core/errors.ts';
import { type Checks, flag, oneOf, pathOf, validate, wholeNumber } from '../core/validate.ts';
import { findGgmlTypeByName } from '../gguf/ggml-types.ts';
import { refuseSwappedFiles } from '../gguf/model-pair.ts';
import { type FileIdentity, readGguf } from '../gguf/read-gguf.ts';
import { type EstimateOptions, estimate, type Footprint, type FootprintPart } from './footprint.ts';
import { repacksByDefault } from './llama-cpp/repacked-weights.ts';

export type { Footprint, FootprintPart } from './footprint.ts';

export const CACHE_TYPES = ['f16', 'f32', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'] as const;

export type CacheType = (typeof CACHE_TYPES)[number];

/** Options of `estimateFootprint`: a model and how it is to be run. */
export interface EstimateFootprintOptions {
  /** The model; for a split one any of its shards. */
  readonly modelPath: string;
  /** The audio or vision projector ("mmproj") that is loaded with it. */
  readonly projectorPath?: string;
  /** Tokens of all sequences together. @default 4096 */
  readonly contextSize?: number;
  /** Tokens per graph. @default 512 */
  readonly microBatchSize?: number;
  /** Tokens per call. @default the larger of 512 and `microBatchSize` */
  readonly batchSize?: number;
  /** Sequences that are computed side by side. @default 1 */
  readonly sequences?: number;
  /** Of keys and values, or of each apart. @default 'f16' */
  readonly kvCacheType?: CacheType | { readonly k: CacheType; readonly v: CacheType };
  /** `auto` is `on` where the CPU computes. @default 'auto' */
  readonly flashAttention?: 'auto' | 'on' | 'off';
  /** Layers with a sliding window cache the whole context. @default false */
  readonly fullSlidingCache?: boolean;
  /** Outputs of all tokens of a batch are kept, as for embeddings and rankings. @default false */
  readonly embeddings?: boolean;
  /** Weights stay in the file's pages. @default true */
  readonly mmap?: boolean;
  /** Whether the engine copies weights into its own arrangement. @default 'auto': no on x64, else assumed and said so */
  readonly repack?: boolean | 'auto';
  /** Layers for a GPU; they are counted as if they stayed. @default 0 */
  readonly gpuLayers?: number;
  /** Where a runtime loads weights first and makes contexts later, what one of the two takes. @default 'all' */
  readonly part?: FootprintPart;
}

/** `LLAMA_MAX_SEQ`. */
const MAX_SEQUENCES = 256;

const path = pathOf('the path of a GGUF file');

const CHECKS: Checks<EstimateFootprintOptions> = {
  modelPath: path,
  projectorPath: path,
  contextSize: wholeNumber(1),
  microBatchSize: wholeNumber(1),
  batchSize: wholeNumber(1),
  sequences: wholeNumber(1, MAX_SEQUENCES),
  kvCacheType: cacheTypes,
  flashAttention: oneOf('auto', 'on', 'off'),
  fullSlidingCache: flag,
  embeddings: flag,
  mmap: flag,
  repack: oneOf('auto', true, false),
  gpuLayers: wholeNumber(0),
  part: oneOf('all', 'weights', 'context'),
};

/**
 * What the embedded engine will take for this model, from the headers alone: nothing is loaded, some milliseconds.
 * Rejects with `ERR_INVALID_OPTION` and, for files that can't be understood, with `ERR_MODEL_FILE`.
 */
export async function estimateFootprint(options: EstimateFootprintOptions): Promise<Footprint> {
  const { modelPath, projectorPath, ...shape } = checkShape(options);
  if (modelPath === undefined) throw invalidOption('modelPath', 'the path of a GGUF file', undefined);
  settingsOf(shape); // what is wrong with the options is said before files are read
  return (await openEstimator(modelPath, projectorPath)).footprintOf(shape);
}

/** Headers that were read once, for any number of shapes. */
export interface Estimator {
  /** The model's shards. */
  readonly shards: readonly FileIdentity[];
  /** The shards and the projector. */
  readonly files: readonly FileIdentity[];
  /** Throws `ERR_INVALID_OPTION`. The same shape gives the same object. */
  footprintOf(shape: EstimateShape): Footprint;
}

export type EstimateShape = Omit<EstimateFootprintOptions, 'modelPath' | 'projectorPath'>;

/** Rejects with `ERR_MODEL_FILE` where the files can't be understood, or one is in the other's place. */
export async function openEstimator(modelPath: string, projectorPath?: string): Promise<Estimator> {
  const [model, projector] = await Promise.all([
    readGguf(modelPath),
    projectorPath === undefined ? undefined : readGguf(projectorPath),
  ]);
  refuseSwappedFiles(model, projector);
  const known = new Map<string, Footprint>();
  return {
    shards: model.shardIdentities,
    files: [...model.shardIdentities, ...(projector ? projector.shardIdentities : [])],
    footprintOf(shape) {
      const settings = settingsOf(checkShape(shape));
      const key = JSON.stringify(settings);
      const footprint = known.get(key) ?? estimate(model, projector, settings);
      known.set(key, footprint);
      if (Number.isSafeInteger(footprint.totalBytes)) return footprint;
      throw invalidOption('contextSize', 'small enough for its cache to be counted in bytes', settings.contextSize);
    },
  };
}

function checkShape(options: unknown): Partial<EstimateFootprintOptions> {
  return validate<EstimateFootprintOptions>(options, CHECKS, 'estimateFootprint');
}

function settingsOf(options: Partial<EstimateFootprintOptions>): EstimateOptions {
  const { microBatchSize = 512, kvCacheType = 'f16', flashAttention = 'auto', repack = 'auto' } = options;
  const { contextSize = 4096, sequences = 1, mmap = true, gpuLayers = 0, part = 'all' } = options;
  const { fullSlidingCache = false, embeddings = false } = options;
  const { batchSize = Math.max(512, microBatchSize) } = options;
  const { k, v } = typeof kvCacheType === 'string' ? { k: kvCacheType, v: kvCacheType } : kvCacheType;
  if (flashAttention === 'off' && (findGgmlTypeByName(v)?.weightsPerBlock ?? 1) > 1) {
    throw invalidOption('kvCacheType', 'a type of values that is not quantized without flash attention', kvCacheType);
  }
  return {
    contextSize,
    microBatchSize,
    batchSize,
    sequences,
    keyType: k,
    valueType: v,
    flashAttention: flashAttention !== 'off',
    fullSlidingCache,
    embeddings,
    mmap,
    repack: repack === 'auto' ? repacksByDefault(process.arch) : repack,
    repackNote:
      repack === 'auto'
        ? `whether the engine rearranges weights on ${process.arch} is not known, so it is assumed`
        : 'which weights the engine rearranges depends on the CPU, so all that some CPU rearranges are counted',
    gpuLayers,
    part,
  };
}

function cacheTypes(value: unknown, name: string): NonNullable<EstimateFootprintOptions['kvCacheType']> {
  const known = (type: unknown): type is CacheType => (CACHE_TYPES as readonly unknown[]).includes(type);
  if (known(value)) return value;
  if (typeof value === 'object' && value !== null && 'k' in value && 'v' in value && known(value.k) && known(value.v)) {
    return { k: value.k, v: value.v };
  }
  throw invalidOption(name, `one of ${CACHE_TYPES.join(', ')}, or { k, v } of them`, value);
}
