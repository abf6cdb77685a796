/** The options of `guard.spawn`: what is accepted, and the defaults. It starts nothing. */
import { ON_KILLED, type OnKilled } from '../adapters/adapter.ts';
import { describe, invalidOption, MemoryGuardError } from '../core/errors.ts';
import { checkLadderStep } from '../core/quantizations.ts';
import {
  abortSignal,
  type Checks,
  callback,
  flag,
  nativeText,
  oneOf,
  path,
  unread,
  validate,
  wholeNumber,
} from '../core/validate.ts';
import { checkFootprint, checkWait, type LoadGuardOptions } from '../loading/load-guard-options.ts';
import type { SpawnedProgram } from './spawned-program.ts';

/** What the guard has chosen for a program. */
export interface SpawnChoice {
  /** Tokens, if `contextSize` was given. */
  readonly contextSize?: number;
  readonly modelPath?: string;
}

/**
 * Options of `guard.spawn`. Either `footprint` or `modelPath` says what the program needs; the options of one load stand beside them, as in
 * `memoryGuard`.
 */
export interface SpawnProgramOptions extends LoadGuardOptions {
  /** Names the program in events and errors. @default the command */
  readonly name?: string;
  /** Path of the GGUF file that the program loads, from which its need is estimated. */
  readonly modelPath?: string;
  /** Path of the projector that it loads with it. */
  readonly projectorPath?: string;
  /**
   * Tokens of its context, as the program is told too; of a range the guard takes the largest that fits, and gives it to `args`, which is a function
   * then. With `modelPath` only. @default 4096, or if `args` is a function 2048 to 4096
   */
  readonly contextSize?: number | { readonly min: number; readonly max: number };
  /** Working directory of the program. @default that of this process */
  readonly cwd?: string;
  /** Its environment. @default that of this process */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Its input and output, as Node's `spawn` takes it. @default ['ignore', 'inherit', 'inherit'] */
  readonly stdio?: 'inherit' | 'ignore' | 'pipe' | readonly ('inherit' | 'ignore' | 'pipe' | number)[];
  /** Resolves when the program serves; until then its load goes on. The signal aborts if it ends before. @default it serves once it was started */
  readonly ready?: (program: SpawnedProgram, signal: AbortSignal) => unknown;
  /** It is stopped after so long without a `use`. @default never */
  readonly keepAliveMs?: number;
  /** After `SIGTERM` it has so long to end. @default 10000 */
  readonly stopTimeoutMs?: number;
  /** What the next `use` does after it was killed. @default 'fail' */
  readonly onKilled?: OnKilled;
  /** 'auto': it gets a limit of its own from the system, where that can be had. @default 'auto' */
  readonly containment?: 'auto' | 'off';
}

/** One program to be started, checked. */
export interface SpawnCall {
  readonly command: string;
  readonly args: readonly string[] | ((chosen: SpawnChoice) => readonly string[]);
  readonly options: Omit<SpawnProgramOptions, 'name' | 'stopTimeoutMs'> & {
    readonly name: string;
    readonly stopTimeoutMs: number;
  };
  /** What `args` is told, if it is a function. */
  readonly chosen: SpawnChoice;
}

const DEFAULT_CONTEXT_SIZE = 4096;
const DEFAULT_STOP_TIMEOUT_MS = 10_000;

/** What the guard reads by itself, as of any load, and calls it so. */
const asItIs = (value: unknown): never => value as never;

const CHECKS: Checks<SpawnProgramOptions> = {
  name: nativeText,
  modelPath: path,
  projectorPath: path,
  contextSize: asItIs,
  cwd: path,
  env: checkEnvironment,
  stdio: checkStdio,
  ready: callback<NonNullable<SpawnProgramOptions['ready']>>,
  keepAliveMs: wholeNumber(1),
  stopTimeoutMs: wholeNumber(0),
  onKilled: oneOf(...ON_KILLED),
  containment: oneOf('auto', 'off'),
  downgrade: flag,
  floor: checkLadderStep,
  force: flag,
  pin: flag,
  footprint: unread(checkFootprint),
  wait: unread(checkWait),
  signal: abortSignal,
};

/** @throws MemoryGuardError `ERR_INVALID_OPTION` */
export function readSpawnCall(command: unknown, args: unknown, given: unknown): SpawnCall {
  const options = validate<SpawnProgramOptions>(given, CHECKS, 'spawn');
  if (options.footprint === undefined && options.modelPath === undefined) {
    const message =
      '`spawn` was told neither `footprint` nor `modelPath`; pass what the program needs, or the GGUF file that it loads.';
    throw new MemoryGuardError('ERR_INVALID_OPTION', message);
  }
  const checked = nativeText(command, 'command');
  const list = checkArguments(args);
  const { modelPath, contextSize, name = checked, stopTimeoutMs = DEFAULT_STOP_TIMEOUT_MS } = options;
  const told = typeof list === 'function';
  if (!told && typeof contextSize === 'object') {
    throw invalidOption(
      'contextSize',
      'a number if `args` is a list: only a function hears which one was chosen',
      contextSize,
    );
  }
  const shape = modelPath !== undefined && !told && { contextSize: contextSize ?? DEFAULT_CONTEXT_SIZE };
  const chosen = modelPath === undefined ? {} : { modelPath };
  return { command: checked, args: list, options: { ...options, ...shape, name, stopTimeoutMs }, chosen };
}

/**
 * What the function `args` gave.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function checkGivenArguments(given: unknown): readonly string[] {
  if (isListOfTexts(given)) return given;
  throw invalidOption('args', 'a function that gives a list of texts', given);
}

function checkArguments(args: unknown): SpawnCall['args'] {
  if (typeof args === 'function') return args as SpawnCall['args'];
  if (isListOfTexts(args)) return Object.freeze([...args]);
  throw invalidOption('args', 'a list of texts, or a function that gives one', args);
}

/** A zero ends a text where the system takes it. */
function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && !each.includes('\0'));
}

function checkEnvironment(value: unknown, name: string): NonNullable<SpawnProgramOptions['env']> {
  if (typeof value === 'object' && value !== null) return value as NonNullable<SpawnProgramOptions['env']>;
  throw invalidOption(name, 'an object of texts', value);
}

function checkStdio(value: unknown, name: string): NonNullable<SpawnProgramOptions['stdio']> {
  const isOne = (each: unknown) => each === 'inherit' || each === 'ignore' || each === 'pipe';
  const isList = Array.isArray(value) && value.every((each) => isOne(each) || typeof each === 'number');
  if (isOne(value) || isList) return value as NonNullable<SpawnProgramOptions['stdio']>;
  throw new MemoryGuardError(
    'ERR_INVALID_OPTION',
    `Expected \`${name}\` to be 'inherit', 'ignore', 'pipe' or a list of them and of descriptors, got ${describe(value)}.`,
  );
}
