/** The options of `NexaSDK` and its models, as types. What is accepted, and the defaults, stand in `read-sdk-options.ts`. */
import type { OnKilled } from '../adapters/adapter.ts';
import type { LayoutName } from '../addon/nexa-binding.ts';
import type { ChatMessage } from './chat-messages.ts';
import type { EngineCacheType, FlashAttention, LogListener, RuntimeName } from './runtime.ts';

export const ISOLATIONS = ['process', 'shared', 'none'] as const;

/** Where models live. */
export type Isolation = (typeof ISOLATIONS)[number];

/** Options of `NexaSDK.initialize`. */
export interface InitializeOptions {
  /**
   * 'nexa' is the SDK's own library, 'llama' is the embedded runtime, llama.cpp from the package `@fugood/llama.node`.
   * @default 'nexa' if its library is found, or if `libraryPath` or `layout` is given; else 'llama'
   */
  readonly runtime?: RuntimeName;
  /** Path of the SDK's library, or of the folder that it lies in. @default `$GENIEX_LIB_PATH`, then the usual places */
  readonly libraryPath?: string;
  /** For a build of the library whose version doesn't say which layout its structs have. @default by the library's version */
  readonly layout?: LayoutName;
  /** Folder in which models are looked for. @default `$NEXA_DATADIR`, the SDK's cache folders, then `./models` */
  readonly modelsDir?: string;
  /**
   * Is called with each line that the engine would print; without it nothing is printed. With `isolation: 'none'` the embedded engine prints
   * where it likes, and is not heard here.
   */
  readonly onLog?: LogListener;
  /**
   * 'process': each model has a process of its own, which can crash or be killed while the program lives on. 'shared': one process has all
   * models of this SDK. 'none': models live in the program, which ends with them. @default 'process'
   */
  readonly isolation?: Isolation;
  /**
   * What becomes of a model whose process was killed, if a guard stands before this SDK. 'fail': its calls reject with `ERR_MODEL_KILLED`.
   * 'reload': the next call loads it again. 'reload-smaller': the next call loads the next smaller of its quantizations and contexts. After more
   * than three kills within ten minutes its calls reject. @default 'fail'
   */
  readonly onKilled?: OnKilled;
  /**
   * 'auto': if a guard stands before this SDK, and the system lets this process make control groups for its children, each process of a model
   * gets a limit of what was promised to the model and a margin. @default 'auto'
   */
  readonly containment?: 'auto' | 'off';
  /** `maxAudioSeconds` of loads that say nothing of it. @default 300 */
  readonly maxAudioSeconds?: number;
  /** `maxImagePixels` of loads that say nothing of it. @default 1048576, 1024 × 1024 */
  readonly maxImagePixels?: number;
  /** Path of this package's `dist/child.js`, which such a process runs; for a bundled application. @default found in the package */
  readonly childPath?: string;
}

