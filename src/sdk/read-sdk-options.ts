/** Reads the options of `NexaSDK` and its models: the check of each, the defaults, and what can't stand together. It acts on nothing. */
import { ON_KILLED } from '../adapters/adapter.ts';
import { DEFAULT_CONTEXT_RANGE } from '../adapters/default-adapter.ts';
import { LAYOUTS } from '../addon/nexa-binding.ts';
import { MAX_AUDIO_SECONDS } from '../core/audio-bytes.ts';
import { invalidOption, MemoryGuardError } from '../core/errors.ts';
import {
  abortSignal,
  type Checks,
  callback,
  flag,
  nativeText,
  numberFrom,
  oneOf,
  oneOrMore,
  path,
  text,
  validate,
  wholeNumber,
} from '../core/validate.ts';
import { checkMessages, checkTools } from './chat-messages.ts';
import { checkGrammar } from './check-grammar.ts';
import { checkTemplate } from './check-template.ts';
import { FLASH_ATTENTION, KV_CACHE_TYPES, type LogListener } from './runtime.ts';
import { type GenerateOptions, type InitializeOptions, ISOLATIONS, type LoadOptions } from './sdk-options.ts';

/** Load options with the defaults that a memory estimate relies on. */
export type ResolvedLoadOptions = Readonly<Required<Pick<LoadOptions, keyof typeof LOAD_DEFAULTS>>> &
  Omit<LoadOptions, keyof typeof LOAD_DEFAULTS>;

/** Generate options in which one path or text is a list of one. */
export interface ResolvedGenerateOptions extends Omit<GenerateOptions, 'audio' | 'images' | 'stop'> {
  readonly audio: readonly string[];
  readonly images: readonly string[];
  readonly stop: readonly string[];
  readonly maxTokens: number;
}

/** What a chat template may be told. */
export type TemplateOptions = Pick<GenerateOptions, 'tools' | 'thinking'>;

const LOAD_DEFAULTS = {
  contextSize: DEFAULT_CONTEXT_RANGE.min,
  batchSize: 512,
  microBatchSize: 512,
  kvCacheType: 'f16',
  flashAttention: 'auto',
  mmap: true,
  gpuLayers: 0,
} as const satisfies LoadOptions;

const GENERATE_DEFAULTS = { audio: [], images: [], stop: [], maxTokens: 512 } as const satisfies GenerateOptions;

const seconds = numberFrom(1, MAX_AUDIO_SECONDS);

const INITIALIZE_CHECKS: Checks<InitializeOptions> = {
  runtime: oneOf('nexa', 'llama'),
  libraryPath: path,
  layout: oneOf(...LAYOUTS),
  modelsDir: path,
  onLog: callback<LogListener>,
  isolation: oneOf(...ISOLATIONS),
  onKilled: oneOf(...ON_KILLED),
  containment: oneOf('auto', 'off'),
  maxAudioSeconds: seconds,
  maxImagePixels: wholeNumber(1),
  childPath: path,
};

const LOAD_CHECKS: Checks<LoadOptions> = {
  quantization: text,
  // llama.cpp aborts the process if a batch can't hold the two tokens of its warm-up.
  contextSize: wholeNumber(2),
  modelsDir: path,
  projectorPath: path,
  threads: wholeNumber(1, 1024),
  batchSize: wholeNumber(2),
  microBatchSize: wholeNumber(1),
  kvCacheType: oneOf(...KV_CACHE_TYPES),
  flashAttention: oneOf(...FLASH_ATTENTION),
  mmap: flag,
  gpuLayers: wholeNumber(0),
  maxAudioSeconds: seconds,
  maxImagePixels: wholeNumber(1),
  onProgress: callback<(percent: number) => void>,
  chatTemplate: checkTemplate,
  pluginId: nativeText,
  deviceId: nativeText,
  signal: abortSignal,
};

const paths = oneOrMore(path, 'a path or a list of paths');

const GENERATE_CHECKS: Checks<ResolvedGenerateOptions> = {
  prompt: nativeText,
  messages: checkMessages,
  audio: paths,
  images: paths,
  raw: flag,
  tools: checkTools,
  thinking: flag,
  maxTokens: wholeNumber(1),
  truncate: flag,
  temperature: numberFrom(0),
  topK: wholeNumber(1),
  topP: numberFrom(0, 1),
  minP: numberFrom(0, 1),
  repetitionPenalty: numberFrom(0.1, 10),
  presencePenalty: numberFrom(-10, 10),
  frequencyPenalty: numberFrom(-10, 10),
  grammar: checkGrammar,
  seed: wholeNumber(0),
  stop: oneOrMore(text, 'a text or a list of texts'),
  signal: abortSignal,
};

const TEMPLATE_CHECKS: Checks<TemplateOptions> = { tools: checkTools, thinking: flag };

/** @throws MemoryGuardError `ERR_INVALID_OPTION` */
export function readInitializeOptions(given: unknown): InitializeOptions {
  const options: InitializeOptions = validate<InitializeOptions>(given, INITIALIZE_CHECKS, 'initialize');
  const { runtime, libraryPath, layout } = options;
  if (runtime === 'llama' && (libraryPath ?? layout) !== undefined) {
    const name = libraryPath === undefined ? 'layout' : 'libraryPath';
    throw new MemoryGuardError(
      'ERR_INVALID_OPTION',
      `\`${name}\` is an option of the SDK's library, but \`runtime\` is 'llama'.`,
    );
  }
  return options;
}

/** @throws MemoryGuardError `ERR_INVALID_OPTION` */
export function readLoadOptions(given: unknown): ResolvedLoadOptions {
  const options: ResolvedLoadOptions = {
    ...LOAD_DEFAULTS,
    ...validate<LoadOptions>(given, LOAD_CHECKS, 'loadModel'),
  };
  if (options.microBatchSize > options.batchSize) {
    throw invalidOption('microBatchSize', `at most \`batchSize\` (${options.batchSize})`, options.microBatchSize);
  }
  return options;
}

/** @throws MemoryGuardError `ERR_INVALID_OPTION` */
export function readGenerateOptions(given: unknown): ResolvedGenerateOptions {
  const options = validate<ResolvedGenerateOptions>(given, GENERATE_CHECKS, 'generate');
  const { prompt, messages, audio, images, raw, tools, thinking } = options;
  if (prompt === undefined && messages === undefined) {
    throw invalidOption('prompt', 'a text that is not empty', undefined);
  }
  const others = { prompt, audio, images, ...(raw && { raw }) };
  const beside = Object.entries(others).find(([, value]) => messages !== undefined && value !== undefined)?.[0];
  if (beside) throw clash(`\`${beside}\` stands beside \`messages\`, which are the whole conversation`);
  if (raw && (tools ?? thinking ?? audio ?? images) !== undefined) {
    throw clash('`raw` goes without a template, so tools, thinking and media have no place in it');
  }
  return { ...GENERATE_DEFAULTS, ...options };
}

/** @throws MemoryGuardError `ERR_INVALID_OPTION` */
export function readTemplateOptions(given: unknown): TemplateOptions {
  return validate<TemplateOptions>(given, TEMPLATE_CHECKS, 'applyChatTemplate');
}

function clash(what: string): MemoryGuardError {
  return new MemoryGuardError('ERR_INVALID_OPTION', `${what}; leave one of them out.`);
}
