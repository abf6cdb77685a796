/** What the guard tells: the events with their numbers in bytes, and their names. It knows no listeners. */
import { type ErrorCode, invalidOption } from '../core/errors.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { LoadNeed, MemoryStatusLevel, ScopeKind } from '../core/types.ts';
import type { AdmissionRule } from '../policy/admission-rules.ts';
import type { Decision } from '../policy/decision.ts';

export const EVENT_NAMES = [
  'ok',
  'warning',
  'critical',
  'admitted',
  'downgraded',
  'refused',
  'waiting',
  'loaded',
  'unloaded',
  'evicted',
  'killed',
  'leaked',
  'limits',
  'degraded',
] as const satisfies readonly GuardEventName[];

/**
 * Returns the name of an event.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for a name of no event: a listener on a misspelt one would wait for ever.
 */
export function checkEventName<E extends GuardEventName>(name: E): E {
  if (EVENT_NAMES.includes(name)) return name;
  throw invalidOption('event', `one of ${EVENT_NAMES.join(', ')}`, name);
}

/** Every event carries these. */
export interface GuardEventBase<T extends string> {
  readonly type: T;
  /** One printable sentence. */
  readonly message: string;
  /** The guard's clock, in milliseconds. */
  readonly atMs: number;
}

/** An edge of the status: told once when it is crossed, in either direction. */
export interface StatusEvent<T extends MemoryStatusLevel = MemoryStatusLevel> extends GuardEventBase<T> {
  readonly previous: MemoryStatusLevel;
  readonly availableBytes: number;
  readonly headroomBytes: number;
  readonly totalBytes: number;
  readonly minFreeBytes: number;
  /** When `headroomBytes` were seen, by the guard's clock: before `atMs` if the event loop was blocked. */
  readonly seenAtMs: number;
}

/** What was decided about a load. */
export interface DecisionEvent<T extends DecisionEventName = DecisionEventName> extends GuardEventBase<T>, Decision {
  /**
   * True if the user's `force` let the load in although rules refuse it. `need` then is what was reserved all the same, and
   * `refusedBy` names the rules that failed.
   */
  readonly forced: boolean;
  /** The rules that failed for the candidate that came nearest. Empty if the load fits. */
  readonly refusedBy: readonly AdmissionRule[];
  /** True if `mode: 'observe'` only reports: nothing was changed or refused. */
  readonly observed: boolean;
  /** How long the load waited for memory before. Absent if it did not wait. */
  readonly waitedMs?: number;
}

/** The events that carry a decision. */
export type DecisionEventName = 'admitted' | 'downgraded' | 'refused';

/**
 * A load waits for memory: told when it begins to wait, and when its place changes. The numbers are those of the load's last look at
 * the machine; `help` is absent if that look was not told.
 */
export interface WaitingEvent extends GuardEventBase<'waiting'>, Omit<Decision, 'verdict'> {
  readonly verdict: 'wait';
  /** 1 for the load that is next. Loads of other processes count: the first eight of each by their time, the rest as standing behind those. */
  readonly position: number;
  readonly waitedMs: number;
}

/** A load is done and its model registered. */
export interface LoadedEvent extends GuardEventBase<'loaded'> {
  /** What was loaded: if a file was asked for and a smaller one was taken, that one. */
  readonly model: string;
  readonly quantization?: QuantizationName;
  /** The file that was loaded. Absent if it isn't known. */
  readonly modelPath?: string;
  readonly need: LoadNeed;
  /** Sizes of the files that the load mapped. Absent if the system doesn't tell. */
  readonly mappedBytes?: number;
  readonly elapsedMs: number;
}

/** How a model ended: disposed by the program, lost by it, evicted for memory or for idling, or with its process. */
export type UnloadCause = 'unloaded' | 'leaked' | 'killed' | EvictionReason;

/** `memory`: a load needed its memory. `keep-alive`: it was idle for `keepAliveMs`. */
export type EvictionReason = 'memory' | 'keep-alive';

/**
 * A model is gone, and what it held was seen to come back. `leaked`: its handle was lost undisposed, or its engine did not give back what it held
 * (`keptBytes`).
 */
export interface UnloadedEvent<T extends 'unloaded' | 'leaked' = 'unloaded' | 'leaked'> extends GuardEventBase<T> {
  /** What was loaded: if a file was asked for and a smaller one was taken, that one. */
  readonly model: string;
  readonly quantization?: QuantizationName;
  /** The file that was loaded. Absent if it isn't known. */
  readonly modelPath?: string;
  /**
   * By how much headroom rose until it stood still. If several models went together it stands with the last of them. Absent if
   * headroom can't be read.
   */
  readonly freedBytes?: number;
  /**
   * What its engine did not give back, though the model is gone. It is taken until the process ends: readings have it as used, and no promise is paid with
   * it. Absent if that is nothing, or can't be told.
   */
  readonly keptBytes?: number;
  readonly elapsedMs: number;
}

/** Why just this model was ended to make room. */
export interface EvictionChoice {
  /** The model whose load needed the room. */
  readonly madeRoomFor: string;
  /** How long it had not been used. */
  readonly idleMs: number;
  /** What loading it again is expected to take: as long as its load did. */
  readonly reloadMs: number;
  /** Whether it went within `minResidencyMs` after its load, since all others together were not enough. */
  readonly young: boolean;
}

