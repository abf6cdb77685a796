/** What `guard.load` is told of a call that loads: what is accepted, and the defaults. It acts on nothing. */
import { basename } from 'node:path';
import { checkEngine, type EngineChoice } from '../adapters/named-engine.ts';
import { copyOptions } from '../core/copy-options.ts';
import { invalidOption, MemoryGuardError } from '../core/errors.ts';
import { checkLadderStep } from '../core/quantizations.ts';
import type { KvCacheType, ModelMemory } from '../core/types.ts';
import {
  abortSignal,
  type Checks,
  callback,
  flag,
  listOf,
  nativeText,
  objectOf,
  oneOf,
  path,
  unread,
  validate,
  wholeNumber,
} from '../core/validate.ts';
import type { EstimatorOptions } from '../footprint/estimator.ts';
import {
  checkFootprint,
  checkWait,
  type GivenFootprint,
  type LoadGuardOptions,
} from '../loading/load-guard-options.ts';

/** One way to load a model. It may have more of the program's own in it. */
export interface LoadCandidate {
  /** Names it in events, such as 'fp16' or 'Q4_0'. No other one has the same. */
  readonly quantization?: string;
  /** What it takes. It goes before its file. */
  readonly footprint?: GivenFootprint;
  /** Path of the file that is loaded: its need is estimated from it. */
  readonly modelPath?: string;
  /** Path of the projector that is loaded with it. */
  readonly projectorPath?: string;
}

/** What the guard has chosen for a call. */
export interface LoadChoice<C extends LoadCandidate = LoadCandidate> {
  readonly quantization?: string;
  /** Tokens, if `contextSize` was given. */
  readonly contextSize?: number;
  readonly kvCacheType?: KvCacheType;
  readonly modelPath?: string;
  /** The very one of `candidates`, as it was given. */
  readonly candidate?: C;
}

/** What decides how much a load of a file takes, beside its context and cache. */
export interface LoadEstimate
  extends Omit<EstimatorOptions, 'modelPath' | 'projectorPath' | 'contextSize' | 'kvCacheType' | 'part'> {
  /** Whose libraries are asked what the load takes: an npm package, or the paths of a build of llama.cpp. */
  readonly engine?: EngineChoice;
}

/**
 * Options of `guard.load`; those of one load stand among them, as in `memoryGuard`. What the model takes is said by `footprint`, by `modelPath`
 * or by `candidates`. Without them it is what such a load was seen to take, by its name, once anything was seen.
 */
export interface GuardLoadOptions<M = unknown, C extends LoadCandidate = LoadCandidate> extends LoadGuardOptions {
  /** Names the model in events and errors, and its loads in what is learned of them. @default the name of its file */
  readonly name?: string;
  /** The first of `candidates`, or of the files that lie beside `modelPath`, that may be taken. @default the best */
  readonly quantization?: string;
  /** Path of the file that the call loads. Its other quantizations are found beside it. */
  readonly modelPath?: string;
  /** Path of the projector that is loaded with it. */
  readonly projectorPath?: string;
  /** The ways to load it, the best first: the first that fits is taken. */
  readonly candidates?: readonly C[];
  /** Tokens, for a file that has a context: a number is exact, of a range the largest that fits is taken. @default { min: 2048, max: 4096 } */
  readonly contextSize?: number | { readonly min: number; readonly max: number };
  /** The type of the KV cache, or several in order of preference. */
  readonly kvCacheType?: KvCacheType | readonly KvCacheType[];
  /**
   * How the engine runs the file, by the names of `estimateFootprint`, such as `embeddings` or `batchSize`. `engine` names it, and it is asked; without
   * that, weights that some engine copies count twice.
   */
  readonly estimate?: LoadEstimate;
  /** Ends the model. @default the first that it has of `dispose`, `close`, `release`, `unload` and `free` */
  readonly dispose?: (model: M) => unknown;
  /** Which of its methods run the model; '' is a call of the model itself. @default those with the usual names, such as `generate` and `run` */
  readonly isInference?: (method: string) => boolean;
  /**
   * 'javascript' if it lies in array buffers or memories of WebAssembly: what the load takes there then pays for what was reserved, and is what
   * is learned of it. @default 'native'
   */
  readonly modelsLiveIn?: ModelMemory;
  /** It is unloaded after so long without a call. @default the guard's own */
  readonly keepAliveMs?: number;
}

