/** All options with their defaults, and what is refused about them. It acts on nothing. */
import type { Adapter } from './adapters/adapter.ts';
import { defaultAdapter } from './adapters/default-adapter.ts';
import { parseBytes } from './core/bytes.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { describe, invalidOption, MemoryGuardError } from './core/errors.ts';
import { isQuantization, QUANTIZATIONS } from './core/quantizations.ts';
import type { LoadNeed, Quantization, SensorReading } from './core/types.ts';
import {
  abortSignal,
  absolutePath,
  type Checks,
  callback,
  flag,
  numberFrom,
  objectOf,
  oneOf,
  size,
  validate,
  wholeNumber,
} from './core/validate.ts';
import type { LedgerOption } from './ledger/open-ledger.ts';
import type { LoadedModel } from './models/loaded-model.ts';

/** Receives one line per event; `console` fits. Missing methods are skipped. */
export interface Logger {
  readonly info?: (message: string) => void;
  readonly warn?: (message: string) => void;
}

/** Chooses which of the idle models go, to free so many bytes more. */
export type EvictChoice = (idle: readonly LoadedModel[], missingBytes: number) => readonly LoadedModel[];

/** Options of `withMemoryGuard`. Sizes are bytes or a text such as "512 MiB". */
export interface GuardOptions {
  /** `observe` changes and refuses nothing; it only reports. @default 'enforce' */
  readonly mode?: 'enforce' | 'observe';
  /** Free bytes to keep. @default the quantization's own: 768 MiB for Q5_K_M, else 512 MiB */
  readonly minFreeBytes?: number | string;
  /** Share of the total that must stay available after a load, 0 to 1. @default 0.25 */
  readonly minFreeRatioAfterLoad?: number;
  /** `warning` below this many times the bytes to keep free. @default 2 */
  readonly warningFactor?: number;
  /** Try smaller quantizations where the asked one doesn't fit. @default true */
  readonly downgrade?: boolean;
  /**
   * Which promises count: those of this process, or of all processes that meet in a directory: this user's, or one that
   * containers share. @default 'shared', 'process' with a replaced sensor
   */
  readonly ledger?: LedgerOption;
  /**
   * `idle`: to admit a load, unload guarded models that are idle and not pinned, the largest first, as few as are needed.
   * A function chooses among them itself. @default 'never'
   */
  readonly evict?: 'never' | 'idle' | EvictChoice;
  /** Load a model again that was evicted, when it is used. Without it that is `ERR_MODEL_EVICTED`. @default false */
  readonly reload?: boolean;
  /** Unload models that are idle for so many milliseconds and not pinned. @default never */
  readonly keepAliveMs?: number;
  /** Drop the page cache of an unloaded model's files: the next load reads them from disk again. @default false */
  readonly dropPageCache?: boolean;
  /** Loads that may run at the same time. @default 1 */
  readonly maxConcurrentLoads?: number;
  /** Count free swap as memory. @default false */
  readonly swap?: boolean;
  /** How far above a threshold free memory must rise before the status gets better, as a share of it. @default 0.05 */
  readonly hysteresisRatio?: number;
  /** How long it must stay there, in milliseconds. @default 1000 */
  readonly dwellMs?: number;
  /** Where the lines go that `NODE_DEBUG=nexa-memory-guard` prints to stderr. @default none */
  readonly logger?: Logger;
  /** What happens to a model whose needs nobody knows. @default 'refuse' */
  readonly unknownModels?: 'refuse' | 'admit';
  /** What happens to a load while memory can't be read. @default 'refuse' */
  readonly onSensorFailure?: 'refuse' | 'admit';
  /** How to read the SDK's arguments and which of its methods unload. @default the way of NexaSDK */
  readonly adapter?: Partial<Adapter>;
  /** Replaces the machine: every rule can be tried without its memory. */
  readonly sensor?: () => SensorReading;
  /** Replaces time. */
  readonly clock?: Clock;
}

/** What a model takes, where you know better: a size (all of it anonymous), or mapped and anonymous bytes apart. */
export type GivenFootprint =
  | number
  | string
  | { readonly mappedBytes: number | string; readonly anonymousBytes: number | string };

