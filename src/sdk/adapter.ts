/** How the guard reads an SDK's load call, and which SDK methods unload. It knows argument shapes and no memory numbers. */
import { describe, MemoryGuardError } from '../errors.ts';
import type { Quantization } from '../types.ts';

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
  /** The arguments for the SDK: without `memoryGuard`, and with this quantization where one is given. */
  quantization(args: readonly unknown[], chosen: Quantization | undefined): readonly unknown[];
  /** The same for the shape. An SDK without it is given the shape its caller wrote. */
  shape?(args: readonly unknown[], chosen: ChosenShape): readonly unknown[];
  /** The files that may be loaded; none where they are not known, and then the table decides. */
  offers?(args: readonly unknown[]): Promise<readonly Offer[]>;
  /** Name and version of what runs the models. Without it nothing is kept of what loads really took. */
  readonly runtime?: string;
  /** Whether the model's last call filled a micro-batch, so that it touched all that it ever will. */
  filledMicroBatch?(model: unknown): boolean;
  /** Files that a loaded model keeps mapped, where the model tells. */
  files?(model: unknown): readonly string[];
  /** SDK methods that unload: all models, or the one whose handle or name is the first argument. */
  readonly dispose?: { readonly all?: readonly PropertyKey[]; readonly one?: readonly PropertyKey[] };
}

/** An SDK that knows its own adapter shows it under this key. */
export const ADAPTER: unique symbol = Symbol.for('nexa-memory-guard.adapter') as never;

/** The SDK's own adapter, or the usual one. */
export function adapterOf(sdk: object): Adapter {
  return (sdk as { [ADAPTER]?: Adapter })[ADAPTER] ?? defaultAdapter;
}

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
export const defaultAdapter: Adapter = Object.freeze({
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
    one: ['unloadModel', 'disposeModel', 'releaseModel', 'unload'],
  },
});
