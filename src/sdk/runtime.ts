/** What `NexaSDK` asks of a runtime, so that another one is one more folder. It knows no runtime and no memory numbers. */
import type { ChatSettings, ChatTurn } from './chat-messages.ts';

export type RuntimeName = 'nexa' | 'llama';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Receives what an engine would print, one line at a time. */
export type LogListener = (level: LogLevel, text: string) => void;

export const KV_CACHE_TYPES = ['f16', 'f32', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'] as const;
export type KvCacheType = (typeof KV_CACHE_TYPES)[number];

export const FLASH_ATTENTION = ['auto', 'on', 'off'] as const;
export type FlashAttention = (typeof FLASH_ATTENTION)[number];

/** One load with everything decided: files that were found, numbers that were checked. */
export interface RuntimeLoad {
  readonly modelPath: string;
  readonly projectorPath?: string | undefined;
  readonly contextSize: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly kvCacheType: KvCacheType;
  readonly flashAttention: FlashAttention;
  readonly mmap: boolean;
  readonly gpuLayers: number;
  /** The engine's own choice where absent. */
  readonly threads?: number | undefined;
  /** Percent, whole and rising. An engine that blocks the thread reports late. */
  readonly onProgress?: ((percent: number) => void) | undefined;
  readonly chatTemplate?: string | undefined;
  readonly pluginId?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RuntimeGenerate extends ChatSettings {
  /** The user's words, or with `raw` the whole text; empty where there are `messages`. */
  readonly prompt: string;
  readonly raw?: boolean | undefined;
  readonly messages?: readonly ChatTurn[] | undefined;
  /** Absolute paths of files that have been looked at, in the order of the conversation. */
  readonly audioPaths: readonly string[];
  readonly imagePaths?: readonly string[] | undefined;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** The engine's own choice where absent, as is all that follows. */
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
 * Why a text ended: the model ended it, a `stop` text came, `maxTokens` or the context was reached, or it was stopped
 * from outside.
 */
export type FinishReason = 'end' | 'stop' | 'length' | 'context' | 'stopped';

/** The numbers of a finished text. */
export interface GenerateResult {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Tokens of the prompt with its audio. */
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** From the start until the first text, audio encoding and prompt included; absent where no text came. */
  readonly firstTextMs?: number;
  readonly totalMs: number;
  /** The engine's own measurements. */
  readonly profile?: Profile;
}

/** As the engine measured it; what it doesn't tell is absent. */
export interface Profile {
  /** From its start to its first token. */
  readonly firstTokenMs?: number;
  readonly promptMs?: number;
  readonly promptTokensPerSecond?: number;
  readonly decodeMs?: number;
  readonly tokensPerSecond?: number;
  /** Encoding of audio and images. */
  readonly mediaMs?: number;
  /** Length of the audio. */
  readonly audioMs?: number;
  /** Proposed by a draft model, and kept. */
  readonly draftTokens?: number;
  readonly acceptedDraftTokens?: number;
  /** The engine's own word for why it ended, such as `eos`. */
  readonly stopReason?: string;
}

export interface Capabilities {
  readonly audio: boolean;
  readonly vision: boolean;
}

/** A loaded model. Calls come one at a time and never after `dispose`; the caller sees to that. */
export interface RuntimeModel {
  readonly capabilities: Capabilities;
  /** Calls `onText` with each piece as it comes. Rejects with a `MemoryGuardError`. */
  generate(request: RuntimeGenerate, onText: (text: string) => void): Promise<GenerateResult>;
  /** Ends a running `generate` at its next token, with `finishReason: 'stopped'`; nothing else happens without one. */
  stop(): void;
  /** The text that the model's chat template makes of a conversation. */
  format(messages: readonly ChatTurn[], settings: ChatSettings): Promise<string>;
  /** Forgets the conversation that its context holds. */
  reset(): Promise<void>;
  /** Absent where the runtime has nothing like it. */
  saveKvCache?(path: string): Promise<void>;
  loadKvCache?(path: string): Promise<void>;
  dispose(): Promise<void>;
}

export interface Device {
  readonly id: string;
  readonly name: string;
}

export interface Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  /** Those that it can be asked for; all of them where absent. */
  readonly kvCacheTypes?: readonly KvCacheType[];
  /** Checks the files before the engine sees them; a load that fails leaves nothing behind. */
  load(request: RuntimeLoad): Promise<RuntimeModel>;
  /** Absent where the runtime has no plugins. */
  plugins?(): Promise<readonly string[]>;
  devices?(pluginId: string): Promise<readonly Device[]>;
  /** Lets go of what the runtime holds besides models. */
  close(): Promise<void>;
}
