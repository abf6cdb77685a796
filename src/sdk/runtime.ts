/** What `NexaSDK` asks of a runtime, so that another one is one more folder. It knows no runtime and no memory numbers. */

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
  readonly signal?: AbortSignal | undefined;
}

export interface RuntimeGenerate {
  readonly prompt: string;
  /** Absolute paths of files that have been looked at. */
  readonly audioPaths: readonly string[];
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** The engine's own choice where absent, as are the next three. */
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
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
  dispose(): Promise<void>;
}

export interface Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  /** Checks the files before the engine sees them; a load that fails leaves nothing behind. */
  load(request: RuntimeLoad): Promise<RuntimeModel>;
  /** Lets go of what the runtime holds besides models. */
  close(): Promise<void>;
}
