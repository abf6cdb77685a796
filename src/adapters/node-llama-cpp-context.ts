/** How the guard reads a context that a model of `node-llama-cpp` makes: as a load of its cache and buffers. It knows no memory numbers. */
import { type CopiedOptions, changeOptions, copyOptions, withoutPrototype } from '../core/copy-options.ts';
import { objectOf } from '../core/validate.ts';
import type { Adapter, ChosenShape, LoadRequest, RequestedShape } from './adapter.ts';
import { DEFAULT_CONTEXT_RANGE, defaultModelParts } from './default-adapter.ts';
import { findNodeLlamaCppFiles } from './find-engine-files.ts';
import { withPath } from './path-options.ts';

/** What this file uses of the library's `LlamaModel`. */
export interface LlamaModel {
  readonly trainContextSize?: number;
  readonly defaultContextFlashAttention?: unknown;
  readonly defaultContextSwaFullCache?: unknown;
  readonly defaultContextKvCacheKeyType?: unknown;
  readonly defaultContextKvCacheValueType?: unknown;
  /** `swaSize` is absent if no layer slides within what the model was trained for. */
  readonly fileInsights?: { readonly swaSize?: number };
}

/** The library's names of the cache's types, by the numbers that ggml gives them. */
const CACHE_TYPES = new Map<unknown, string>([
  [0, 'f32'],
  [1, 'f16'],
  [2, 'q4_0'],
  [3, 'q4_1'],
  [6, 'q5_0'],
  [7, 'q5_1'],
  [8, 'q8_0'],
  [20, 'iq4_nl'],
  [30, 'bf16'],
]);

/** The smallest context that the library makes for `auto`. */
const MIN_AUTO_CONTEXT = 24;

const DEFAULT_BATCH_SIZE = 512;

/** What a sequence keeps if nobody says otherwise; how many ends of prompts come to it, nobody knows before. */
const STATE_CACHE = { stateCacheBytes: Number.MAX_SAFE_INTEGER, stateSnapshots: 32, stateSnapshotTokens: 8192 };

/** Questions that a context for decisions takes at once. */
const DEFAULT_QUESTIONS = 4;

/** Options that decide what the context needs. */
const SHAPE_KEYS = [
  'memoryGuard',
  'sequences',
  'parallelQuestions',
  'contextSize',
  'batchSize',
  'experimentalKvCacheKeyType',
  'experimentalKvCacheValueType',
  'flashAttention',
  'swaFullCache',
  'lora',
];

const checkOptions = objectOf<object>('an object with options of a context');

/** `kind` is the middle of the method's name, such as 'Embedding' of `createEmbeddingContext`, and '' of `createContext`. */
export function contextAdapter(runtime: string, model: LlamaModel, kind: string, modelPath: string): Adapter {
  return withoutPrototype<Adapter>({
    runtime,
    readRequest: (args) => readRequest(args, model, kind),
    withQuantization: (args) => withPath(args, 'contextSize', undefined),
    withShape: (args, chosen) => withShape(args, chosen, kind),
    understandsRanges: true,
    listOffers: async () => [{ modelPath }],
    findEngine: findNodeLlamaCppFiles,
    hasFilledMicroBatch: () => false,
    ...defaultModelParts,
  });
}

/** The least context that the guard chooses for a model that is loaded with these options. */
export function leastContext(options: CopiedOptions): RequestedShape {
  const asked = withoutPrototype({
    contextSize: DEFAULT_CONTEXT_RANGE.min,
    experimentalKvCacheKeyType: options['experimentalDefaultContextKvCacheKeyType'],
    experimentalKvCacheValueType: options['experimentalDefaultContextKvCacheValueType'],
  });
  return readShape(asked, options, '');
}

function readRequest(args: readonly unknown[], model: LlamaModel, kind: string): LoadRequest {
  const options = readOptions(args);
  const name = kind === '' ? 'context' : `${kind.toLowerCase()} context`;
  return { name, memoryGuard: options['memoryGuard'], shape: readShape(options, model, kind) };
}

/** The library counts the cells of one sequence, and an estimate those of all: each sequence has cells of its own. */
function withShape(args: readonly unknown[], { contextSize }: ChosenShape, kind: string): readonly unknown[] {
  if (contextSize === undefined) return args;
  const options = readOptions(args);
  const sequenceSize = Math.floor(contextSize / countSequences(options, kind));
  return options['contextSize'] === sequenceSize
    ? args
    : [changeOptions(Object(args[0]), { contextSize: sequenceSize }, []), ...args.slice(1)];
}

