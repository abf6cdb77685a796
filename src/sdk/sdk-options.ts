/** The options of `NexaSDK` and its models: what is accepted, the defaults, and the sentence for the rest. It acts on nothing. */
import { LAYOUTS, type LayoutName } from '../addon/nexa-binding.ts';
import { invalidOption, MemoryGuardError } from '../core/errors.ts';
import { type ChatMessage, messagesRule, toolsRule } from './chat-messages.ts';
import {
  check,
  flag,
  integer,
  listener,
  listOf,
  number,
  oneOf,
  path,
  paths,
  type Rule,
  signal,
  text,
  texts,
  wholeText,
} from './rules.ts';
import {
  FLASH_ATTENTION,
  type FlashAttention,
  KV_CACHE_TYPES,
  type KvCacheType,
  type LogListener,
  type RuntimeName,
} from './runtime.ts';

export interface InitializeOptions {
  /**
   * `nexa` is the SDK's own library, `llama` the embedded runtime.
   * @default `nexa` where its library is found or `libraryPath` is given, else `llama`
   */
  readonly runtime?: RuntimeName;
  /** The SDK's library or the folder it lies in. @default `$GENIEX_LIB_PATH`, then the usual places */
  readonly libraryPath?: string;
  /** For a home build of the library, whose version says nothing. @default by the library's version */
  readonly layout?: LayoutName;
  /** Where models are looked for. @default `$NEXA_DATADIR`, the SDK's cache folders, then `./models` */
  readonly modelsDir?: string;
  /** Hears what the engine would print. Without it, and with the native addon, the engine is silent. */
  readonly onLog?: LogListener;
}

export interface LoadOptions {
  /** @default 'Q4_K_M' for a known model, the file itself for a path */
  readonly quantization?: string;
  /** Tokens of prompt, audio and answer together. @default 2048 */
  readonly contextSize?: number;
  /** Wins over the SDK's own. */
  readonly modelsDir?: string;
  /** @default the projector beside the model */
  readonly projectorPath?: string;
  /** @default the engine's own choice */
  readonly threads?: number;
  /** Tokens per call of the engine. @default 512 */
  readonly batchSize?: number;
  /** Tokens per graph; what the compute buffers are sized for. @default 512 */
  readonly microBatchSize?: number;
  /** @default 'f16' */
  readonly kvCacheType?: KvCacheType;
  /** @default 'auto' */
  readonly flashAttention?: FlashAttention;
  /** @default true */
  readonly mmap?: boolean;
  /** Layers that go to a GPU. @default 0 */
  readonly gpuLayers?: number;
  /** Percent of the model file that is loaded. The embedded engine blocks the thread, so calls come late. */
  readonly onProgress?: (percent: number) => void;
  /** In place of the model's own chat template. */
  readonly chatTemplate?: string;
  /** The SDK's library only: which of its plugins. @default the one for GGUF files on the CPU */
  readonly pluginId?: string;
  /** The SDK's library only: one of `devices(pluginId)`. @default none, which is the CPU */
  readonly deviceId?: string;
  /** Gives up before and between the blocking steps of a load. */
  readonly signal?: AbortSignal;
}

export interface GenerateOptions {
  /** What the user says; the model's chat template is put around it. */
  readonly prompt?: string;
  /** A whole conversation in place of `prompt`, `audio` and `images`. */
  readonly messages?: readonly ChatMessage[];
  /** Paths of WAV, MP3 or FLAC files. */
  readonly audio?: string | readonly string[];
  /** Paths of PNG, JPEG, BMP or GIF files. The SDK's library only. */
  readonly images?: string | readonly string[];
  /** Hands `prompt` to the model as it is, without a template. @default false */
  readonly raw?: boolean;
  /** For models whose template knows tools; a list, or its JSON. */
  readonly tools?: string | readonly object[];
  /** For models whose template knows it. @default the template's own choice */
  readonly thinking?: boolean;
  /** @default 512 */
  readonly maxTokens?: number;
  /** 0 always takes the likeliest token. @default the engine's own choice, as for the next two */
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  /** 1 is none. @default the engine's own choice, as for the next two */
  readonly repetitionPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  /** GBNF, as llama.cpp reads it. */
  readonly grammar?: string;
  /** The same seed gives the same text. @default random */
  readonly seed?: number;
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: string | readonly string[];
  /** Stops the engine at its next token. */
  readonly signal?: AbortSignal;
}

