/** What the guard must know about an SDK, as types. It knows no SDK by name and no memory numbers. */
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
export interface ModelOffer {
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
  offers?(args: readonly unknown[]): Promise<readonly ModelOffer[]>;
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
  /**
   * Methods of a loaded model that end it: the guard forgets the model when one of them has run. Where the guard itself ends
   * a model (an eviction, a handle that was lost), it calls the first of these that the model has.
   */
  readonly disposers: readonly PropertyKey[];
  /**
   * Whether a method of a loaded model, or of one of its `parts`, runs the model. The first such call that completes has
   * touched the memory that the model needs.
   */
  isInference(method: string): boolean;
  /** Whether a call on a loaded model with these arguments processes audio, for which memory is reserved while it runs. */
  hasAudio(args: readonly unknown[]): boolean;
  /** SDK methods that unload: all models, or the one whose handle or name is the first argument. */
  readonly dispose?: { readonly all?: readonly PropertyKey[]; readonly one?: readonly PropertyKey[] };
}

/** An SDK that knows its own adapter shows it under this key. */
export const ADAPTER: unique symbol = Symbol.for('nexa-memory-guard.adapter') as never;
