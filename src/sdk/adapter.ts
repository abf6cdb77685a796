/** How the guard reads an SDK's load call, and which SDK methods unload. It knows argument shapes and no memory numbers. */
import { describe, MemoryGuardError } from '../errors.ts';
import type { Quantization } from '../types.ts';

/** One load as the SDK's caller asked for it. */
export interface LoadRequest {
  readonly name: string;
  readonly quantization?: unknown;
  /** The `memoryGuard` part of the options. */
  readonly memoryGuard?: unknown;
}

/** Everything the guard must know about an SDK. */
export interface Adapter {
  /** What `loadModel(...args)` asks for. */
  request(args: readonly unknown[]): LoadRequest;
  /** The arguments for the SDK: without `memoryGuard`, and with this quantization where one is given. */
  quantization(args: readonly unknown[], chosen: Quantization | undefined): readonly unknown[];
  /** Files that a loaded model keeps mapped, where the model tells. */
  files?(model: unknown): readonly string[];
  /** SDK methods that unload: all models, or the one whose handle or name is the first argument. */
  readonly dispose?: { readonly all?: readonly PropertyKey[]; readonly one?: readonly PropertyKey[] };
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
    return { name, quantization, memoryGuard };
  },

  quantization(args: readonly unknown[], chosen: Quantization | undefined): readonly unknown[] {
    const [name, options, ...rest] = args;
    const given = (options ?? {}) as { quantization?: unknown };
    const changes = chosen !== undefined && given.quantization !== chosen;
    if (!changes && !('memoryGuard' in given)) return args;
    const { memoryGuard: _kept, ...sdkOptions } = given as { memoryGuard?: unknown };
    return [name, changes ? { ...sdkOptions, quantization: chosen } : sdkOptions, ...rest];
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