/** Load options with the defaults that a memory estimate relies on. */
export type Load = Readonly<Required<Pick<LoadOptions, keyof typeof LOAD_DEFAULTS>>> &
  Omit<LoadOptions, keyof typeof LOAD_DEFAULTS>;

export type Generate = Omit<GenerateOptions, 'audio' | 'images' | 'maxTokens' | 'stop'> & {
  readonly audio: readonly string[];
  readonly images: readonly string[];
  readonly maxTokens: number;
  readonly stop: readonly string[];
};

const LOAD_DEFAULTS = {
  contextSize: 2048,
  batchSize: 512,
  microBatchSize: 512,
  kvCacheType: 'f16',
  flashAttention: 'auto',
  mmap: true,
  gpuLayers: 0,
} as const satisfies LoadOptions;

const MAX_TOKENS = 512;

const INITIALIZE: Readonly<Record<keyof InitializeOptions, Rule>> = {
  runtime: oneOf(['nexa', 'llama']),
  libraryPath: path,
  layout: oneOf(LAYOUTS),
  modelsDir: path,
  onLog: listener,
};

const LOAD: Readonly<Record<keyof LoadOptions, Rule>> = {
  quantization: text,
  // llama.cpp aborts the process where a batch can't hold the two tokens of its warm-up.
  contextSize: integer(2),
  modelsDir: path,
  projectorPath: path,
  threads: integer(1, 1024),
  batchSize: integer(2),
  microBatchSize: integer(1),
  kvCacheType: oneOf(KV_CACHE_TYPES),
  flashAttention: oneOf(FLASH_ATTENTION),
  mmap: flag,
  gpuLayers: integer(0),
  onProgress: listener,
  chatTemplate: wholeText,
  pluginId: wholeText,
  deviceId: wholeText,
  signal,
};

const GENERATE: Readonly<Record<keyof GenerateOptions, Rule>> = {
  prompt: wholeText,
  messages: messagesRule,
  audio: paths,
  images: paths,
  raw: flag,
  tools: toolsRule,
  thinking: flag,
  maxTokens: integer(1),
  temperature: number(0),
  topK: integer(1),
  topP: number(0, 1),
  minP: number(0, 1),
  repetitionPenalty: number(0.1, 10),
  presencePenalty: number(-10, 10),
  frequencyPenalty: number(-10, 10),
  grammar: wholeText,
  seed: integer(0),
  stop: texts,
  signal,
};

export function readInitializeOptions(given: unknown): InitializeOptions {
  const options = check<InitializeOptions>(given, INITIALIZE, 'initialize');
  const { runtime, libraryPath, layout } = options;
  if (runtime === 'llama' && (libraryPath ?? layout) !== undefined) {
    const name = libraryPath === undefined ? 'layout' : 'libraryPath';
    throw new MemoryGuardError(
      'ERR_INVALID_OPTION',
      `\`${name}\` is of the SDK's library, but \`runtime\` is 'llama'.`,
    );
  }
  return options;
}

export function readLoadOptions(given: unknown): Load {
  const load: Load = { ...LOAD_DEFAULTS, ...check<LoadOptions>(given, LOAD, 'loadModel') };
  if (load.microBatchSize > load.batchSize) {
    throw invalidOption('microBatchSize', `at most \`batchSize\` (${load.batchSize})`, load.microBatchSize);
  }
  return load;
}

export function readGenerateOptions(given: unknown): Generate {
  const { audio, images, stop, ...rest } = check<GenerateOptions>(given, GENERATE, 'generate');
  const { prompt, messages, raw } = rest;
  if (prompt === undefined && messages === undefined) throw invalidOption('prompt', wholeText.expected, undefined);
  const others = { prompt, audio, images, ...(raw && { raw }) };
  const beside = Object.entries(others).find(([, value]) => messages !== undefined && value !== undefined)?.[0];
  if (beside) throw clash(`\`${beside}\` stands beside \`messages\`, which are the whole conversation`);
  if (raw && (rest.tools ?? rest.thinking ?? audio ?? images) !== undefined) {
    throw clash('`raw` goes without a template, so tools, thinking and media have no place in it');
  }
  return {
    maxTokens: MAX_TOKENS,
    ...rest,
    audio: listOf(audio) as string[],
    images: listOf(images) as string[],
    stop: listOf(stop) as string[],
  };
}

function clash(what: string): MemoryGuardError {
  return new MemoryGuardError('ERR_INVALID_OPTION', `${what}; leave one of them out.`);
}
