/** Guards an SDK: its `loadModel` goes through the guard, its ways to unload unregister. It knows no memory numbers. */

import { detectAdapter } from './adapters/detect-adapter.ts';
import { nameSdk } from './adapters/name-sdk.ts';
import { describe, MemoryGuardError } from './core/errors.ts';
import { isWrapped, type Takeover, unwrap, wrapObject } from './core/wrap-object.ts';
import { type GuardOptions, readGuardOptions } from './guard-options.ts';
import { GuardRooms } from './guard-rooms.ts';
import type { LoadGuardOptions } from './loading/load-guard-options.ts';
import { MemoryGuard } from './memory-guard.ts';
import { findSuccessor, type GuardedModelChoice } from './models/model-handle.ts';

/** Anything with a `loadModel`. */
export interface LoadsModels {
  // biome-ignore lint/suspicious/noExplicitAny: any SDK's own arguments are accepted
  loadModel(...args: any[]): unknown;
}

/** Any load option of the SDK, with `memoryGuard` added, and if it has them ranges of contexts and lists of cache types. */
export type GuardedLoadOptions<O> = unknown extends O
  ? { readonly memoryGuard?: LoadGuardOptions; readonly [option: string]: unknown }
  : O extends unknown
    ? Omit<O, 'contextSize' | 'kvCacheType'> & {
        readonly memoryGuard?: LoadGuardOptions;
      } & (O extends { contextSize?: infer C }
          ? { readonly contextSize?: C | { readonly min: number; readonly max: number } }
          : unknown) &
        (O extends { kvCacheType?: infer K } ? { readonly kvCacheType?: K | readonly NonNullable<K>[] } : unknown)
    : never;

/** If a path stands in the options themselves: a range for llama.cpp's own name of the context, and a projector to count. */
export type GuardedPathOptions<O> = GuardedLoadOptions<Omit<O, 'n_ctx'>> &
  (O extends { n_ctx?: infer C }
    ? { readonly n_ctx?: C | { readonly min: number; readonly max: number }; readonly projectorPath?: string }
    : unknown);

/** The arguments of `loadModel`: `memoryGuard` is in its options, and may be given where it has none. */
export type GuardedLoadArguments<A extends unknown[]> = A extends [
  infer Path extends { modelPath: string } | { model: string },
  ...infer Rest,
]
  ? [GuardedPathOptions<Path>, ...Rest]
  : A extends [infer Name]
    ? [Name, { readonly memoryGuard?: LoadGuardOptions }?]
    : A extends [infer Name, infer Options, ...infer Rest]
      ? [Name, GuardedLoadOptions<Options>, ...Rest]
      : A extends [infer Name, (infer Options)?, ...infer Rest]
        ? [Name, GuardedLoadOptions<Exclude<Options, null | undefined>>?, ...Rest]
        : A;

/** Contexts that a model makes later are counted as well, so `memoryGuard` may stand in their options. */
export type WithGuardedContexts<M> = M extends { createContext: unknown }
  ? M & {
      [K in keyof M as K extends `create${string}Context` ? K : never]: M[K] extends (options?: infer O) => infer R
        ? (options?: GuardedLoadOptions<NonNullable<O>>) => R
        : M[K];
    }
  : M;

/** Names of methods that end a model, so that `await using` works with a model that has one of them. */
export type DisposeMethodName = 'dispose' | 'close' | 'release' | 'unload' | 'free' | typeof Symbol.dispose;

/** A loaded model with what guarding adds to it. What the model has itself stays as it is. */
export type GuardedModel<M> = 0 extends 1 & M
  ? M
  : M extends object
    ? WithGuardedContexts<M> &
        Omit<
          GuardedModelChoice,
          keyof M | (keyof M & DisposeMethodName extends never ? typeof Symbol.asyncDispose : never)
        >
    : M;