/** The guard ended an idle model. Why it was chosen is absent if `reason` is `keep-alive`. */
export interface EvictedEvent extends Omit<UnloadedEvent, 'type'>, Partial<EvictionChoice> {
  readonly type: 'evicted';
  readonly reason: EvictionReason;
}

/** The process of a model has ended, though nobody had asked for that: its model is gone, and nothing is reserved for it any more. */
export interface KilledEvent extends GuardEventBase<'killed'> {
  /** What was loaded: if a file was asked for and a smaller one was taken, that one. */
  readonly model: string;
  readonly quantization?: QuantizationName;
  /** The file that was loaded. Absent if it isn't known. */
  readonly modelPath?: string;
  readonly pid: number;
  /** The signal that ended it. Absent if it ended by itself. */
  readonly signal?: string;
  /** Its exit code. Absent if a signal ended it. */
  readonly exitCode?: number;
  /** Whether it was ended since it no longer answered. */
  readonly hung: boolean;
  /** Whether the kernel ended it because memory had run out. */
  readonly byKernel: boolean;
  /** Where memory had run out, if the kernel ended it. */
  readonly scope?: { readonly kind: ScopeKind; readonly path: string };
  /** Anonymous bytes that it held when it was looked at last. Absent if the system doesn't tell. */
  readonly heldBytes?: number;
  /** What was reserved for the model. */
  readonly need: LoadNeed;
  /** Whether the next call on the handle loads it again. */
  readonly reloads: boolean;
}

/** What this process may use has changed: told once for each change, at the next reading while a model is loaded or being loaded. */
export interface LimitsEvent extends GuardEventBase<'limits'> {
  /**
   * `resized`: the limit of this scope was raised or lowered. `moved`: this process is in another control group; the limits are the
   * smallest of all groups that it is in, or was.
   */
  readonly reason: 'resized' | 'moved';
  readonly kind: ScopeKind;
  /** The control group's path inside its hierarchy, or a name for the other kinds. */
  readonly path: string;
  /** Where the process was before. Absent unless it was moved. */
  readonly previousPath?: string;
  /** Absent if there is none now. */
  readonly limitBytes?: number;
  /** Absent if there was none. */
  readonly previousLimitBytes?: number;
  /** The smallest limit over all scopes. */
  readonly totalBytes: number;
  readonly previousTotalBytes: number;
}

/**
 * What the guard does less well than it should.
 * - `sensor-failed`: memory could not be read. The status isn't watched until a reading succeeds.
 * - `admitted-unread`: a load went in although memory could not be read, since it was forced, only observed, or
 *   `onSensorFailure` is `'admit'`.
 * - `ledger-failed`: other processes are not seen, or don't see this one, or one of them keeps the ledger locked.
 * - `calibration-failed`: what loads really took can't be read or kept. Estimates stay as they are.
 * - `engine-not-asked`: the engine could not be asked what a load takes. Our own arithmetic serves, and bounds what it doesn't know.
 * - `unknown-model`: nobody knows what a model needs. It was admitted because `unknownModels` says so, and nothing is reserved.
 * - `not-understood`: a load that is only observed could not be understood. It was not judged.
 * - `outgrown`: a model took more anonymous memory than was reserved for it.
 * - `eviction-failed`: a model could not be ended. Its memory still counts as taken.
 * - `oom-group`: if the kernel ends the process of a model, it ends this program with it.
 */
export type DegradedReason =
  | 'sensor-failed'
  | 'admitted-unread'
  | 'ledger-failed'
  | 'calibration-failed'
  | 'engine-not-asked'
  | 'unknown-model'
  | 'not-understood'
  | 'outgrown'
  | 'eviction-failed'
  | 'oom-group';

/** The guard works with less than it should: what is missing, and what that means. */
export interface DegradedEvent extends GuardEventBase<'degraded'> {
  readonly reason: DegradedReason;
  /** The code of the error behind it. Absent if there is no error, or it has no code of this package. */
  readonly code?: ErrorCode;
  /** The error behind it. */
  readonly cause?: unknown;
}

/** The listener of each event, by the event's name. What it is given has exactly that name as its `type`. */
export interface GuardEvents {
  ok: (event: StatusEvent<'ok'>) => void;
  warning: (event: StatusEvent<'warning'>) => void;
  critical: (event: StatusEvent<'critical'>) => void;
  admitted: (event: DecisionEvent<'admitted'>) => void;
  downgraded: (event: DecisionEvent<'downgraded'>) => void;
  refused: (event: DecisionEvent<'refused'>) => void;
  waiting: (event: WaitingEvent) => void;
  loaded: (event: LoadedEvent) => void;
  unloaded: (event: UnloadedEvent<'unloaded'>) => void;
  evicted: (event: EvictedEvent) => void;
  killed: (event: KilledEvent) => void;
  leaked: (event: UnloadedEvent<'leaked'>) => void;
  limits: (event: LimitsEvent) => void;
  degraded: (event: DegradedEvent) => void;
}

export type GuardEventName = keyof GuardEvents;

/** The event of a name. For several names, any of theirs. */
export type GuardEventOf<E extends GuardEventName> = Parameters<GuardEvents[E]>[0];

/** Any event, to be told apart by its `type`. */
export type GuardEvent = { [E in GuardEventName]: GuardEventOf<E> }[GuardEventName];
