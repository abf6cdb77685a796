/**
 * What the addon's binding to the SDK's library takes and gives: its types, and the names of the layouts. It knows no options and makes no
 * sentences.
 */

/** The layouts of the structs of the SDK's library, each named for the first version that has it (native/nexa/layout.h). */
export const LAYOUTS = ['nexa-1.0', 'geniex-0.3', 'geniex-0.5'] as const;
/** The name of a layout. */
export type LayoutName = (typeof LAYOUTS)[number];

/**
 * The binding. A call with a value of another type throws a `TypeError`; every promise rejects with a `NativeFailure`. Each model has a thread of
 * its own, which does what is asked of it in order.
 */
export interface NexaBinding {
  /** Opens the library, and initializes it for its first user. `onLog` gets every line; levels are 0 trace, 1 debug, 2 info, 3 warn, 4 error. */
  open(
    path: string,
    layout?: LayoutName,
    onLog?: (level: number, text: string) => void,
  ): Promise<{ readonly library: LibraryHandle; readonly version: string; readonly layout: LayoutName }>;
  /** Releases the library. Models that are loaded keep it initialized until they are destroyed. */
  close(library: LibraryHandle): Promise<void>;
  plugins(library: LibraryHandle): Promise<readonly string[]>;
  devices(library: LibraryHandle, pluginId: string): Promise<readonly { readonly id: string; readonly name: string }[]>;
  /** Loads a model. `asked` is false if the library has no call that says what its projector is for. */
  load(
    library: LibraryHandle,
    load: NativeLoad,
  ): Promise<{
    readonly model: ModelHandle;
    readonly vision: boolean;
    readonly audio: boolean;
    readonly asked: boolean;
  }>;
  /** Generates a text. `onBytes` gets the bytes of each token, which may be half a character or none at all. */
  generate(model: ModelHandle, generate: NativeGenerate, onBytes: (bytes: Uint8Array) => void): Promise<NativeResult>;
  /** Ends the text that is generated now at its next token, and those that wait before they begin. */
  stop(model: ModelHandle): void;
  /** Applies the model's chat template. The result is bytes because it need not be valid UTF-8. */
  format(model: ModelHandle, chat: NativeChat): Promise<Uint8Array>;
  reset(model: ModelHandle): Promise<void>;
  /** Writes a file, and tells what it holds. */
  saveKvCache(model: ModelHandle, path: string): Promise<HeldText>;
  /** `held` is what `saveKvCache` told of the file. */
  loadKvCache(model: ModelHandle, path: string, held: HeldText): Promise<void>;
  /** Destroys the model after what was asked of it so far. */
  destroy(model: ModelHandle): Promise<void>;
  /** Says that the process ends with this code: everything is stopped, and no promise is settled any more. */
  leave(code: number): void;
}

/** What a KV cache holds. */
export interface HeldText {
  /** The prompt and the answer; bytes because they need not be valid UTF-8. */
  readonly text: Uint8Array;
  readonly tokens: number;
}

/** A library or a model as the addon knows it. If a handle is collected, the addon releases what it stands for. */
export type LibraryHandle = { readonly brand: unique symbol };
export type ModelHandle = { readonly brand: unique symbol };

/** What every promise of the binding rejects with. */
export interface NativeFailure {
  /** The library's function, for example `geniex_llm_create`; empty if the library was not called. */
  readonly call: string;
  readonly code: number;
  /** The library's words for the code; or one word that says why it was not called, for example `disposed`. */
  readonly text: string;
  /** What the library logged last; or what that one word is about, for example a path. */
  readonly detail: string;
}

/** What a model is loaded with. A number that is 0 or absent is left to the library. */
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
  /** Whether the model puts a token before every prompt; absent if that isn't known. */
  readonly addsBos?: boolean | undefined;
  /** Texts of the tokens that a prompt is cut at first, such as `<|im_start|>`. */
  readonly specialTokens: readonly string[];
}

/** A conversation, for the model's chat template. */
export interface NativeChat {
  /** Without messages, `prompt` goes to the model as it is. */
  readonly messages?: readonly NativeMessage[] | undefined;
  /** JSON. */
  readonly tools?: string | undefined;
  readonly thinking?: boolean | undefined;
}

export interface NativeMessage {
  readonly role: string;
  /** `type` is `text`, `image` or `audio`; `text` is the path of a file for the last two. */
  readonly parts: readonly { readonly type: string; readonly text: string }[];
}

/** How tokens are chosen. A number that is 0 or absent is left to the library, except `seed`. */
export interface NativeSampling {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly grammar?: string;
  /** -1, or an absent one, is a random seed. */
  readonly seed?: number;
}

/** What a text is generated from, and how. */
export interface NativeGenerate extends NativeChat, NativeSampling {
  readonly prompt: string;
  readonly maxTokens: number;
  /** Whether the library may drop the start of a prompt that is longer than the context. */
  readonly truncate?: boolean | undefined;
  /** Texts that end the result. The addon finds them, however tokens cut them apart. */
  readonly stop: readonly string[];
  /** Absolute paths, in the order of the conversation. */
  readonly audio: readonly string[];
  readonly images: readonly string[];
}

/**
 * How a text ended, and what the library measured: microseconds and tokens. If the text was stopped, `generatedTokens` counts the tokens that came.
 * An optional figure is absent if the layout does not have it.
 */
export interface NativeResult {
  /** The library's word: `eos`, `length`, `user`, `stop_sequence`, `context_length`, or empty. */
  readonly stopReason: string;
  /** Whether a stop text ended it. */
  readonly matched: boolean;
  /** Whether `stop()` ended it. */
  readonly stopped: boolean;
  /** Whether it ended because the context is full. */
  readonly contextFull: boolean;
  /** Whether the start of the prompt was dropped. */
  readonly truncated: boolean;
  readonly firstTokenUs: number;
  readonly promptUs: number;
  readonly decodeUs: number;
  /** Of the whole prompt. */
  readonly promptTokens: number;
  /** Tokens of these that the context held already. */
  readonly reusedTokens: number;
  readonly generatedTokens: number;
  readonly mediaUs?: number;
  readonly audioUs?: number;
  readonly draftTokens?: number;
  readonly acceptedDraftTokens?: number;
}