function readOptions([options]: readonly unknown[]): CopiedOptions {
  return copyOptions(options === undefined ? {} : checkOptions(options, 'options'), '', SHAPE_KEYS);
}

function readShape(options: CopiedOptions, model: LlamaModel, kind: string): RequestedShape {
  const sequences = countSequences(options, kind);
  const fullSlidingCache = (options['swaFullCache'] ?? model.defaultContextSwaFullCache) === true;
  const batchSize = readBatchSize(options['batchSize'], sequences, !fullSlidingCache && slides(model));
  const loraPaths = listLoraPaths(options['lora']);
  return {
    part: 'context',
    simulatesLoads: true,
    ...STATE_CACHE,
    contextSize: multiplyContext(readContextSize(options['contextSize'], model), sequences),
    sequences,
    batchSize,
    microBatchSize: batchSize,
    kvCacheType: {
      k: readCacheType(options['experimentalKvCacheKeyType'] ?? model.defaultContextKvCacheKeyType),
      v: readCacheType(options['experimentalKvCacheValueType'] ?? model.defaultContextKvCacheValueType),
    },
    flashAttention: readFlashAttention(options['flashAttention'] ?? model.defaultContextFlashAttention),
    fullSlidingCache,
    embeddings: kind === 'Embedding' || kind === 'Ranking',
    ...(kind === 'Ranking' && { pooling: 'rank' }),
    ...(loraPaths.length > 0 && { loraPaths }),
  };
}

/** As `LlamaContext` hands it on: a token for each sequence fits in, and one more if layers slide in caches of their own size. */
function readBatchSize(asked: unknown, sequences: number, slidesApart: boolean): number {
  return Math.max(Number(asked ?? DEFAULT_BATCH_SIZE), sequences) + (slidesApart ? 1 : 0);
}

function slides({ fileInsights }: LlamaModel): boolean {
  return (fileInsights?.swaSize ?? 0) > 0;
}

/** One path, or several with a scale for each. */
function listLoraPaths(lora: unknown): readonly string[] {
  if (typeof lora === 'string') return [lora];
  const { adapters } = Object(lora) as { readonly adapters?: unknown };
  const paths = Array.isArray(adapters) ? adapters.map((each: unknown) => Object(each).filePath as unknown) : [];
  return paths.filter((path): path is string => typeof path === 'string');
}

function countSequences({ sequences, parallelQuestions }: CopiedOptions, kind: string): number {
  const asked = kind === 'Decision' ? (parallelQuestions ?? DEFAULT_QUESTIONS) : (sequences ?? 1);
  return Math.max(1, Math.floor(Number(asked)));
}

/**
 * A number is exact. Without one the guard's own default is taken; `auto`, and an end of a range that is left open, go as far as
 * the model was trained for.
 */
function readContextSize(asked: unknown, { trainContextSize }: LlamaModel): unknown {
  const most = trainContextSize ?? DEFAULT_CONTEXT_RANGE.max;
  const upTo = (min: number, max: number) => ({ min: Math.min(min, most), max: Math.min(max, most) });
  if (asked === undefined) return upTo(DEFAULT_CONTEXT_RANGE.min, DEFAULT_CONTEXT_RANGE.max);
  if (asked === 'auto') return upTo(MIN_AUTO_CONTEXT, most);
  if (typeof asked !== 'object' || asked === null) return asked;
  const { min = MIN_AUTO_CONTEXT, max = most } = copyOptions(asked, 'contextSize', ['min', 'max']) as {
    readonly min?: number;
    readonly max?: number;
  };
  return upTo(min, max);
}

function multiplyContext(contextSize: unknown, factor: number): unknown {
  if (typeof contextSize === 'number') return contextSize * factor;
  if (typeof contextSize !== 'object' || contextSize === null) return contextSize;
  const { min, max } = contextSize as { readonly min: number; readonly max: number };
  return { min: min * factor, max: max * factor };
}

/** A type that isn't known is counted as the widest. */
function readCacheType(given: unknown): string {
  if (given === undefined) return 'f16';
  const name = CACHE_TYPES.get(given) ?? String(given).toLowerCase();
  return [...CACHE_TYPES.values()].includes(name) ? name : 'f32';
}

function readFlashAttention(given: unknown): 'auto' | 'on' | 'off' {
  return given === undefined || given === 'auto' ? 'auto' : given ? 'on' : 'off';
}
