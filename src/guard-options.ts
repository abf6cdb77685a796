/** The options of a guard: their defaults, and what is refused about them. It acts on nothing. */
import type { Adapter } from './adapters/adapter.ts';
import { completeAdapter } from './adapters/default-adapter.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { copyOptions, readOption } from './core/copy-options.ts';
import { invalidOption, MemoryGuardError } from './core/errors.ts';
import { checkLadderStep, DEFAULT_FLOOR, type LadderStep } from './core/quantizations.ts';
import type { SensorReading } from './core/types.ts';
import {
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
import type { Logger } from './events/publish-event.ts';
import type { CalibrationOption } from './footprint/calibration-option.ts';
import type { OnLedgerFailure } from './ledger/ledger-failure.ts';
import type { LedgerOption } from './ledger/open-ledger.ts';
import type { EvictChoice, LoadSettings } from './loading/load-settings.ts';
import type { EdgeRules } from './monitor/status-edges.ts';
import { DEFAULT_WARNING_FACTOR } from './policy/memory-status.ts';

/** Options of `withMemoryGuard`. Sizes are bytes or a text such as "512 MiB". */
export interface GuardOptions {
  /** `observe` changes and refuses nothing; it only reports. @default 'enforce' */
  readonly mode?: 'enforce' | 'observe';
  /** Free bytes to keep. @default a sixteenth of the total, 64 to 512 MiB; of Qwen2-Audio the quantization's own: 768 MiB for Q5_K_M, else 512 MiB */
  readonly minFreeBytes?: number | string;
  /**
   * Share of the total that must stay available after a load, 0 to 1. @default 0.25, for other models than Qwen2-Audio at most as much as the
   * load takes or is to be kept free
   */
  readonly minFreeRatioAfterLoad?: number;
  /** `warning` below this many times the bytes to keep free. @default 2 */
  readonly warningFactor?: number;
  /** Try smaller quantizations if the asked one doesn't fit. @default true */
  readonly downgrade?: boolean;
  /**
   * The last step of the ladder that a load may go down to. A quantization below it is loaded only if it is asked for by name or path.
   *
   * @default 'Q4_0'
   */
  readonly floor?: LadderStep;
  /**
   * Which promises count: those of this process, or of all processes that meet in a directory: this user's, or one that
   * containers share. @default 'shared', 'process' with a replaced sensor
   */
  readonly ledger?: LedgerOption;
  /**
   * What happens to loads while the ledger can't be used although there is one, so that nobody knows what other processes hold. `refuse`: they end
   * with `ERR_LEDGER`, and where the addon is missing, as in a bundle, no guard can be made. `alone`: this process and what the others told last
   * count. Where no ledger can exist, or the addon was turned off, `alone` is what happens. @default 'refuse'
   */
  readonly onLedgerFailure?: OnLedgerFailure;
  /**
   * `idle`: to admit a load, unload guarded models that are idle and not pinned: of the sets that free enough the one that costs least,
   * each model by how often it was used of late and how long its load took. A function chooses among them itself. @default 'never'
   */
  readonly evict?: 'never' | 'idle' | EvictChoice;
  /**
   * How long a model stays after its load, in milliseconds, before it is evicted for memory: sooner only if all others are not enough, and not
   * for a load that may wait until half of its time is over. @default 30000
   */
  readonly minResidencyMs?: number;
  /** Load a model again that was evicted, when it is used. Without it that is `ERR_MODEL_EVICTED`. @default false */
  readonly reload?: boolean;
  /** Unload models that are idle for so many milliseconds and not pinned. @default never */
  readonly keepAliveMs?: number;
  /** Drop the page cache of an unloaded model's files: the next load reads them from disk again. @default false */
  readonly dropPageCache?: boolean;
  /** Loads that may run at the same time. One that is not done after 30 s is no longer counted: it may never be. @default 1 */
  readonly maxConcurrentLoads?: number;
  /** Count free swap as memory. @default false */
  readonly swap?: boolean;
  /** How far above a threshold free memory must rise before the status gets better, as a share of it. @default 0.05 */
  readonly hysteresisRatio?: number;
  /** How long it must stay there, in milliseconds. @default 1000 */
  readonly dwellMs?: number;
  /** If the lines go that `NODE_DEBUG=nexa-memory-guard` prints to stderr. @default none */
  readonly logger?: Logger;
  /** Ask the engine itself what a load takes, in a process of its own, before our own arithmetic. @default true */
  readonly askEngine?: boolean;
  /** What happens to a model whose needs nobody knows. @default 'refuse' */
  readonly unknownModels?: 'refuse' | 'admit';
  /**
   * What is said of a model that is known by name, such as `qwen2audio`, if the SDK keeps its files to itself. `shape`: what its published shape
   * needs, with KV cache, buffers and projector. `table`: the documented table's numbers, which count weights only. @default 'shape'
   */
  readonly knownModels?: 'shape' | 'table';
  /**
   * Where it is kept what loads really took, which corrects the next estimate of the same load: `${XDG_CACHE_HOME:-~/.cache}/nexa-memory-guard`,
   * which all programs of this user share, or a folder of one's own. `off` keeps and reads nothing. @default 'shared'
   */
  readonly calibration?: CalibrationOption;
  /** What happens to a load while memory can't be read. @default 'refuse' */
  readonly onSensorFailure?: 'refuse' | 'admit';
  /** How to read the SDK's arguments and which of its methods unload. @default the way of NexaSDK */
  readonly adapter?: Partial<Adapter>;
  /** Replaces the machine: every rule can be tried without its memory. */
  readonly sensor?: () => SensorReading;
  /** Replaces time. */
  readonly clock?: Clock;
}

/** Guard options with every default filled in. */
export interface GuardSettings extends LoadSettings, EdgeRules {
  readonly minFreeRatioAfterLoad: number | undefined;
  readonly ledger: LedgerOption;
  readonly onLedgerFailure: OnLedgerFailure;
  readonly calibration: CalibrationOption;
  readonly keepAliveMs: number | undefined;
  readonly dropPageCache: boolean;
  readonly askEngine: boolean;
  readonly swap: boolean;
  readonly logger: Logger | undefined;
  readonly adapter: Adapter | undefined;
  readonly sensor: (() => SensorReading) | undefined;
  readonly clock: Clock;
}

const DEFAULTS: GuardSettings = {
  mode: 'enforce',
  minFreeBytes: undefined,
  minFreeRatioAfterLoad: undefined,
  warningFactor: DEFAULT_WARNING_FACTOR,
  downgrade: true,
  floor: DEFAULT_FLOOR,
  ledger: 'shared',
  onLedgerFailure: 'refuse',
  evict: 'never',
  minResidencyMs: 30_000,
  reload: false,
  keepAliveMs: undefined,
  dropPageCache: false,
  askEngine: true,
  maxConcurrentLoads: 1,
  swap: false,
  hysteresisRatio: 0.05,
  dwellMs: 1000,
  unknownModels: 'refuse',
  knownModels: 'shape',
  calibration: 'shared',
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
  floor: checkLadderStep,
  ledger: checkLedger,
  onLedgerFailure: oneOf('refuse', 'alone'),
  evict: checkEvict,
  minResidencyMs: wholeNumber(0),
  reload: flag,
  keepAliveMs: wholeNumber(1),
  dropPageCache: flag,
  askEngine: flag,
  maxConcurrentLoads: wholeNumber(1, 1024),
  swap: flag,
  hysteresisRatio: numberFrom(0, 1),
  dwellMs: wholeNumber(0, 3_600_000),
  unknownModels: oneOf('refuse', 'admit'),
  knownModels: oneOf('shape', 'table'),
  calibration: checkCalibration,
  onSensorFailure: oneOf('refuse', 'admit'),
  logger: objectOf<Logger>('a logger such as `console`'),
  adapter: checkAdapter,
  sensor: callback<() => SensorReading>,
  clock: checkClock,
};

/**
 * Checks every option and fills in the defaults.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`, `ERR_UNKNOWN_QUANTIZATION`
 */
export function readGuardOptions(
  options: unknown,
  maker: 'withMemoryGuard' | 'createMemoryGuard' = 'withMemoryGuard',
): GuardSettings {
  const checks = maker === 'withMemoryGuard' ? CHECKS : { ...CHECKS, adapter: refuseAdapter };
  return { ...DEFAULTS, ...validate<GuardSettings>(options, checks, maker) };
}

function refuseAdapter(): never {
  const message =
    '`createMemoryGuard` knows no SDK yet, and so takes no `adapter`; pass it to `guard.wrap(sdk, adapter)`.';
  throw new MemoryGuardError('ERR_INVALID_OPTION', message);
}

const ADAPTER_FUNCTIONS = [
  'readRequest',
  'withQuantization',
  'withShape',
  'listOffers',
  'findEngine',
  'listFiles',
  'hasFilledMicroBatch',
  'adaptContext',
  'isBusy',
  'onEnd',
  'isInference',
  'hasAudio',
  'countCallAudio',
  'measureCall',
] as const satisfies readonly (keyof Adapter)[];

/** What an adapter leaves out is done in the usual way. It may be an object of a class. */
export function checkAdapter(value: unknown, name: string): Adapter {
  const given = completeAdapter(objectOf<Partial<Adapter>>('an adapter')(value, name));
  for (const key of ADAPTER_FUNCTIONS) {
    if (given[key] !== undefined) callback(given[key], `${name}.${key}`);
  }
  const sdkDisposers = copyOptions(
    objectOf<object>('{ all?, one? }')(given.sdkDisposers, `${name}.sdkDisposers`),
    `${name}.sdkDisposers`,
    ['all', 'one'],
  );
  return Object.assign(given, {
    disposers: readMethodNames(given.disposers, `${name}.disposers`),
    sdkDisposers: {
      all: readMethodNames(sdkDisposers['all'] ?? [], `${name}.sdkDisposers.all`),
      one: readMethodNames(sdkDisposers['one'] ?? [], `${name}.sdkDisposers.one`),
    },
  });
}

function readMethodNames(value: unknown, name: string): readonly PropertyKey[] {
  const isName = (each: unknown) => typeof each === 'string' || typeof each === 'symbol';
  const names = readOption(name, () => (Array.isArray(value) ? [...value] : undefined));
  if (!names?.every(isName)) throw invalidOption(name, 'a list of names of methods', value);
  return names;
}

function checkEvict(value: unknown, name: string): GuardSettings['evict'] {
  if (value === 'never' || value === 'idle') return value;
  if (typeof value === 'function') return value as EvictChoice;
  throw invalidOption(name, "'never', 'idle' or a function that chooses", value);
}

function checkLedger(value: unknown, name: string): LedgerOption {
  if (value === 'process' || value === 'shared') return value;
  const given = objectOf<object>("'process', 'shared' or { directory }")(value, name);
  const { directory } = copyOptions(given, name, ['directory']);
  return { directory: absolutePath(directory, `${name}.directory`) };
}

function checkCalibration(value: unknown, name: string): CalibrationOption {
  if (value === 'shared' || value === 'off') return value;
  const given = objectOf<object>("'shared', 'off' or { directory }")(value, name);
  const { directory } = copyOptions(given, name, ['directory']);
  return { directory: absolutePath(directory, `${name}.directory`) };
}

function checkClock(value: unknown, name: string): Clock {
  const given = objectOf<Clock>('a clock { nowMs, schedule }')(value, name);
  const { nowMs, schedule } = copyOptions(given, name, ['nowMs', 'schedule']);
  callback(nowMs, `${name}.nowMs`);
  callback(schedule, `${name}.schedule`);
  return given;
}