/** `memoryGuard` in the options of one load; it never reaches the SDK. */
export interface LoadGuardOptions {
  /** Overrides the guard's `downgrade` for this load. */
  readonly downgrade?: boolean;
  /** Load even where the rules refuse; visible in the event. @default false */
  readonly force?: boolean;
  /** The model's footprint, or a function that gives it per quantization. Wins over table and file. */
  readonly footprint?: GivenFootprint | ((quantization: Quantization | undefined) => GivenFootprint);
  /** Never evict this model. @default false */
  readonly pin?: boolean;
  /** Wait until it fits instead of being refused: `true`, or for how long. @default false; `timeoutMs` 60000 */
  readonly wait?: boolean | { readonly timeoutMs?: number };
  /** Gives up while the load still waits, for its turn or for memory. */
  readonly signal?: AbortSignal;
}

/** Guard options with every default filled in. */
export interface GuardSettings {
  readonly mode: 'enforce' | 'observe';
  readonly minFreeBytes: number | undefined;
  readonly minFreeRatioAfterLoad: number;
  readonly warningFactor: number;
  readonly downgrade: boolean;
  readonly ledger: LedgerOption;
  readonly evict: 'never' | 'idle' | EvictChoice;
  readonly reload: boolean;
  readonly keepAliveMs: number | undefined;
  readonly dropPageCache: boolean;
  readonly maxConcurrentLoads: number;
  readonly swap: boolean;
  readonly hysteresisRatio: number;
  readonly dwellMs: number;
  readonly unknownModels: 'refuse' | 'admit';
  readonly onSensorFailure: 'refuse' | 'admit';
  readonly logger: Logger | undefined;
  readonly adapter: Adapter | undefined;
  readonly sensor: (() => SensorReading) | undefined;
  readonly clock: Clock;
}

const DEFAULTS: GuardSettings = {
  mode: 'enforce',
  minFreeBytes: undefined,
  minFreeRatioAfterLoad: 0.25,
  warningFactor: 2,
  downgrade: true,
  ledger: 'shared',
  evict: 'never',
  reload: false,
  keepAliveMs: undefined,
  dropPageCache: false,
  maxConcurrentLoads: 1,
  swap: false,
  hysteresisRatio: 0.05,
  dwellMs: 1000,
  unknownModels: 'refuse',
  onSensorFailure: 'refuse',
  logger: undefined,
  adapter: undefined,
  sensor: undefined,
  clock: systemClock,
};

const CHECKS: Checks<GuardSettings> = {
  mode: oneOf('enforce', 'observe'),
  minFreeBytes: size,
  minFreeRatioAfterLoad: numberFrom(0, 1),
  warningFactor: numberFrom(1, 1000),
  downgrade: flag,
  ledger: ledger,
  evict: evict,
  reload: flag,
  keepAliveMs: wholeNumber(1),
  dropPageCache: flag,
  maxConcurrentLoads: wholeNumber(1, 1024),
  swap: flag,
  hysteresisRatio: numberFrom(0, 1),
  dwellMs: wholeNumber(0, 3_600_000),
  unknownModels: oneOf('refuse', 'admit'),
  onSensorFailure: oneOf('refuse', 'admit'),
  logger: objectOf<Logger>('a logger such as `console`'),
  adapter: adapter,
  sensor: callback<() => SensorReading>,
  clock: clock,
};

const LOAD_CHECKS: Checks<LoadGuardOptions> = {
  downgrade: flag,
  force: flag,
  footprint: footprint,
  pin: flag,
  wait: wait,
  signal: abortSignal,
};

const WAIT_CHECKS: Checks<{ readonly timeoutMs?: number }> = { timeoutMs: wholeNumber(1) };

/** Long enough for a model to be unloaded or a call to end, short enough to hear of it. */
const DEFAULT_TIMEOUT_MS = 60_000;

/** Checks every option and fills in the defaults. Throws `ERR_INVALID_OPTION`. */
export function guardSettings(options: unknown): GuardSettings {
  return { ...DEFAULTS, ...validate<GuardSettings>(options, CHECKS, 'withMemoryGuard') };
}

