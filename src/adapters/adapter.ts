/** How the guard reads an SDK's load call, and which SDK methods unload. It knows argument shapes and no memory numbers. */
import { describe, MemoryGuardError } from '../core/errors.ts';
import type { Quantization } from '../core/types.ts';

/** How the model is to be run, as far as that decides what it needs; by the names of NexaSDK. Not checked yet. */
export interface RequestedShape {
  /** A number is exact; of a range the largest that fits is taken. */
  readonly contextSize?: unknown;
  /** One type, or several in order of preference. */
  readonly kvCacheType?: unknown;
  readonly batchSize?: unknown;
  readonly microBatchSize?: unknown;
  readonly flashAttention?: unknown;
  readonly mmap?: unknown;
  readonly gpuLayers?: unknown;
  /** The rest is for runtimes with such options, by the names of `estimateFootprint`. */
  readonly sequences?: unknown;
  readonly fullSlidingCache?: unknown;
  readonly embeddings?: unknown;
  readonly repack?: unknown;
  /** Where weights and contexts are loaded apart, which of them this is. */
  readonly part?: unknown;
}

/** One load as the SDK's caller asked for it. */
export interface LoadRequest {
  readonly name: string;
  readonly quantization?: unknown;
  /** The `memoryGuard` part of the options. */
  readonly memoryGuard?: unknown;
  readonly shape?: RequestedShape;
}

/** Files that can be loaded for a request: the asked ones or those of another quantization. */
export interface Offer {
  /** Absent for a file that is on no ladder. */
  readonly quantization?: Quantization;
  readonly modelPath: string;
  readonly projectorPath?: string;
}

/** What the guard chose where the caller left it open. */
export interface ChosenShape {
  readonly contextSize?: number;
  readonly kvCacheType?: string;
}

/** Everything the guard must know about an SDK. */
export interface Adapter {
  /** What `loadModel(...args)` asks for. */
  request(args: readonly unknown[]): LoadRequest;
  /**
   * The arguments for the SDK: without `memoryGuard`, with this quantization where one is given, and from this file where
   * one was chosen among those that were offered.
   */
  quantization(
    args: readonly unknown[],
    chosen: Quantization | undefined,
    modelPath: string | undefined,
  ): readonly unknown[];
  /** The same for the shape. An SDK without it is given the shape its caller wrote. */
  shape?(args: readonly unknown[], chosen: ChosenShape): readonly unknown[];
  /** The SDK understands a range of contexts itself: nothing is chosen for it where the guard only observes. */
  readonly ownRanges?: boolean;
  /** The files that may be loaded; none where they are not known, and then the table decides. */
  offers?(args: readonly unknown[]): Promise<readonly Offer[]>;
  /** Name and version of what runs the models. Without it nothing is kept of what loads really took. */
  readonly runtime?: string;
  /** Whether the model's last call filled a micro-batch, so that it touched all that it ever will. */
  filledMicroBatch?(model: unknown): boolean;
  /** Files that a loaded model keeps mapped, where the model or the arguments of its load tell. */
  files?(model: unknown, args: readonly unknown[]): readonly string[];
  /**
   * How a method of a loaded model is read that makes something with memory of its own, such as a context: as a load, with
   * the model's files. `undefined` for every other method.
   */
  contexts?(model: unknown, method: PropertyKey, files: readonly string[]): Adapter | undefined;
  /** Methods whose results work in memory that is there already, such as a context's sequences: calls on those are calls on it. */
  readonly parts?: readonly PropertyKey[];
  /** Whether a model works on what its handle doesn't see: then it is not idle. */
  busy?(model: unknown): boolean;
  /**
   * Calls `tell` when the SDK ends the model or context, whoever asked for it. Such an SDK ends by itself what nobody reaches
   * any more, and its objects lead to each other, so a handle that is lost is no model that is lost.
   */
  ended?(model: unknown, tell: () => void): void;
  /** SDK methods that unload: all models, or the one whose handle or name is the first argument. */
  readonly dispose?: { readonly all?: readonly PropertyKey[]; readonly one?: readonly PropertyKey[] };
}

/** An SDK that knows its own adapter shows it under this key. */
export const ADAPTER: unique symbol = Symbol.for('nexa-memory-guard.adapter') as never;

const SHAPE_KEYS = [
  'contextSize',
  'kvCacheType',
  'batchSize',
  'microBatchSize',
  'flashAttention',
  'mmap',
  'gpuLayers',
] as const satisfies readonly (keyof RequestedShape)[];

/** What the options say of the shape; `undefined` where that is nothing. */
function shapeIn(options: RequestedShape): RequestedShape | undefined {
  const given = SHAPE_KEYS.filter((key) => options[key] !== undefined);
  return given.length > 0 ? Object.fromEntries(given.map((key) => [key, options[key]])) : undefined;
}

/** `loadModel(name, { quantization, memoryGuard, ...sdkOptions })`: the way of `NexaSDK` and of most SDKs. */
export const defaultAdapter = Object.freeze({
  request(args: readonly unknown[]): LoadRequest {
    const [name, options] = args;
    if (typeof name !== 'string' || name === '') {
      throw new MemoryGuardError(
        'ERR_UNKNOWN_MODEL',
        `Expected the name of a model such as 'qwen2audio' or a path to a GGUF file, got ${describe(name)}.`,
      );
    }
    if (options === undefined || options === null) return { name };
    if (typeof options !== 'object') {
      throw new MemoryGuardError(
        'ERR_INVALID_OPTION',
        `Expected load options to be an object, got ${describe(options)}.`,
      );
    }
    const { quantization, memoryGuard } = options as { quantization?: unknown; memoryGuard?: unknown };
    const shape = shapeIn(options);
    return { name, quantization, memoryGuard, ...(shape && { shape }) };
  },

  quantization(args: readonly unknown[], chosen: Quantization | undefined): readonly unknown[] {
    const [name, options, ...rest] = args;
    const given = Object(options ?? {}) as { quantization?: unknown };
    const changes = chosen !== undefined && given.quantization !== chosen;
    if (!changes && !('memoryGuard' in given)) return args;
    const { memoryGuard: _kept, ...sdkOptions } = given as { memoryGuard?: unknown };
    return [name, changes ? { ...sdkOptions, quantization: chosen } : sdkOptions, ...rest];
  },

  async offers([name]: readonly unknown[]): Promise<readonly Offer[]> {
    return typeof name === 'string' && /\.gguf$/i.test(name) ? [{ modelPath: name }] : [];
  },

  files(model: unknown): readonly string[] {
    const { modelPath, projectorPath } = Object(model) as { modelPath?: unknown; projectorPath?: unknown };
    return [modelPath, projectorPath].filter((path) => typeof path === 'string');
  },

  dispose: {
    all: ['dispose', 'close', 'shutdown', 'destroy', 'unloadAll', Symbol.dispose, Symbol.asyncDispose],
    one: ['unloadModel', 'disposeModel', 'releaseModel', 'unload'] as PropertyKey[],
  },
} satisfies Adapter);
