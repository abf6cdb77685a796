/** What `NexaSDK` asks of a runtime, so that another one is one more folder. It knows no runtime and no memory numbers. */
import type { LayoutName } from '../addon/nexa-binding.ts';
import type { ModelProcess } from '../core/model-process.ts';
import type { ChatSettings, ChatTurn } from './chat-messages.ts';

/** 'nexa' is the SDK's own library, 'llama' the embedded runtime. */
export type RuntimeName = 'nexa' | 'llama';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** How important a line is that an engine prints. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Is called with each line that an engine would print. */
export type LogListener = (level: LogLevel, text: string) => void;

export const KV_CACHE_TYPES = ['f16', 'f32', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'] as const;

/** Type of the keys and values in the cache of a context. */
export type EngineCacheType = (typeof KV_CACHE_TYPES)[number];

export const FLASH_ATTENTION = ['auto', 'on', 'off'] as const;

/** Whether attention is computed without a buffer for all its scores. */
export type FlashAttention = (typeof FLASH_ATTENTION)[number];

/** One load with everything decided: files that were found, numbers that were checked. */
export interface RuntimeLoad {
  readonly modelPath: string;
  readonly projectorPath?: string | undefined;
  /** Tokens. */
  readonly contextSize: number;
  /** Tokens per call of the engine. */
  readonly batchSize: number;
  /** Tokens per graph. */
  readonly microBatchSize: number;
  readonly kvCacheType: EngineCacheType;
  readonly flashAttention: FlashAttention;
  readonly mmap: boolean;
  /** Number of layers that go to a GPU. */
  readonly gpuLayers: number;
  /** If absent, the runtime or its engine chooses. */
  readonly threads?: number | undefined;
  /** Percent, whole and rising. An engine that blocks the thread reports late. */
  readonly onProgress?: ((percent: number) => void) | undefined;
  readonly chatTemplate?: string | undefined;
  readonly pluginId?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Is called with the process that the model will live in, and waited for, before that takes memory for it; never if that is this process. */
  readonly onProcess?: ((process: ModelProcess) => void | Promise<void>) | undefined;
}

/** One text to be generated. Of the numbers from `temperature` on, the engine chooses those that are absent. */
export interface RuntimeGenerate extends ChatSettings {
  /** The user's words, or with `raw` the whole text; empty if there are `messages`. */
  readonly prompt: string;
  readonly raw?: boolean | undefined;
  readonly messages?: readonly ChatTurn[] | undefined;
  /** Absolute paths of files that have been looked at, in the order of the conversation. */
  readonly audioPaths: readonly string[];
  readonly imagePaths?: readonly string[] | undefined;
  readonly maxTokens: number;
  /** Whether the start of a prompt that is longer than the context may be dropped. */
  readonly truncate?: boolean | undefined;
  readonly stop: readonly string[];
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly minP?: number | undefined;
  readonly repetitionPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly grammar?: string | undefined;
  readonly seed?: number | undefined;
}

/**
 * Why a text ended: the model ended it ('end'), one of the `stop` texts came ('stop'), `maxTokens` was reached ('length'), the
 * context is full ('context'), or it was stopped from outside ('stopped').
 */
export type FinishReason = 'end' | 'stop' | 'length' | 'context' | 'stopped';

/** A finished text and its numbers. */
export interface GenerateResult {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Tokens of the prompt with its media. */
  readonly promptTokens: number;
  /** Tokens of these that the context held from earlier texts, so that they were not read again; absent if the engine doesn't say. */
  readonly cachedPromptTokens?: number;
  /** Whether the start of the prompt was dropped because it is longer than the context; only with the option `truncate`. */
  readonly truncated: boolean;
  readonly generatedTokens: number;
  /** Milliseconds from the start to the first text, with the reading of prompt and media; absent if no text came. */
  readonly firstTextMs?: number;
  /** Milliseconds from the start to the end. */
  readonly totalMs: number;
  /** The engine's own measurements. */
  readonly profile?: GenerateProfile;
}

/** What the engine measured of one text. What it doesn't tell is absent; times are milliseconds. */
export interface GenerateProfile {
  /** From the engine's start to its first token. */
  readonly firstTokenMs?: number;
  readonly promptMs?: number;
  readonly promptTokensPerSecond?: number;
  readonly decodeMs?: number;
  readonly tokensPerSecond?: number;
  /** Encoding of audio and images. */
  readonly mediaMs?: number;
  /** Length of the audio. */
  readonly audioMs?: number;
  /** Tokens that a draft model proposed. */
  readonly draftTokens?: number;
  /** Tokens of these that were kept. */
  readonly acceptedDraftTokens?: number;
  /** The engine's own word for why it ended, such as 'eos'. */
  readonly stopReason?: string;
}

/** What a model takes besides text. */
export interface Capabilities {
  readonly audio: boolean;
  readonly vision: boolean;
}

/** A loaded model. Calls come one at a time and never after `dispose`: the caller sees to that. */
export interface RuntimeModel {
  readonly capabilities: Capabilities;
  /** The process that it lives in; absent if that is this one. */
  readonly pid?: number;
  /** Whether `dispose` ends a running `generate` by itself, and at once. Absent if that must be over first. */
  readonly disposesAtOnce?: boolean;
  /** The longest sound of which the context may hold all; an hour if absent. */
  readonly longestAudioSeconds?: number | undefined;
  /** Calls `onText` with each piece as it comes. Rejects with a `MemoryGuardError`. */
  generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult>;
  /** Ends a running `generate` at its next token, with `finishReason: 'stopped'`; does nothing if none runs. */
  stop(): void;
  /** The text that the model's chat template makes of a conversation. */
  format(messages: readonly ChatTurn[], settings: ChatSettings): Promise<string>;
  /** Forgets the conversation that the context holds. */
  reset(): Promise<void>;
  /** Writes what the context holds to a file; absent if the runtime can't. */
  saveKvCache?(path: string): Promise<void>;
  /** Takes what `saveKvCache` wrote; absent if the runtime can't. */
  loadKvCache?(path: string): Promise<void>;
  dispose(): Promise<void>;
}

/** Something that a plugin of the SDK's library can compute on. */
export interface RuntimeDevice {
  /** For the load option `deviceId`. */
  readonly id: string;
  /** For people. */
  readonly name: string;
}

/** Where the SDK's library lies that a runtime has opened, and which one it is. */
export interface OpenedLibrary {
  /** Absolute. */
  readonly path: string;
  readonly layout: LayoutName;
}

/** What loads and runs models for a `NexaSDK`. */
export interface Runtime {
  readonly name: RuntimeName;
  /** Version of the runtime, for example 'v0.5.0'. */
  readonly version: string;
  /** The cache types that the runtime can be asked for; absent if these are all. */
  readonly kvCacheTypes?: readonly EngineCacheType[];
  /** Absent if the runtime has no library of the SDK. */
  readonly library?: OpenedLibrary;
  /** 'process' if each model has a process of its own, 'shared' if one has all of them; absent if they live in this one. */
  readonly isolation?: 'process' | 'shared';
  /** Checks the files before the engine sees them. A load that fails leaves nothing behind. */
  load(request: RuntimeLoad): Promise<RuntimeModel>;
  /** The ids of the plugins; absent if the runtime has none. */
  plugins?(): Promise<readonly string[]>;
  /** What a plugin can compute on; absent if the runtime has no plugins. */
  devices?(pluginId: string): Promise<readonly RuntimeDevice[]>;
  /** Lets go of what the runtime holds besides models. */
  close(): Promise<void>;
}