/** The SDK's own type, its `loadModel` asynchronous and with `memoryGuard` in its options, and `guard` added. */
export type Guarded<T extends LoadsModels> = Omit<T, 'loadModel'> & {
  loadModel(
    ...args: GuardedLoadArguments<Parameters<T['loadModel']>>
  ): Promise<GuardedModel<Awaited<ReturnType<T['loadModel']>>>>;
  readonly guard: MemoryGuard;
};

/** Raw SDKs that a guard stands before now. */
const guards = new WeakMap<object, MemoryGuard>();

/**
 * Returns the same SDK with `guard` added and every `loadModel` admitted, downgraded or refused. What the SDK calls on itself is not
 * guarded. `loadModel` rejects with `ERR_INSUFFICIENT_MEMORY` if no candidate fits, `ERR_ADMISSION_TIMEOUT` if it waited for too long,
 * `ERR_SENSOR` if memory can't be read; errors of the SDK pass through unchanged.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for a bad option, an object without `loadModel`, and an SDK that is guarded already.
 * @example
 * ```ts
 * const nexa = withMemoryGuard(await NexaSDK.initialize());
 * nexa.guard.on('warning', (event) => console.warn(event.message));
 * await using model = await nexa.loadModel('qwen2audio', { contextSize: { min: 2048, max: 8192 } });
 * console.log(model.quantization, model.contextSize);
 * ```
 */
export function withMemoryGuard<T extends LoadsModels>(sdk: T, options?: GuardOptions): Guarded<T> {
  const settings = readGuardOptions(options);
  // A guard that was closed stands before its SDK no more: what it guarded is wrapped anew.
  if (isWrapped(Object(sdk)) && guards.get(unwrap(sdk))?.closed) return withMemoryGuard(unwrap(sdk), options);
  assertLoadsModels(sdk);
  if (isWrapped(sdk) || guards.get(sdk)?.closed === false) {
    throw new MemoryGuardError(
      'ERR_INVALID_OPTION',
      'This SDK is guarded already: use the guarded object, or `guard.close()` it before wrapping the SDK again.',
    );
  }
  const adapter = settings.adapter ?? detectAdapter(sdk);
  const rooms = new GuardRooms(settings, adapter, undefined, nameSdk(sdk));
  const { loader, models } = rooms;
  const guard = new MemoryGuard(rooms);
  const { all = [], one = [] } = adapter.sdkDisposers ?? {};

  const load: Takeover = (invoke, args) => loader.load(invoke, args);

  const disposeAll: Takeover = (invoke, args) =>
    models.disposeSome(
      ({ facts }) => !facts.foreign,
      () => invoke(args),
    );

  const disposeOne: Takeover = (invoke, args) => {
    const [model, ...rest] = args;
    const dispose = () => models.disposeNamed(unwrap(model), () => invoke(args));
    const successor = findSuccessor(model);
    // Of a model that was evicted, what was loaded in its place goes.
    return successor ? successor.dispose((handle) => disposeOne(invoke, [handle, ...rest]), dispose) : dispose();
  };

  const guarded = wrapObject(sdk as T & object, {
    extra: new Map([['guard', guard]]),
    takeover(key) {
      if (key === 'loadModel') return load;
      if (all.includes(key)) return disposeAll;
      return one.includes(key) ? disposeOne : undefined;
    },
  });
  guards.set(sdk, guard);
  return guarded as unknown as Guarded<T>;
}

/** @throws MemoryGuardError `ERR_INVALID_OPTION`, also if the SDK throws when its `loadModel` is read. */
function assertLoadsModels(sdk: unknown): asserts sdk is LoadsModels {
  let cause: { readonly cause: unknown } | undefined;
  try {
    if (typeof (Object(sdk) as Partial<LoadsModels>).loadModel === 'function') return;
  } catch (error) {
    cause = { cause: error };
  }
  const message = `Expected an SDK with a \`loadModel\` method, got ${describe(sdk)}.`;
  throw new MemoryGuardError('ERR_INVALID_OPTION', message, cause);
}
