/** The options of `NexaSDK` and its models: what is accepted, the defaults, and the sentence for the rest. It acts on nothing. */
import { invalidOption, MemoryGuardError } from '../errors.ts';
import {
  FLASH_ATTENTION,
  type FlashAttention,
  KV_CACHE_TYPES,
  type KvCacheType,
  type LogListener,
  type RuntimeName,
} from './runtime.ts';

export interface InitializeOptions {
  /** @default 'llama', the runtime that this package brings */
  readonly runtime?: RuntimeName;
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
  /** Gives up before and between the blocking steps of a load. */
  readonly signal?: AbortSignal;
}

export interface GenerateOptions {
  readonly prompt: string;
  /** Paths of WAV, MP3 or FLAC files. */
  readonly audio?: string | readonly string[];
  /** @default 512 */
  readonly maxTokens?: number;
  /** 0 always takes the likeliest token. @default the engine's own choice, as for the next two */
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
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

export type Generate = Omit<GenerateOptions, 'audio' | 'maxTokens' | 'stop'> & {
  readonly audio: readonly string[];
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
const INT32_MAX = 2 ** 31 - 1;

interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

const text: Rule = { expected: 'a text that is not empty', accepts: isText };
const path: Rule = { expected: 'a path', accepts: (value) => isText(value) && !value.includes('\0') };
const paths: Rule = { expected: 'a path or a list of paths', accepts: (value) => listOf(value).every(path.accepts) };
const texts: Rule = { expected: 'a text or a list of texts', accepts: (value) => listOf(value).every(isText) };
const flag: Rule = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };
const listener: Rule = { expected: 'a function', accepts: (value) => typeof value === 'function' };
const signal: Rule = { expected: 'an AbortSignal', accepts: (value) => value instanceof AbortSignal };

const INITIALIZE: Readonly<Record<keyof InitializeOptions, Rule>> = {
  runtime: oneOf(['nexa', 'llama']),
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
  signal,
};

const GENERATE: Readonly<Record<keyof GenerateOptions, Rule>> = {
  prompt: text,
  audio: paths,
  maxTokens: integer(1),
  temperature: number(0),
  topK: integer(1),
  topP: number(0, 1),
  seed: integer(0),
  stop: texts,
  signal,
};

export function readInitializeOptions(given: unknown): InitializeOptions {
  return check(given, INITIALIZE, 'initialize');
}

export function readLoadOptions(given: unknown): Load {
  const load: Load = { ...LOAD_DEFAULTS, ...check<LoadOptions>(given, LOAD, 'loadModel') };
  if (load.microBatchSize > load.batchSize) {
    throw invalidOption('microBatchSize', `at most \`batchSize\` (${load.batchSize})`, load.microBatchSize);
  }
  return load;
}

export function readGenerateOptions(given: unknown): Generate {
  const { audio, stop, ...rest } = check<GenerateOptions>(given, GENERATE, 'generate');
  if (rest.prompt === undefined) throw invalidOption('prompt', text.expected, undefined);
  return { maxTokens: MAX_TOKENS, ...rest, audio: listOf(audio) as string[], stop: listOf(stop) as string[] };
}

/** Drops options that are `undefined`, so that they don't hide a default. */
function check<T extends object>(given: unknown, rules: Readonly<Record<keyof T, Rule>>, call: string): T {
  if (given === undefined) return {} as T;
  if (typeof given !== 'object' || given === null) throw invalidOption('options', 'an object', given);
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof T] : undefined;
    if (!rule) {
      const known = Object.keys(rules).join(', ');
      throw new MemoryGuardError('ERR_INVALID_OPTION', `\`${name}\` is no option of ${call}; known are ${known}.`);
    }
    if (value === undefined) continue;
    if (!rule.accepts(value)) throw invalidOption(name, rule.expected, value);
    checked[name] = value;
  }
  return checked as T;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function oneOf(names: readonly string[]): Rule {
  return { expected: `one of ${names.join(', ')}`, accepts: (value) => names.includes(value as string) };
}

function integer(least: number, most = INT32_MAX): Rule {
  return {
    expected: `an integer from ${least} to ${most}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
  };
}

function number(least: number, most = Number.POSITIVE_INFINITY): Rule {
  return {
    expected: most === Number.POSITIVE_INFINITY ? `a number from ${least}` : `a number from ${least} to ${most}`,
    accepts: (value) => Number.isFinite(value) && (value as number) >= least && (value as number) <= most,
  };
}
