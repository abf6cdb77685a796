/** What the guard must know about an SDK, as types. It knows no SDK by name and no memory numbers. */
import type { CallInput } from '../core/call-input.ts';
import type { EngineFiles } from '../core/engine-files.ts';
import type { ModelFormat } from '../core/model-format.ts';
import type { ModelProcess } from '../core/model-process.ts';
import type { OnnxSizes } from '../core/onnx-sizes.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { KvCacheType, LoadParts, ModelMemory } from '../core/types.ts';

/**
 * How the caller wants the model to be run, as far as that decides what the model needs, by the names that `NexaSDK` uses.
 * The values are the caller's own: the guard checks them, an adapter doesn't need to.
 */
export interface RequestedShape {
  /** Tokens. A number is exact; of a range `{ min, max }` the guard takes the largest that fits; 'trained' is what the model's header says. */
  readonly contextSize?: unknown;
  /** One type such as 'f16', several in order of preference, or `{ k, v }` if keys and values differ. */
  readonly kvCacheType?: unknown;
  /** Tokens per call of the engine. */
  readonly batchSize?: unknown;
  /** Tokens per graph. */
  readonly microBatchSize?: unknown;
  /** 'auto', 'on' or 'off'. */
  readonly flashAttention?: unknown;
  /** Whether the weights are mapped, not read into memory of the process's own. */
  readonly mmap?: unknown;
  /** Whether weights are read past the page cache. */
  readonly directIo?: unknown;
  /** Whether the runtime simulates loads and contexts before, and keeps the header for it. */
  readonly simulatesLoads?: unknown;
  /** Number of layers that go to a GPU. */
  readonly gpuLayers?: unknown;
  /** Number of sequences that share the context. This option and those below have the names of `estimateFootprint`. */
  readonly sequences?: unknown;
  /** Whether layers with a sliding window cache the whole context. */
  readonly fullSlidingCache?: unknown;
  /** Whether every token of a batch has an output. */
  readonly embeddings?: unknown;
  /** Whether the engine copies weights into another layout. */
  readonly repack?: unknown;
  /** Of which tokens the logits are read: 'all', or the 'last' of each sequence. */
  readonly logits?: unknown;
  /** How many seconds of sound one text may have, if the model hears. */
  readonly audioSeconds?: unknown;
  /** Whether sequences share one cache. */
  readonly unifiedKvCache?: unknown;
  /** 'none', 'mean', 'cls', 'last' or 'rank': how the embeddings of a text become one. */
  readonly pooling?: unknown;
  /** Whether weights are locked in memory. */
  readonly mlock?: unknown;
  /** Paths of LoRA adapters that are loaded with it. */
  readonly loraPaths?: unknown;
  /** Pixels of the largest image that the model is given. */
  readonly maxImagePixels?: unknown;
  /** The most bytes of snapshots that the engine keeps of recurrent states. */
  readonly stateCacheBytes?: unknown;
  /** The most such snapshots of one sequence. */
  readonly stateSnapshots?: unknown;
  /** Tokens after which it takes one. */
  readonly stateSnapshotTokens?: unknown;
  /** Whether the oldest tokens of a full context are dropped and the others moved. */
  readonly contextShift?: unknown;
  /** Tokens that draft layers guess at once. */
  readonly draftTokens?: unknown;
  /** 'own', 'target' or 'draft': whose draft layers these are. A `draftPath` among the offers says so too. */
  readonly draftRole?: unknown;
  /** The type of keys and values of draft layers. */
  readonly draftKvCacheType?: unknown;
  /** How a session of ONNX Runtime is made: `{ optimize, prepack, cpuOnly, arena }`, each true if nothing says otherwise. */
  readonly session?: unknown;
  /** 'weights' or 'context', if the SDK loads the two by calls of their own; 'all' if one call loads both; 'vocabulary' if neither is loaded. */
  readonly part?: unknown;
}

/** One load as the SDK's caller asks for it. */
export interface LoadRequest {
  /** A known model such as 'qwen2audio', or the path of a file. It names the model in events and errors. */
  readonly name: string;
  /** The quantization that the caller asks for; absent if the guard may choose one. */
  readonly quantization?: unknown;
  /** The `memoryGuard` part of the options. */
  readonly memoryGuard?: unknown;
  /** Absent if the caller says nothing of it. */
  readonly shape?: RequestedShape;
  /**
   * The least context that its caller will make of what it loads: room for that is kept until it is made, so that two programs that have both
   * loaded weights don't wait for each other.
   */
  readonly nextContext?: RequestedShape;
}

