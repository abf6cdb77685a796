/**
 * The adapter for an SDK that loads by `loadModel(name, options)`, and the parts that other adapters leave out. It knows shapes
 * of arguments and names of methods, and no memory numbers.
 */
import { describe, MemoryGuardError } from '../core/errors.ts';
import type { Quantization } from '../core/types.ts';
import type { Adapter, LoadRequest, ModelOffer, RequestedShape } from './adapter.ts';

/** Tokens of context if the caller says nothing: an SDK's own default can be 16384 tokens, which is 8 GiB of KV cache. */
export const DEFAULT_CONTEXT_RANGE = Object.freeze({ min: 2048, max: 4096 });

/** How the guard treats a loaded model of most SDKs. */
export const defaultModelParts = Object.freeze({
  disposers: ['dispose', Symbol.asyncDispose, 'close', 'release', 'unload', 'free', Symbol.dispose],
  isInference,
  hasAudio,
} satisfies Pick<Adapter, 'disposers' | 'isInference' | 'hasAudio'>);

/** `loadModel(name, { quantization, memoryGuard, ...sdkOptions })`: the way of `NexaSDK` and of most SDKs. */
export const defaultAdapter = Object.freeze({
  readRequest,
  withQuantization,
  listOffers,
  listFiles,
  ...defaultModelParts,
  sdkDisposers: {
    all: ['dispose', 'close', 'shutdown', 'destroy', 'unloadAll', Symbol.dispose, Symbol.asyncDispose],
    one: ['unloadModel', 'disposeModel', 'releaseModel', 'unload'] as PropertyKey[],
  },
} satisfies Adapter);

/** The given adapter with the parts of `defaultAdapter` that it leaves out. A class's methods count as its parts. */
export function completeAdapter(given: Partial<Adapter>): Adapter {
  const missing = Object.entries(defaultAdapter).filter(([part]) => given[part as keyof Adapter] === undefined);
  const parts = missing.map(([part, value]) => [part, { value, enumerable: true }] as const);
  return missing.length === 0 ? (given as Adapter) : Object.create(given, Object.fromEntries(parts));
}

const INFERENCE =
  /^(generate|complet|chat|prompt|infer|transcri|respond|predict|run|ask|evaluate|controlledEval|embed|getEmbed|rank|rerank)/i;

const SHAPE_KEYS = [
  'contextSize',
  'kvCacheType',
  'batchSize',
  'microBatchSize',
  'flashAttention',
  'mmap',
  'gpuLayers',
] as const satisfies readonly (keyof RequestedShape)[];

function readRequest(args: readonly unknown[]): LoadRequest {
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
  const shape = requestedShape(options);
  return { name, quantization, memoryGuard, ...(shape && { shape }) };
}

/** What the options say about the shape; `undefined` if they say nothing. */
function requestedShape(options: RequestedShape): RequestedShape | undefined {
  const given = SHAPE_KEYS.filter((key) => options[key] !== undefined);
  return given.length > 0 ? Object.fromEntries(given.map((key) => [key, options[key]])) : undefined;
}

function withQuantization(args: readonly unknown[], chosen: Quantization | undefined): readonly unknown[] {
  const [name, options, ...rest] = args;
  const given = Object(options ?? {}) as { quantization?: unknown };
  const changes = chosen !== undefined && given.quantization !== chosen;
  if (!changes && !('memoryGuard' in given)) return args;
  const { memoryGuard: _kept, ...sdkOptions } = given as { memoryGuard?: unknown };
  return [name, changes ? { ...sdkOptions, quantization: chosen } : sdkOptions, ...rest];
}

async function listOffers([name]: readonly unknown[]): Promise<readonly ModelOffer[]> {
  return typeof name === 'string' && /\.gguf$/i.test(name) ? [{ modelPath: name }] : [];
}

function listFiles(model: unknown): readonly string[] {
  const { modelPath, projectorPath } = Object(model) as { modelPath?: unknown; projectorPath?: unknown };
  return [modelPath, projectorPath].filter((path) => typeof path === 'string');
}

function isInference(method: string): boolean {
  return INFERENCE.test(method);
}

/** Audio stands in an argument's `audio`, or in a part `{ type: 'audio' }` of one of its `messages`. */
function hasAudio(args: readonly unknown[]): boolean {
  return args.some((options) => {
    const { audio, messages } = Object(options) as { audio?: unknown; messages?: unknown };
    if (audio != null) return true;
    return asList(messages).some((message) =>
      asList(Object(message).content).some((part) => Object(part).type === 'audio'),
    );
  });
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
