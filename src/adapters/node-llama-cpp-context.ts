/** How the guard reads a context that a model of `node-llama-cpp` makes: as a load of its cache and buffers. It knows no memory numbers. */
import { invalidOption } from '../core/errors.ts';
import type { Adapter, ChosenShape, LoadRequest, RequestedShape } from './adapter.ts';
import { defaultModelParts } from './default-adapter.ts';
import { argsFrom } from './quantization-ladder.ts';

/** What this needs of the library's `LlamaModel`. */
export interface LlamaModel {
  readonly trainContextSize?: number;
  readonly defaultContextFlashAttention?: unknown;
  readonly defaultContextSwaFullCache?: unknown;
  readonly defaultContextKvCacheKeyType?: unknown;
  readonly defaultContextKvCacheValueType?: unknown;
}

type Options = { readonly [name: string]: unknown };

/** The library's own names, by ggml's numbers. */
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
/** Where a context says nothing: the guard's own default, as far as the model was trained for it. */
const USUAL = { min: 2048, max: 4096 };
/** What the library takes for `auto`, at the least. */
const LEAST_AUTO = 24;
const USUAL_BATCH = 512;
/** A context that decides takes several questions at once. */
const QUESTIONS = 4;

/** `kind` is '' for plain contexts, else what stands in the method's name, such as 'Embedding'. */
export function contextAdapter(runtime: string, model: LlamaModel, kind: string, modelPath: string): Adapter {
  return {
    runtime,
    readRequest: (args) => readRequest(args, model, kind),
    withQuantization: (args) => argsFrom(args, 'contextSize', undefined),
    withShape: (args, chosen) => withShape(args, chosen, kind),
    understandsRanges: true,
    listOffers: async () => [{ modelPath }],
    hasFilledMicroBatch: () => false,
    ...defaultModelParts,
  };
}

function readRequest(args: readonly unknown[], model: LlamaModel, kind: string): LoadRequest {
  const options = optionsOf(args);
  const name = kind === '' ? 'context' : `${kind.toLowerCase()} context`;
  return { name, memoryGuard: options['memoryGuard'], shape: shapeOf(options, model, kind) };
}

function shapeOf(options: Options, model: LlamaModel, kind: string): RequestedShape {
  const sequences = sequencesOf(options, kind);
  const contextSize = contextRange(options['contextSize'], model);
  const cells = scaled(contextSize, sequences);
  const batchSize = Number(options['batchSize'] ?? USUAL_BATCH);
  return {
    part: 'context',
    contextSize: cells,
    sequences,
    batchSize,
    microBatchSize: batchSize,
    kvCacheType: {
      k: cacheType(options['experimentalKvCacheKeyType'] ?? model.defaultContextKvCacheKeyType),
      v: cacheType(options['experimentalKvCacheValueType'] ?? model.defaultContextKvCacheValueType),
    },
    flashAttention: attention(options['flashAttention'] ?? model.defaultContextFlashAttention),
    fullSlidingCache: (options['swaFullCache'] ?? model.defaultContextSwaFullCache) === true,
    embeddings: kind === 'Embedding' || kind === 'Ranking',
  };
}

/** Each sequence has cells of its own, so the estimate counts all of them, and the library is told of one. */
function withShape(args: readonly unknown[], { contextSize }: ChosenShape, kind: string): readonly unknown[] {
  if (contextSize === undefined) return args;
  const options = optionsOf(args);
  const ownSize = Math.floor(contextSize / sequencesOf(options, kind));
  return options['contextSize'] === ownSize ? args : [{ ...options, contextSize: ownSize }, ...args.slice(1)];
}

function optionsOf([options]: readonly unknown[]): Options {
  if (options === undefined) return {};
  if (typeof options === 'object' && options !== null) return options as Options;
  throw invalidOption('options', 'an object with options of a context', options);
}

function sequencesOf({ sequences, parallelQuestions }: Options, kind: string): number {
  return Math.max(1, Math.floor(Number(kind === 'Decision' ? (parallelQuestions ?? QUESTIONS) : (sequences ?? 1))));
}

/** A number is exact. Absent it is the guard's default; `auto`, and an end that is left open, go as far as the model was trained. */
function contextRange(asked: unknown, { trainContextSize }: LlamaModel): unknown {
  const most = trainContextSize ?? USUAL.max;
  if (asked === undefined) return { min: Math.min(USUAL.min, most), max: Math.min(USUAL.max, most) };
  if (asked === 'auto') return { min: Math.min(LEAST_AUTO, most), max: most };
  if (typeof asked !== 'object' || asked === null) return asked;
  const { min = LEAST_AUTO, max = most } = asked as { readonly min?: number; readonly max?: number };
  return { min: Math.min(min, most), max: Math.min(max, most) };
}

function scaled(contextSize: unknown, factor: number): unknown {
  if (typeof contextSize === 'number') return contextSize * factor;
  if (typeof contextSize !== 'object' || contextSize === null) return contextSize;
  const { min, max } = contextSize as { readonly min: number; readonly max: number };
  return { min: min * factor, max: max * factor };
}

/** A type that isn't known is counted as the widest. */
function cacheType(given: unknown): string {
  if (given === undefined) return 'f16';
  const name = CACHE_TYPES.get(given) ?? String(given).toLowerCase();
  return [...CACHE_TYPES.values()].includes(name) ? name : 'f32';
}

function attention(given: unknown): 'auto' | 'on' | 'off' {
  return given === undefined || given === 'auto' ? 'auto' : given ? 'on' : 'off';
}
