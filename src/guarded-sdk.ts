/** The types of guarded SDKs: of those with `loadModel`, and of those whose methods that load stand elsewhere, as `Session.create` does. */
import type {
  GuardedLoadArguments,
  GuardedLoadOptions,
  GuardedModel,
  GuardedSessions,
  LoadsModels,
  LoadsWhisper,
  MakesSessions,
} from './guarded-types.ts';

/**
 * The SDK's own type, its methods that load asynchronous and with `memoryGuard` in their options, and `guard` added. `G` is the guard, `P` the
 * paths of these methods if an adapter names them.
 */
export type GuardedBy<G, T, P extends string = never> = [P] extends [never]
  ? T extends LoadsModels
    ? Omit<T, 'loadModel'> & {
        loadModel(
          ...args: GuardedLoadArguments<Parameters<T['loadModel']>>
        ): Promise<GuardedModel<Awaited<ReturnType<T['loadModel']>>>>;
        readonly guard: G;
      }
    : T extends LoadsPipelines
      ? GuardedPipelines<T> & { readonly guard: G }
      : T extends LoadsWhisper
        ? GuardedPaths<T, 'initWhisper'> & { readonly guard: G }
        : T extends MakesSessions
          ? Omit<T, 'InferenceSession'> & {
              readonly InferenceSession: GuardedSessions<T['InferenceSession']>;
              readonly guard: G;
            }
          : never
  : GuardedPaths<T, P> & { readonly guard: G };

/** An SDK whose methods that load are known. */
export type GuardableSdk = LoadsModels | LoadsPipelines | LoadsWhisper | MakesSessions;

/** The module `@huggingface/transformers`, as far as it loads. */
export interface LoadsPipelines {
  // biome-ignore lint/suspicious/noExplicitAny: any arguments of its own are accepted
  pipeline(...args: any[]): Promise<unknown>;
  readonly PreTrainedModel: AnyClass;
}

/** A class, whatever it is made with. */
// biome-ignore lint/suspicious/noExplicitAny: any arguments of its own are accepted
export type AnyClass<M = unknown> = abstract new (...args: any[]) => M;

/** One way to call a method that loads. */
export type GuardedLoad<A extends unknown[], R> = (
  ...args: GuardedLoadArguments<A>
) => Promise<GuardedModel<Awaited<R>>>;

/** The same for a method with up to four ways; of more, the last ones. */
export type GuardedLoads<F> = F extends {
  (...args: infer A): infer R;
  (...args: infer B): infer S;
  (...args: infer C): infer U;
  (...args: infer D): infer V;
}
  ? GuardedLoad<A, R> & GuardedLoad<B, S> & GuardedLoad<C, U> & GuardedLoad<D, V>
  : F extends { (...args: infer A): infer R; (...args: infer B): infer S; (...args: infer C): infer U }
    ? GuardedLoad<A, R> & GuardedLoad<B, S> & GuardedLoad<C, U>
    : F extends { (...args: infer A): infer R; (...args: infer B): infer S }
      ? GuardedLoad<A, R> & GuardedLoad<B, S>
      : F extends (...args: infer A) => infer R
        ? GuardedLoad<A, R>
        : unknown;

/** What stands at a path, its way to load before the object's own: the first that fits a call counts. */
export type GuardedAt<T, P extends string> = P extends `${infer K}.${infer Rest}`
  ? K extends keyof T
    ? { readonly [Q in K]: GuardedAt<T[K], Rest> & T[K] }
    : unknown
  : P extends keyof T
    ? { readonly [Q in P]: GuardedLoads<T[P]> }
    : unknown;

/** All types of a union at once. */
export type IntersectionOf<U> = (U extends unknown ? (each: U) => void : never) extends (all: infer I) => void
  ? I
  : never;

/** An object whose methods at these paths load. */
export type GuardedPaths<T, P extends string> = IntersectionOf<P extends string ? GuardedAt<T, P> : never> & T;

/** The module with `memoryGuard` in the options of `pipeline` and of every class that loads models. */
export type GuardedPipelines<T extends LoadsPipelines> = {
  readonly [K in keyof T]: K extends 'pipeline'
    ? GuardedPipeline<T>
    : T[K] extends { from_pretrained(...args: infer A): Promise<infer M> }
      ? M extends InstanceType<T['PreTrainedModel']>
        ? { from_pretrained: GuardedLoad<A, M> } & T[K]
        : T[K]
      : T[K];
};

/** The task decides which pipeline it is, as in the module itself. */
export type GuardedPipeline<T extends LoadsPipelines> = <K extends Parameters<T['pipeline']>[0] & string>(
  task: K,
  model?: Parameters<T['pipeline']>[1],
  options?: GuardedLoadOptions<NonNullable<Parameters<T['pipeline']>[2]>>,
) => Promise<GuardedModel<PipelineOf<T, K>>>;

/** The class of a task's pipeline, by its exported name. */
export type PipelineOf<
  T extends LoadsPipelines,
  K extends string,
> = `${PipelineName<K>}Pipeline` extends infer N extends keyof T
  ? T[N] extends AnyClass<infer P>
    ? P
    : Awaited<ReturnType<T['pipeline']>>
  : Awaited<ReturnType<T['pipeline']>>;

/** 'fill-mask' is 'FillMask' in the name of its class. */
export type PipelineName<K extends string> = K extends keyof OtherPipelineNames
  ? OtherPipelineNames[K]
  : K extends `${infer Word}-${infer Rest}`
    ? `${Capitalize<Word>}${PipelineName<Rest>}`
    : Capitalize<K>;

/** Those that are named otherwise, and other names of tasks. */
export interface OtherPipelineNames {
  readonly 'text2text-generation': 'Text2TextGeneration';
  readonly 'sentiment-analysis': 'TextClassification';
  readonly ner: 'TokenClassification';
  readonly asr: 'AutomaticSpeechRecognition';
  readonly 'text-to-speech': 'TextToAudio';
  readonly embeddings: 'FeatureExtraction';
}
