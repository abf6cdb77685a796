/** What the guard tells: the events with their numbers in bytes, and their names. It knows no listeners. */
import { type ErrorCode, invalidOption } from '../core/errors.ts';
import type { LoadNeed, MemoryStatusLevel, Quantization } from '../core/types.ts';
import type { CandidateVerdict } from '../policy/choose-candidate.ts';

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
  'leaked',
  'degraded',
] as const satisfies readonly (keyof GuardEvents)[];

/** The name of an event, or `ERR_INVALID_OPTION`: a listener on a misspelt one would wait for ever. */
export function eventName<E extends keyof GuardEvents>(name: E): E {
  if (EVENT_NAMES.includes(name)) return name;
  throw invalidOption('event', `one of ${EVENT_NAMES.join(', ')}`, name);
}

/** Every event carries these. `message` is one printable sentence. */
interface EventBase {
  readonly type: string;
  readonly message: string;
  /** The guard's clock, in milliseconds. */
  readonly atMs: number;
}

/** An edge of the status: sent once when it is crossed, in either direction. */
export interface StatusEvent extends EventBase {
  readonly type: MemoryStatusLevel;
  readonly previous: MemoryStatusLevel;
  readonly availableBytes: number;
  readonly headroomBytes: number;
  readonly totalBytes: number;
  readonly minFreeBytes: number;
  /** When `headroomBytes` were seen, by the guard's clock: before `atMs` where the event loop was blocked. */
  readonly seenAtMs: number;
}

/** What the guard decided about one load, with every number and every rule behind it. */
export interface Decision {
  readonly verdict: 'admit' | 'downgrade' | 'wait' | 'refuse';
  readonly model: string;
  /** The quantization asked for, or recommended where none was asked for. Absent for a model without a ladder. */
  readonly askedQuantization?: Quantization;
  /** The quantization that is loaded. Absent where the load is refused or the model has no ladder. */
  readonly quantization?: Quantization;
  /** Tokens of context that were chosen. Absent where the need doesn't depend on them. */
  readonly contextSize?: number;
  readonly kvCacheType?: string;
  readonly need?: LoadNeed;
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly headroomBytes: number;
  /** Kept for loads that wait before this one, and taken off `headroomBytes`; absent where none does. */
  readonly waitingBytes?: number;
  readonly candidates: readonly CandidateVerdict[];
  /** What would help; absent where the load is not refused. */
  readonly help?: RefusalHelp;
}

/** What would let a refused load in, each by itself. */
export interface RefusalHelp {
  /** Bytes that must become free; absent where even an empty machine would refuse it. */
  readonly freeBytes?: number;
  /** Loaded models that together hold as much, the largest first; empty where all of them don't. */
  readonly unload: readonly string[];
  /** A smaller context than was asked for that fits now; absent where none does, or the need doesn't depend on it. */
  readonly context?: {
    readonly contextSize: number;
    readonly quantization?: Quantization;
    readonly kvCacheType?: string;
  };
  /** The control group whose limit to raise; absent where no group's limit refuses it. */
  readonly raiseLimit?: string;
}

export interface DecisionEvent extends EventBase, Decision {
  readonly type: 'admitted' | 'downgraded' | 'refused';
  /** True where the user's `force` let a refused load through. */
  readonly forced: boolean;
  /** True where `mode: 'observe'` only reports: nothing was changed or refused. */
  readonly observed: boolean;
  /** How long it waited for memory before; absent where it did not. */
  readonly waitedMs?: number;
}

/** A load waits for memory: told when it begins to, and when its place changes. */
export interface WaitingEvent extends EventBase, Decision {
  readonly type: 'waiting';
  /** 1 for the load that is next; loads of other processes count. */
  readonly position: number;
  readonly waitedMs: number;
}

export interface LoadedEvent extends EventBase {
  readonly type: 'loaded';
  readonly model: string;
  readonly quantization?: Quantization;
  readonly need: LoadNeed;
  /** Sizes of the files that the load mapped. Absent where the system doesn't tell. */
  readonly mappedBytes?: number;
  readonly elapsedMs: number;
}

/** How a model ended: disposed by the program, lost by it, or evicted for memory or for idling. */
export type HowGone = 'unloaded' | 'leaked' | 'memory' | 'keep-alive';

export interface UnloadedEvent extends EventBase {
  readonly type: 'unloaded' | 'evicted' | 'leaked';
  /** Of an eviction: for the memory that a load needs, or since it was idle for `keepAliveMs`. */
  readonly reason?: 'memory' | 'keep-alive';
  readonly model: string;
  readonly quantization?: Quantization;
  /** By how much headroom rose until it stood still; of models that went together it stands with the last. Absent where it can't be read. */
  readonly freedBytes?: number;
  readonly elapsedMs: number;
}

/** The guard works with less than it should: what, and what that means. */
export interface DegradedEvent extends EventBase {
  readonly type: 'degraded';
  /** The error behind it; absent where only something that would help can't be had. */
  readonly code?: ErrorCode;
  readonly cause?: unknown;
}

export type GuardEvent = StatusEvent | DecisionEvent | WaitingEvent | LoadedEvent | UnloadedEvent | DegradedEvent;

/** Listener signatures by event name, for eventemitter3's types. */
export interface GuardEvents {
  ok: (event: StatusEvent) => void;
  warning: (event: StatusEvent) => void;
  critical: (event: StatusEvent) => void;
  admitted: (event: DecisionEvent) => void;
  downgraded: (event: DecisionEvent) => void;
  refused: (event: DecisionEvent) => void;
  waiting: (event: WaitingEvent) => void;
  loaded: (event: LoadedEvent) => void;
  unloaded: (event: UnloadedEvent) => void;
  evicted: (event: UnloadedEvent) => void;
  leaked: (event: UnloadedEvent) => void;
  degraded: (event: DegradedEvent) => void;
}

/** What the listener of an event is given; of several names, any of theirs. */
export type EventOf<E extends keyof GuardEvents> = Parameters<GuardEvents[E]>[0];
