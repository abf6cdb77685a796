/** The `memoryGuard` part of one load: what is accepted, the defaults, and how it is used. It acts on nothing. */
import { parseBytes } from '../core/bytes.ts';
import { changeOptions, copyOptions, isPlainObject } from '../core/copy-options.ts';
import { invalidOption } from '../core/errors.ts';
import { checkLadderStep, type LadderStep } from '../core/quantizations.ts';
import type { LoadNeed } from '../core/types.ts';
import { abortSignal, type Checks, flag, validate, wholeNumber } from '../core/validate.ts';

/** What a model takes, if you know better: a size (all of it anonymous), or mapped and anonymous bytes apart. */
export type GivenFootprint =
  | number
  | string
  | { readonly mappedBytes: number | string; readonly anonymousBytes: number | string };

/** `memoryGuard` in the options of one load. It never reaches the SDK. */
export interface LoadGuardOptions {
  /** Overrides the guard's `downgrade` for this load. */
  readonly downgrade?: boolean;
  /**
   * Overrides the guard's `floor` for this load. One that lies above the quantization that is asked for is `ERR_INVALID_OPTION`.
   */
  readonly floor?: LadderStep;
  /** Load even if the rules refuse it. Visible in the event. @default false */
  readonly force?: boolean;
  /**
   * The model's footprint, or a function that gives it per quantization. It goes before file, shape and table. If such a load was seen to take
   * more, that counts.
   */
  readonly footprint?: GivenFootprint | ((quantization: LadderStep | undefined) => GivenFootprint);
  /** Never evict this model. @default false */
  readonly pin?: boolean;
  /** Wait until the load fits instead of being refused: `true`, or for how many milliseconds. @default false; `timeoutMs` 60000 */
  readonly wait?: boolean | { readonly timeoutMs?: number };
  /** Gives up while the load still waits, for its turn or for memory. */
  readonly signal?: AbortSignal;
}

/** One load's own choices, checked. */
export interface LoadChoices {
  /** `undefined` leaves it to the guard's own `downgrade`. */
  readonly downgrade: boolean | undefined;
  /** `undefined` leaves it to the guard's own `floor`. */
  readonly floor: LadderStep | undefined;
  readonly force: boolean;
  readonly pin: boolean;
  /** The need that the caller gave for a quantization. `undefined` if none was given. */
  readonly giveNeed: ((quantization: LadderStep | undefined) => LoadNeed) | undefined;
  /** How long the load waits for memory. `undefined` if it doesn't wait. */
  readonly waitTimeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Long enough for a model to be unloaded or a call to end, short enough to hear of it. */
const DEFAULT_WAIT_TIMEOUT_MS = 60_000;

const WAIT_CHECKS: Checks<{ readonly timeoutMs?: number }> = { timeoutMs: wholeNumber(1) };

/** The options as their checks return them. */
type CheckedOptions = Omit<LoadGuardOptions, 'footprint' | 'wait'> & {
  readonly footprint?: NonNullable<LoadChoices['giveNeed']>;
  readonly wait?: number | false;
};

const CHECKS: Checks<CheckedOptions> = {
  downgrade: flag,
  floor: checkLadderStep,
  force: flag,
  footprint: checkFootprint,
  pin: flag,
  wait: checkWait,
  signal: abortSignal,
};

/**
 * Checks the `memoryGuard` part of a load.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`, `ERR_UNKNOWN_QUANTIZATION`
 */
export function readLoadChoices(options: unknown): LoadChoices {
  const {
    downgrade,
    floor,
    force = false,
    pin = false,
    footprint,
    wait,
    signal,
  } = validate<CheckedOptions>(options, CHECKS, 'loadModel', 'memoryGuard');
  return {
    downgrade,
    floor,
    force,
    pin,
    signal,
    giveNeed: footprint,
    waitTimeoutMs: wait || undefined,
  };
}

/** Arguments without signals that have fired: those ended the waiting of the load that they were given to, and no later one of it. */
export function withoutFiredSignals(args: readonly unknown[]): readonly unknown[] {
  return args.map((options) => {
    if (!isPlainObject(options)) return options;
    const given = Object.entries(options);
    const fired = given.filter(([, value]) => value instanceof AbortSignal && value.aborted).map(([name]) => name);
    const inner = given.filter(([name, value]) => name === 'memoryGuard' && isPlainObject(value));
    const changes = inner.map(([name, value]) => [name, changeOptions(value, {}, ['signal'])]);
    return changeOptions(options, Object.fromEntries(changes), fired);
  });
}

/**
 * A given footprint as a need.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function readGivenNeed(given: unknown, name = 'memoryGuard.footprint'): LoadNeed {
  const isApart = typeof given === 'object' && given !== null;
  const { mappedBytes: mapped, anonymousBytes: anonymous } = isApart
    ? copyOptions(given, name, ['mappedBytes', 'anonymousBytes'])
    : { mappedBytes: 0, anonymousBytes: given };
  const [mappedBytes, anonymousBytes] = [parseBytes(mapped), parseBytes(anonymous)];
  if (mappedBytes === undefined || anonymousBytes === undefined) {
    throw invalidOption(name, 'bytes >= 0, or { mappedBytes, anonymousBytes }', given);
  }
  return Object.freeze({ mappedBytes, anonymousBytes, basis: 'given' });
}

/** What a function gives is checked when it is called; anything else is read once, here. */
export function checkFootprint(value: unknown, name: string): NonNullable<LoadChoices['giveNeed']> {
  if (typeof value === 'function') return (quantization) => readGivenNeed(value(quantization), name);
  const need = readGivenNeed(value, name);
  return () => need;
}

/** How long the load waits, in milliseconds; false if it doesn't. */
export function checkWait(value: unknown, name: string): number | false {
  if (typeof value === 'boolean') return value && DEFAULT_WAIT_TIMEOUT_MS;
  if (typeof value !== 'object' || value === null) throw invalidOption(name, 'true, false or { timeoutMs }', value);
  return validate(value, WAIT_CHECKS, 'loadModel', name).timeoutMs ?? DEFAULT_WAIT_TIMEOUT_MS;
}