/** What can be loaded for a request: what was asked for, or that in another quantization. */
export interface ModelOffer {
  /** The step of the ladder that the file is. Absent for a file that is loaded as it is or not at all. */
  readonly quantization?: QuantizationName;
  /** Path of the model's file; of a split model that of the first one. Absent if what it takes is told, or may have been seen. */
  readonly modelPath?: string;
  /** How that file is read. @default 'gguf' */
  readonly format?: ModelFormat;
  /** What it takes, as `memoryGuard.footprint` says it. It goes before the file. */
  readonly footprint?: unknown;
  /** How large its ONNX files are, if nothing better tells what it takes: an upper bound is made of that. */
  readonly sizes?: OnnxSizes;
  /** Why nobody knows what it takes, as the end of a refusal's sentence. Absent if something tells. */
  readonly unknownBecause?: string;
  /** In place of a path: a model that the program has in memory, with the names of the files beside it that it has there too. */
  readonly modelBytes?: { readonly bytes: Uint8Array; readonly externalFiles?: readonly string[] };
  /** Path of the projector that is loaded with it. */
  readonly projectorPath?: string;
  /** Path of a model that is loaded with it to guess its next tokens. */
  readonly draftPath?: string;
}

/** What the guard chose because the caller left it open. */
export interface ChosenShape {
  /** Tokens. */
  readonly contextSize?: number;
  readonly kvCacheType?: KvCacheType;
}

export const ON_KILLED = ['fail', 'reload', 'reload-smaller'] as const;

/**
 * What becomes of a model whose process was killed. 'fail': its calls reject. 'reload': the next call loads it again. 'reload-smaller': the
 * next call loads the next smaller of its quantizations and contexts.
 */
export type OnKilled = (typeof ON_KILLED)[number];

/**
 * For an SDK whose models live in processes of their own: what they take is read of those processes, and their end is the end of their
 * models.
 */
export interface ProcessAdapter {
  /** Whether one process has several models. */
  readonly shared: boolean;
  /**
   * The arguments for the SDK, with which it calls `listener` with the process that the model will live in, and waits for what that gives, before
   * the process takes memory for it. It changes none of the given objects.
   */
  withListener(args: readonly unknown[], listener: (process: ModelProcess) => void | Promise<void>): readonly unknown[];
  /** @default 'fail' */
  readonly onKilled?: OnKilled;
  /** 'auto': such a process gets a limit of its own from the system, where that can be had. @default 'auto' */
  readonly containment?: 'auto' | 'off';
}

/**
 * How the guard reads the load calls of one SDK, and how it treats the models that these return. `withMemoryGuard` takes the
 * parts that differ from those of most SDKs as its option `adapter`. Functions are called without `this`.
 */
