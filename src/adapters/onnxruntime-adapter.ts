/** How the guard reads `onnxruntime-node`: sessions that are made from a path or from bytes. It knows its names and no memory numbers. */
import { changeOptions, copyOptions, withoutPrototype } from '../core/copy-options.ts';
import { describe, MemoryGuardError } from '../core/errors.ts';
import type { Adapter, LoadRequest, ModelOffer } from './adapter.ts';
import { defaultModelParts } from './default-adapter.ts';
import { type InferenceSession, measureFeeds } from './onnxruntime-feeds.ts';

/** What this file uses of the module. */
interface OnnxRuntime {
  readonly env: { readonly versions: { readonly node: string } };
}

/** Options that decide what a session takes, by their names in the module. */
const OPTION_KEYS = [
  'memoryGuard',
  'executionProviders',
  'graphOptimizationLevel',
  'enableCpuMemArena',
  'externalData',
  'extra',
];

/**
 * `onnxruntime-web` has the same classes, and its models live in WebAssembly: it is told by what it lacks. A namespace of a CommonJS module has the
 * module itself as `default`, whose calls are guarded too.
 */
export function isOnnxRuntime(sdk: object): sdk is OnnxRuntime {
  if (!['InferenceSession', 'Tensor', 'listSupportedBackends', 'env'].every((name) => name in sdk)) return false;
  const { InferenceSession, env } = sdk as { readonly InferenceSession: unknown; readonly env: unknown };
  const { versions } = Object(env) as { readonly versions?: unknown };
  return (
    typeof (Object(InferenceSession) as { readonly create?: unknown }).create === 'function' &&
    typeof (Object(versions) as { readonly node?: unknown }).node === 'string'
  );
}

export function onnxRuntimeAdapter({ env }: OnnxRuntime): Adapter {
  return withoutPrototype<Adapter>({
    loads: ['InferenceSession.create', 'default.InferenceSession.create'],
    runtime: `onnxruntime-node ${env.versions.node}`,
    readRequest,
    withQuantization: withoutGuardOptions,
    listOffers: async (args) => [readOffer(args)],
    ...defaultModelParts,
    disposers: ['release', Symbol.asyncDispose],
    isInference: (method) => method === 'run',
    hasAudio: () => false,
    measureCall: (model, method, [feeds]) =>
      method === 'run' ? measureFeeds(model as InferenceSession, feeds) : undefined,
    sdkDisposers: {},
  });
}

function readRequest(args: readonly unknown[]): LoadRequest {
  const { memoryGuard, executionProviders, graphOptimizationLevel, enableCpuMemArena, extra } = readOptions(args);
  const { modelPath, modelBytes } = readOffer(args);
  return withoutPrototype<LoadRequest>({
    name: modelPath ?? `an ONNX model of ${modelBytes!.bytes.byteLength} bytes`,
    memoryGuard,
    shape: withoutPrototype({
      // A session has no context, and a number keeps the guard from choosing one.
      part: 'weights',
      contextSize: 1,
      session: {
        optimize: graphOptimizationLevel !== 'disabled',
        prepack: !isSet(readEntry(extra, 'session.disable_prepacking')),
        arena: enableCpuMemArena !== false,
        cpuOnly: isCpuOnly(executionProviders),
      },
    }),
  });
}

/** @throws MemoryGuardError `ERR_UNKNOWN_MODEL` if the first argument is no model. */
function readOffer(args: readonly unknown[]): ModelOffer {
  const [model, offset, length] = args;
  if (typeof model === 'string' && model !== '') return { modelPath: model, format: 'onnx' };
  const bytes = readBytes(model, offset, length);
  if (!bytes) {
    throw new MemoryGuardError(
      'ERR_UNKNOWN_MODEL',
      `Expected the path of an ONNX model, or its bytes as a Uint8Array or an ArrayBuffer, got ${describe(model)}.`,
    );
  }
  return { modelBytes: { bytes, externalFiles: listExternalFiles(readOptions(args)['externalData']) } };
}

/** The module takes a place and a length beside a buffer, and refuses those that don't lie in it by itself. */
function readBytes(model: unknown, offset: unknown, length: unknown): Uint8Array | undefined {
  if (model instanceof Uint8Array) return model;
  if (
    !(model instanceof ArrayBuffer || (typeof SharedArrayBuffer !== 'undefined' && model instanceof SharedArrayBuffer))
  ) {
    return undefined;
  }
  const from = isPlace(offset, model.byteLength) ? offset : 0;
  return new Uint8Array(model, from, isPlace(length, model.byteLength - from) ? length : model.byteLength - from);
}

function isPlace(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

/** The options of a session are the first object behind the model. */
function findOptions([, ...rest]: readonly unknown[]): number {
  const place = rest.findIndex((value) => typeof value === 'object' && value !== null);
  return place < 0 ? place : place + 1;
}

function readOptions(args: readonly unknown[]): Readonly<Record<string, unknown>> {
  const place = findOptions(args);
  return place < 0 ? {} : copyOptions(args[place] as object, '', OPTION_KEYS);
}

/** The identical arguments if `memoryGuard` is not among them. */
function withoutGuardOptions(args: readonly unknown[]): readonly unknown[] {
  const place = findOptions(args);
  if (place < 0 || !('memoryGuard' in (args[place] as object))) return args;
  return args.with(place, changeOptions(args[place] as object, {}, ['memoryGuard']));
}

/** `extra` has its entries under their whole names, or in objects within objects. */
function readEntry(extra: unknown, name: string): unknown {
  const whole = Object(extra) as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(whole, name)) return whole[name];
  return name.split('.').reduce<unknown>((at, key) => (Object(at) as Record<string, unknown>)[key], extra);
}

function isSet(value: unknown): boolean {
  return value === true || value === 1 || value === '1';
}

/** Without a list it is the CPU alone. */
function isCpuOnly(providers: unknown): boolean {
  if (!Array.isArray(providers)) return providers === undefined;
  return providers.every((each: unknown) => (typeof each === 'string' ? each : Object(each).name) === 'cpu');
}

/** A file that is given as its path is read by the engine; its data may be given too, under that path. */
function listExternalFiles(given: unknown): readonly string[] {
  if (!Array.isArray(given)) return [];
  return given.flatMap((each: unknown) => {
    const { path, data } = Object(each) as { readonly path?: unknown; readonly data?: unknown };
    return typeof path === 'string' && typeof data !== 'string' ? [path] : [];
  });
}
