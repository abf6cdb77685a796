/** The types of loads that are guarded, and of the models that they give. */
import type { LoadGuardOptions } from './loading/load-guard-options.ts';
import type { GuardedModelChoice } from './models/model-handle.ts';

/** Anything with a `loadModel`. */
export interface LoadsModels {
  // biome-ignore lint/suspicious/noExplicitAny: any SDK's own arguments are accepted
  loadModel(...args: any[]): unknown;
}

/** The module `@fugood/whisper.node`. */
export interface LoadsWhisper {
  // biome-ignore lint/suspicious/noExplicitAny: its own arguments are accepted
  initWhisper(...args: any[]): unknown;
}

/** A module whose sessions are made by `InferenceSession.create`, such as `onnxruntime-node`. */
export interface MakesSessions {
  // biome-ignore lint/suspicious/noExplicitAny: any module's own arguments are accepted
  readonly InferenceSession: { create(...args: any[]): Promise<object> };
}

/** The module's own class, whose `create` takes `memoryGuard` in its options and makes guarded sessions. */
export type GuardedSessions<C extends MakesSessions['InferenceSession']> = Omit<C, 'create'> & {
  create(
    model: string | Uint8Array | ArrayBufferLike,
    options?: GuardedSessionOptions<C>,
  ): Promise<GuardedModel<Awaited<ReturnType<C['create']>>>>;
  create(
    buffer: ArrayBufferLike,
    byteOffset: number,
    byteLength?: number,
    options?: GuardedSessionOptions<C>,
  ): Promise<GuardedModel<Awaited<ReturnType<C['create']>>>>;
};

/** The options of a session, with `memoryGuard` added. */
export type GuardedSessionOptions<C extends MakesSessions['InferenceSession']> = NonNullable<
  Parameters<C['create']>[1]
> & {
  readonly memoryGuard?: LoadGuardOptions;
};

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
  infer Path extends { modelPath: string } | { model: string } | { filePath: string },
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
  ? {
      [K in keyof M as K extends `create${string}Context` ? K : never]: M[K] extends (options?: infer O) => infer R
        ? (options?: GuardedLoadOptions<NonNullable<O>>) => GuardedContext<R>
        : M[K];
    } & M
  : M;

/** A promised context, which can be made ready again as a model can. */
export type GuardedContext<R> = R extends Promise<infer C> ? Promise<C & Pick<GuardedModelChoice, 'ready'>> : R;

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
