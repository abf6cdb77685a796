/** The addon's part of the binding: what it takes and gives. It knows no options and makes no sentences. */

import type { LayoutName } from '../sdk/runtime.ts';
import { loadAddon } from './load-addon.ts';

/** Held, handed back, and collected with what it stands for. */
export type LibraryHandle = { readonly brand: unique symbol };
export type ModelHandle = { readonly brand: unique symbol };

/** What every promise of the addon rejects with. */
export interface NativeFailure {
  /** The library's function, such as `geniex_llm_create`; empty where the library was not asked. */
  readonly call: string;
  readonly code: number;
  /** The library's words for the code; or one word for why it was not asked, such as `disposed`. */
  readonly text: string;
  /** What the library logged last; or what that one word is about. */
  readonly detail: string;
}

export interface NativeLoad {
  readonly modelPath: string;
  readonly projectorPath?: string | undefined;
  readonly chatTemplate?: string | undefined;
  readonly pluginId: string;
  readonly deviceId?: string | undefined;
  readonly contextSize: number;
  readonly threads?: number | undefined;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly gpuLayers: number;
}

export interface NativeChat {
  readonly messages?: readonly NativeMessage[] | undefined;
  readonly tools?: string | undefined;
  readonly thinking?: boolean | undefined;
}

export interface NativeMessage {
  readonly role: string;
  readonly parts: readonly { readonly type: string; readonly text: string }[];
}

/** Zero is the library's default wherever it is a number. */
export interface NativeSampling {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly grammar?: string;
  /** -1 is a random one. */
  readonly seed?: number;
}

export interface NativeGenerate extends NativeChat, NativeSampling {
  /** Without messages it goes to the model as it is. */
  readonly prompt: string;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly audio: readonly string[];
  readonly images: readonly string[];
}

export interface NativeResult {
  /** `eos`, `length`, `user`, `stop_sequence`, `context_length`, or empty. */
  readonly stopReason: string;
  /** A stop text ended it. */
  readonly matched: boolean;
  /** `stop` ended it. */
  readonly stopped: boolean;
  readonly firstTokenUs: number;
  readonly promptUs: number;
  readonly decodeUs: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly mediaUs?: number;
  readonly audioUs?: number;
  readonly draftTokens?: number;
  readonly acceptedDraftTokens?: number;
}

/** All work happens on other threads: on one of its own for each model, in order. */
export interface NativeNexa {
  /** Initializes the library for its first user. Levels: 0 trace .. 4 error. */
  open(
    path: string,
    layout?: LayoutName,
    onLog?: (level: number, text: string) => void,
  ): Promise<{ readonly library: LibraryHandle; readonly version: string; readonly layout: LayoutName }>;
  /** Lets go of it; models that are loaded keep what they need. */
  close(library: LibraryHandle): Promise<void>;
  plugins(library: LibraryHandle): Promise<readonly string[]>;
  devices(library: LibraryHandle, pluginId: string): Promise<readonly { readonly id: string; readonly name: string }[]>;
  /** `asked` is false where the library can't be asked what the projector is for. */
  load(
    library: LibraryHandle,
    load: NativeLoad,
  ): Promise<{
    readonly model: ModelHandle;
    readonly vision: boolean;
    readonly audio: boolean;
    readonly asked: boolean;
  }>;
  /** The bytes of each token, which may be half a character or none at all. */
  generate(model: ModelHandle, generate: NativeGenerate, onBytes: (bytes: Uint8Array) => void): Promise<NativeResult>;
  /** Ends what runs at its next token, and what waits before it begins. */
  stop(model: ModelHandle): void;
  format(model: ModelHandle, chat: NativeChat): Promise<Uint8Array>;
  reset(model: ModelHandle): Promise<void>;
  saveKvCache(model: ModelHandle, path: string): Promise<void>;
  loadKvCache(model: ModelHandle, path: string): Promise<void>;
  destroy(model: ModelHandle): Promise<void>;
  /** The process ends with this code: stops everything, and no promise is settled any more. */
  leave(code: number): void;
}

/** `undefined` where there is no addon, or none with a loader for this system. */
export function nativeNexa(): NativeNexa | undefined {
  return (loadAddon() as { nexa?: NativeNexa } | undefined)?.nexa;
}