/** One call that loads, checked. */
export interface LoadCall {
  readonly options: Omit<GuardLoadOptions, 'name'> & { readonly name: string };
  readonly load: (chosen: LoadChoice) => unknown;
  readonly chosen: LoadChoice;
}

/** What the guard reads by itself, as of any load, and calls it so. */
const asItIs = (value: unknown): never => value as never;

const CANDIDATE_KEYS = ['quantization', 'footprint', 'modelPath', 'projectorPath'] as const;

const CHECKS: Checks<GuardLoadOptions> = {
  name: nativeText,
  quantization: nativeText,
  modelPath: path,
  projectorPath: path,
  candidates: checkCandidates,
  contextSize: asItIs,
  kvCacheType: asItIs,
  estimate: checkEstimate,
  dispose: callback<NonNullable<GuardLoadOptions['dispose']>>,
  isInference: callback<NonNullable<GuardLoadOptions['isInference']>>,
  modelsLiveIn: oneOf('native', 'javascript'),
  keepAliveMs: wholeNumber(1),
  downgrade: flag,
  floor: checkLadderStep,
  force: flag,
  pin: flag,
  footprint: unread(checkFootprint),
  wait: unread(checkWait),
  signal: abortSignal,
};

/** @throws MemoryGuardError `ERR_INVALID_OPTION` */
export function readLoadCall(given: unknown, load: unknown): LoadCall {
  const options = validate<GuardLoadOptions>(given, CHECKS, 'load');
  const { modelPath, candidates, footprint } = options;
  if (candidates && (modelPath !== undefined || footprint !== undefined)) {
    const other = modelPath === undefined ? 'footprint' : 'modelPath';
    const message = `Expected \`${other}\` to stand in each of \`candidates\`, found both beside each other; leave out one of them.`;
    throw new MemoryGuardError('ERR_INVALID_OPTION', message);
  }
  const { name = modelPath === undefined ? undefined : basename(modelPath) } = options;
  if (name === undefined) throw invalidOption('name', 'a text that names the model', name);
  return { options: { ...options, name }, load: callback<LoadCall['load']>(load, 'load'), chosen: {} };
}

/** The rest is checked where it is used, with what the file says. */
function checkEstimate(value: unknown, name: string): LoadEstimate {
  const { contextSize, kvCacheType, part, ...estimate } = copyOptions(objectOf<object>('an object')(value, name), name);
  const elsewhere = Object.entries({ contextSize, kvCacheType, part }).find(([, each]) => each !== undefined);
  if (elsewhere) throw invalidOption(`${name}.${elsewhere[0]}`, 'absent there', elsewhere[1]);
  if (estimate['engine'] !== undefined) checkEngine(estimate['engine'], `${name}.engine`);
  return estimate as LoadEstimate;
}

/** Their own properties are the program's matter, and stay as they are. */
function checkCandidates(value: unknown, name: string): readonly LoadCandidate[] {
  const candidates = listOf<LoadCandidate>('a list of candidates, the best first', checkCandidate)(value, name);
  if (candidates.length === 0) throw invalidOption(name, 'a list with at least one candidate', value);
  const names = candidates.map(({ quantization }) => quantization);
  if (new Set(names).size === names.length) return candidates;
  const twice = names.find((each, index) => names.indexOf(each) !== index);
  const found = twice === undefined ? 'two without one' : `'${twice}' in two`;
  const message = `Expected each of \`${name}\` to have a \`quantization\` of its own, found ${found}; name each by another one.`;
  throw new MemoryGuardError('ERR_INVALID_OPTION', message);
}

function checkCandidate(value: unknown, name: string): LoadCandidate {
  if (typeof value !== 'object' || value === null) throw invalidOption(name, 'an object', value);
  const { quantization, footprint, modelPath, projectorPath } = copyOptions(value, name, CANDIDATE_KEYS);
  if (quantization !== undefined) nativeText(quantization, `${name}.quantization`);
  if (footprint !== undefined) checkFootprint(footprint, `${name}.footprint`);
  if (modelPath !== undefined) path(modelPath, `${name}.modelPath`);
  if (projectorPath !== undefined) path(projectorPath, `${name}.projectorPath`);
  return value;
}