/** Checks the `memoryGuard` part of a load. Throws `ERR_INVALID_OPTION`. */
export function loadGuardOptions(options: unknown): LoadGuardOptions {
  return validate<LoadGuardOptions>(options, LOAD_CHECKS, 'loadModel', 'memoryGuard');
}

/** A known quantization, or `ERR_UNKNOWN_QUANTIZATION`. */
export function knownQuantization(value: unknown): Quantization {
  if (isQuantization(value)) return value;
  throw new MemoryGuardError(
    'ERR_UNKNOWN_QUANTIZATION',
    `Expected \`quantization\` to be one of ${QUANTIZATIONS.join(', ')}, got ${describe(value)}.`,
  );
}

/** A given footprint as a need. Throws `ERR_INVALID_OPTION`. */
export function givenNeed(given: unknown): LoadNeed {
  const [mapped, anonymous] =
    typeof given === 'object' && given !== null && 'mappedBytes' in given && 'anonymousBytes' in given
      ? [given.mappedBytes, given.anonymousBytes]
      : [0, given];
  const [mappedBytes, anonymousBytes] = [parseBytes(mapped), parseBytes(anonymous)];
  if (mappedBytes === undefined || anonymousBytes === undefined) {
    throw invalidOption('memoryGuard.footprint', 'bytes >= 0, or { mappedBytes, anonymousBytes }', given);
  }
  return Object.freeze({ mappedBytes, anonymousBytes, basis: 'given' });
}

/** A listener of an event. */
export function listenerOption<L>(value: L): L {
  return callback(value, 'listener') as L;
}

const ADAPTER_FUNCTIONS = [
  'readRequest',
  'withQuantization',
  'withShape',
  'listOffers',
  'listFiles',
  'hasFilledMicroBatch',
  'adaptContext',
  'isBusy',
  'onEnd',
  'isInference',
  'hasAudio',
] as const satisfies readonly (keyof Adapter)[];

/** What an adapter leaves out is done in the usual way. */
function adapter(value: unknown, name: string): Adapter {
  const { sdkDisposers, ...parts } = objectOf<Partial<Adapter>>('an adapter')(value, name);
  for (const key of ADAPTER_FUNCTIONS) {
    if (parts[key] !== undefined) callback(parts[key], `${name}.${key}`);
  }
  if (sdkDisposers !== undefined) objectOf('{ all?, one? }')(sdkDisposers, `${name}.sdkDisposers`);
  return { ...defaultAdapter, ...parts, ...(sdkDisposers !== undefined && { sdkDisposers }) };
}

function evict(value: unknown, name: string): GuardSettings['evict'] {
  if (value === 'never' || value === 'idle') return value;
  if (typeof value === 'function') return value as EvictChoice;
  throw invalidOption(name, "'never', 'idle' or a function that chooses", value);
}

function ledger(value: unknown, name: string): LedgerOption {
  if (value === 'process' || value === 'shared') return value;
  return objectOf<{ readonly directory: string }>("'process', 'shared' or { directory }", ({ directory }) => ({
    directory: absolutePath(directory, `${name}.directory`),
  }))(value, name);
}

function clock(value: unknown, name: string): Clock {
  const given = objectOf<Clock>('a clock { nowMs, schedule }')(value, name);
  callback(given.nowMs, `${name}.nowMs`);
  callback(given.schedule, `${name}.schedule`);
  return given;
}

function footprint(value: unknown): NonNullable<LoadGuardOptions['footprint']> {
  if (typeof value !== 'function') givenNeed(value);
  return value as NonNullable<LoadGuardOptions['footprint']>;
}

/** How long this load waits for memory, in milliseconds; `undefined` where it doesn't wait. */
export function waitTimeoutMs({ wait }: LoadGuardOptions): number | undefined {
  if (wait === undefined || wait === false) return undefined;
  return (wait === true ? undefined : wait.timeoutMs) ?? DEFAULT_TIMEOUT_MS;
}

function wait(value: unknown, name: string): NonNullable<LoadGuardOptions['wait']> {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'object' || value === null) throw invalidOption(name, 'true, false or { timeoutMs }', value);
  return validate(value, WAIT_CHECKS, 'loadModel', name);
}
