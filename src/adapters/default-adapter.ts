/**
 * The adapter for an SDK that loads by `loadModel(name, options)`, and the parts that other adapters leave out. It knows shapes
 * of arguments and names of methods, and no memory numbers.
 */
import { resolve } from 'node:path';
import { changeOptions, copyOptions, withoutPrototype } from '../core/copy-options.ts';
import { describe, MemoryGuardError } from '../core/errors.ts';
import type { LadderStep } from '../core/quantizations.ts';
import type { Adapter, LoadRequest, ModelOffer, RequestedShape } from './adapter.ts';
import { listLadderOffers, readLadderStep } from './quantization-ladder.ts';

/** Tokens of context if the caller says nothing: an SDK's own default can be 16384 tokens, which is 8 GiB of KV cache. */
export const DEFAULT_CONTEXT_RANGE = Object.freeze({ min: 2048, max: 4096 });

/** How the guard treats a loaded model of most SDKs. */
export const defaultModelParts = Object.freeze({
  disposers: ['dispose', Symbol.asyncDispose, 'close', 'release', 'unload', 'free', Symbol.dispose],
  isInference,
  hasAudio,
} satisfies Pick<Adapter, 'disposers' | 'isInference' | 'hasAudio'>);

/**
 * `loadModel(name, { quantization, memoryGuard, ...sdkOptions })`: the way of `NexaSDK` and of most SDKs. A name that is the path of a
 * GGUF file asks for that file, and another quantization of it is loaded by the path of that one.
 */
export const defaultAdapter = Object.freeze(
  withoutPrototype({
    readRequest,
    withQuantization,
    listOffers,
    listFiles,
    ...defaultModelParts,
    sdkDisposers: {
      all: ['dispose', 'close', 'shutdown', 'destroy', 'unloadAll', Symbol.dispose, Symbol.asyncDispose],
      one: ['unloadModel', 'disposeModel', 'releaseModel', 'unload'] as PropertyKey[],
    },
  } satisfies Adapter),
);

/** All parts that an adapter may have. */
const ADAPTER_PARTS = Object.keys({
  loads: true,
  readRequest: true,
  withQuantization: true,
  withShape: true,
  understandsRanges: true,
  listOffers: true,
  ownLadder: true,
  runtime: true,
  findEngine: true,
  modelsLiveIn: true,
  processes: true,
  keepAliveMs: true,
  hasFilledMicroBatch: true,
  listFiles: true,
  adaptContext: true,
  partMethods: true,
  synchronousMethods: true,
  isBusy: true,
  onEnd: true,
  endsAfterCalls: true,
  disposers: true,
  end: true,
  isInference: true,
  hasAudio: true,
  countCallAudio: true,
  measureCall: true,
  sdkDisposers: true,
} satisfies Record<keyof Adapter, true>);

/**
 * A copy of the given adapter with the parts of `defaultAdapter` that it leaves out, each read once. A class's methods count as its parts,
 * and run on its object.
 */
export function completeAdapter(given: Partial<Adapter>): Adapter {
  const parts = Object.entries(copyOptions(given, 'adapter', ADAPTER_PARTS)).filter(([, part]) => part !== undefined);
  const adapter = Object.assign(Object.create(null), defaultAdapter, Object.fromEntries(parts));
  for (const [name, part] of parts) {
    if (typeof part === 'function' && !Object.hasOwn(given, name)) adapter[name] = part.bind(given);
  }
  return adapter as Adapter;
}

/** '' is a call of the model itself. */
const INFERENCE =
  /^$|^(generate|complet|chat|prompt|infer|transcri|respond|predict|run|ask|evaluate|controlledEval|embed|getEmbed|rank|rerank)/i;

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
  const own = isModelPath(name) ? readLadderStep(name) : undefined;
  if (options === undefined || options === null) return withoutPrototype({ name, ...(own && { quantization: own }) });
  if (typeof options !== 'object') {
    throw new MemoryGuardError(
      'ERR_INVALID_OPTION',
      `Expected load options to be an object, got ${describe(options)}.`,
    );
  }
  const { quantization, memoryGuard, ...given } = copyOptions(options, '', [
    'quantization',
    'memoryGuard',
    ...SHAPE_KEYS,
  ]);
  const shape = requestedShape(given);
  return withoutPrototype({ name, quantization: own ?? quantization, memoryGuard, ...(shape && { shape }) });
}

/** What the options say about the shape; `undefined` if they say nothing. */
function requestedShape(options: RequestedShape): RequestedShape | undefined {
  const given = SHAPE_KEYS.filter((key) => Object.hasOwn(options, key) && options[key] !== undefined);
  return given.length > 0 ? withoutPrototype(Object.fromEntries(given.map((key) => [key, options[key]]))) : undefined;
}

function withQuantization(
  args: readonly unknown[],
  chosen: LadderStep | undefined,
  modelPath?: string,
): readonly unknown[] {
  const [name, ...rest] = args;
  if (!isModelPath(name)) return withQuantizationOption(args, chosen);
  const isOtherFile = modelPath !== undefined && resolve(name) !== resolve(modelPath);
  return withQuantizationOption(isOtherFile ? [modelPath, ...rest] : args, undefined);
}

/** The arguments without `memoryGuard`, and with this quantization as an option. The identical ones if nothing changes. */
export function withQuantizationOption(args: readonly unknown[], chosen: string | undefined): readonly unknown[] {
  const [name, options, ...rest] = args;
  const given = Object(options ?? {}) as object;
  const changes = chosen !== undefined && copyOptions(given, '', ['quantization'])['quantization'] !== chosen;
  if (!changes && !('memoryGuard' in given)) return args;
  return [name, changeOptions(given, changes ? { quantization: chosen } : {}, ['memoryGuard']), ...rest];
}

async function listOffers([name]: readonly unknown[]): Promise<readonly ModelOffer[]> {
  return isModelPath(name) ? listLadderOffers(name) : [];
}

function isModelPath(name: unknown): name is string {
  return typeof name === 'string' && /\.gguf$/i.test(name);
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