/** Options of `NexaSDK.loadModel`. */
export interface LoadOptions {
  /** Such as 'Q4_K_M', in any letters. @default 'Q4_K_M' for a known model, the file's own for a path */
  readonly quantization?: string;
  /** Tokens of prompt, media and answer together; from 2. @default 2048 */
  readonly contextSize?: number;
  /** Folder in which the model is looked for. @default that of `NexaSDK.initialize` */
  readonly modelsDir?: string;
  /** Path of the projector, which lets a model hear or see. @default the projector beside the model */
  readonly projectorPath?: string;
  /**
   * Threads that compute, from 1 to 1024. @default with the SDK's library on the CPU the processors that this process may use, less what a
   * quota of its control groups takes; else the engine's own choice
   */
  readonly threads?: number;
  /** Tokens per call of the engine; from 2. @default 512 */
  readonly batchSize?: number;
  /** Tokens per graph, at most `batchSize`; the compute buffers are made for so many. @default 512 */
  readonly microBatchSize?: number;
  /** Type of the keys and values in the cache. The SDK's library has 'f16' only. @default 'f16' */
  readonly kvCacheType?: EngineCacheType;
  /** The SDK's library has 'auto' only. @default 'auto' */
  readonly flashAttention?: FlashAttention;
  /** Map the model's file instead of reading it into memory. The SDK's library always maps. @default true */
  readonly mmap?: boolean;
  /** Number of layers that go to a GPU. @default 0 */
  readonly gpuLayers?: number;
  /**
   * How long the sounds of one text may last together, from 1 to 3600 s; no longer than the context can hold. A memory estimate counts what decoding
   * them takes. @default that of `NexaSDK.initialize`
   */
  readonly maxAudioSeconds?: number;
  /**
   * Width times height of the largest picture that the model is given; larger ones are refused. A memory estimate counts what encoding it takes.
   * @default that of `NexaSDK.initialize`
   */
  readonly maxImagePixels?: number;
  /** Is called with the percentage of the file that is loaded, 0 to 100. The embedded engine blocks the thread, so calls come late. */
  readonly onProgress?: (percent: number) => void;
  /** A chat template that is used in place of the model's own. The SDK's library takes none for a model with a projector. */
  readonly chatTemplate?: string;
  /** One of `NexaSDK.plugins`; of the SDK's library only. @default the one for GGUF files on the CPU */
  readonly pluginId?: string;
  /** One of `NexaSDK.devices(pluginId)`; of the SDK's library only. @default none, which is the CPU */
  readonly deviceId?: string;
  /** Gives the load up: at once if the model was to have a process of its own, else before and between the blocking steps. */
  readonly signal?: AbortSignal;
}

/** Options of `NexaModel.generate`. Either `prompt` or `messages` must be given. */
export interface GenerateOptions {
  /** What the user says; the model's chat template is put around it. */
  readonly prompt?: string;
  /** A whole conversation in place of `prompt`, `audio` and `images`. */
  readonly messages?: readonly ChatMessage[];
  /** One path or several of WAV, MP3 or FLAC files; together not longer than `maxAudioSeconds` and than the context can hold. */
  readonly audio?: string | readonly string[];
  /** One path or several of PNG, JPEG, BMP or GIF files, none larger than `maxImagePixels`; of the SDK's library only. */
  readonly images?: string | readonly string[];
  /** Give `prompt` to the model as it is, without a template. @default false */
  readonly raw?: boolean;
  /** Tools for a model whose template knows them: a list, or the same as JSON. */
  readonly tools?: string | readonly object[];
  /** Let the model think first, if its template knows that. @default the template's own choice */
  readonly thinking?: boolean;
  /** The longest answer in tokens. @default 512 */
  readonly maxTokens?: number;
  /**
   * Drop the start of a prompt that is longer than the context, which `result.truncated` tells, in place of `ERR_CONTEXT_FULL`; not
   * for models with a projector. @default false
   */
  readonly truncate?: boolean;
  /** From 0, which always takes the likeliest token. @default the engine's own choice */
  readonly temperature?: number;
  /** How many of the likeliest tokens are drawn from; from 1. @default the engine's own choice */
  readonly topK?: number;
  /** Draw from the likeliest tokens whose probabilities add up to this, 0 to 1. @default the engine's own choice */
  readonly topP?: number;
  /** Leave out tokens below this share of the likeliest one's probability, 0 to 1. @default the engine's own choice */
  readonly minP?: number;
  /** 0.1 to 10; 1 is no penalty. @default the engine's own choice */
  readonly repetitionPenalty?: number;
  /** -10 to 10; 0 is no penalty. @default the engine's own choice */
  readonly presencePenalty?: number;
  /** -10 to 10; 0 is no penalty. @default the engine's own choice */
  readonly frequencyPenalty?: number;
  /** A grammar that the answer follows, in llama.cpp's GBNF. */
  readonly grammar?: string;
  /** From 0. The same seed gives the same text. @default random */
  readonly seed?: number;
  /** One text or several that end the answer; they are not part of it. */
  readonly stop?: string | readonly string[];
  /** Stops the engine at its next token. */
  readonly signal?: AbortSignal;
}