export interface Adapter {
  /**
   * The SDK's methods that load, by their paths, such as 'pipeline' or 'InferenceSession.create'; or each with the parts of the adapter that
   * differ for it. @default ['loadModel']
   */
  readonly loads?: readonly string[] | Readonly<Record<string, Partial<Omit<Adapter, 'loads'>>>>;
  /**
   * What `loadModel(...args)` asks for.
   *
   * @throws MemoryGuardError `ERR_UNKNOWN_MODEL` or `ERR_INVALID_OPTION` if the arguments name no model.
   */
  readRequest(args: readonly unknown[]): LoadRequest;
  /**
   * The arguments for the SDK: without `memoryGuard`, with the quantization if one is given, and with the file if one was chosen
   * among those of `listOffers`. It changes none of the given objects.
   */
  withQuantization(
    args: readonly unknown[],
    quantization: QuantizationName | undefined,
    modelPath: string | undefined,
  ): readonly unknown[];
  /** The same for the shape. Without this part the SDK is given the shape that its caller wrote. */
  withShape?(args: readonly unknown[], chosen: ChosenShape): readonly unknown[];
  /** The SDK understands a range of contexts itself: a guard that only observes chooses none for it. */
  readonly understandsRanges?: boolean;
  /** What may be loaded, the best quality first. If there is nothing, a known model's published shape decides, or the documented table. */
  listOffers?(args: readonly unknown[]): Promise<readonly ModelOffer[]>;
  /** The quantizations of its offers are names of its own, such as 'fp16', in its own order: no file types of llama.cpp, and without a floor. */
  readonly ownLadder?: boolean;
  /**
   * Name and version of the engine. What loads really took is kept under it. Without it that is kept of loads by name alone, under the program
   * and the SDK's code.
   */
  readonly runtime?: string;
  /** The engine's own libraries, which can be asked what a load would take. Called for each load; resolves to `undefined` if there are none. */
  findEngine?(args: readonly unknown[]): Promise<EngineFiles | undefined>;
  /**
   * Where models live: in memory of native code (the default), or in array buffers and memories of WebAssembly. What a load takes there
   * counts as taken of what was reserved for it.
   */
  readonly modelsLiveIn?: ModelMemory;
  /** How long its models may be idle, in place of the guard's `keepAliveMs`. */
  readonly keepAliveMs?: number;
  /** Models live in processes of their own. Absent if they live in this one. */
  readonly processes?: ProcessAdapter;
  /** Whether the last call on a model, or on one of its parts, filled a micro-batch: then it touched all memory that it ever will. */
  hasFilledMicroBatch?(model: unknown): boolean;
  /** Paths of the files that a loaded model keeps mapped, as far as the model or the arguments of its load tell. */
  listFiles?(model: unknown, args: readonly unknown[]): readonly string[];
  /**
   * The adapter for a method of a loaded model that makes something with memory of its own, such as a context: the guard treats
   * a call of that method as a load. `files` are the paths of the model's files. `undefined` for every other method.
   */
  adaptContext?(model: unknown, method: PropertyKey, files: readonly string[]): Adapter | undefined;
  /**
   * Methods of a loaded model or context whose results work in memory that is there already, such as the sequences of a context.
   * Calls on these results count as calls on the model or context.
   */
  readonly partMethods?: readonly PropertyKey[];
  /**
   * Methods of a loaded model or context that answer at once, such as a tokenizer. While the guard has unloaded it they throw
   * `ERR_MODEL_EVICTED`, and never give a promise. A method that has answered at once before counts as one too.
   */
  readonly synchronousMethods?: readonly PropertyKey[];
  /** Whether a model works on something that its handle doesn't see: then it isn't idle. */
  isBusy?(model: unknown): boolean;
  /**
   * Calls `tell` when the SDK ends the model or context, whoever asked for it. It is for an SDK that itself ends what nobody
   * reaches any more, and whose objects lead to each other: the guard then doesn't take a lost handle for a lost model.
   */
  onEnd?(model: unknown, tell: () => void): void;
  /**
   * Methods of a loaded model that end it: the guard forgets the model when one of them has run. If the guard itself ends a
   * model (an eviction, a handle that was lost), it calls the first of these that the model has.
   */
  readonly disposers: readonly PropertyKey[];
  /** Ends a model, if that is done by none of its own methods, or if more is to be done than they do. */
  end?(model: unknown): unknown;
  /**
   * The engine crashes if a model is ended while a call on it runs: the guard then hands a disposal on once its calls are done. Most SDKs
   * end such calls themselves.
   */
  readonly endsAfterCalls?: boolean;
  /**
   * Whether a method of a loaded model, or of one of its parts, runs the model; '' is a call of the model itself. The first such call that
   * completes has touched the memory that the model needs.
   */
  isInference(method: string): boolean;
  /** Whether a call on a loaded model with these arguments processes audio: memory is reserved for that while the call runs. */
  hasAudio(args: readonly unknown[]): boolean;
  /** How many bytes such a call takes at most while it runs, if that may be more than the documented 100 MB. `predicted` is what the model takes. */
  countCallAudio?(model: unknown, args: readonly unknown[], predicted?: LoadParts): number;
  /**
   * How large the inputs of a call are, if what it takes depends on that and no file tells: what such calls take is learned, and reserved before the
   * next one, which is refused if it doesn't fit. The model's calls must give promises. `undefined` for a call that takes next to nothing.
   */
  measureCall?(model: unknown, method: string, args: readonly unknown[]): CallInput | undefined;
  /** Methods of the SDK that unload: all models, or the one whose handle or name is the first argument. */
  readonly sdkDisposers?: { readonly all?: readonly PropertyKey[]; readonly one?: readonly PropertyKey[] };
}

/** An SDK may carry its adapter under this key. */
export const ADAPTER: unique symbol = Symbol.for('nexa-memory-guard.adapter') as never;
