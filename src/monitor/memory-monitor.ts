/** Watches free memory while a model is loaded and tells each edge of the status once. It judges by policy and acts on nothing. */
import type { Clock } from '../core/clock.ts';
import type { MemoryStatusLevel } from '../core/types.ts';
import { LONGEST_MS, nextReadingMs, WATCHED_MS } from './reading-interval.ts';
import { type EdgeRules, type EdgeState, nextChangeBytes, nextEdge } from './status-edges.ts';

/** What is judged: free bytes against the bytes to keep free. */
export interface WatchedMemory {
  readonly freeBytes: number;
  readonly minFreeBytes: number;
}

/** Goes on watching between two readings, also while the event loop is blocked. */
export interface MemoryWatcher {
  /** From the last reading on: it is to be heard of when less than `belowBytes` are free. False if it can't. */
  watch(belowBytes: number): boolean;
  /** The least that was free since the last reading, and how long ago. */
  least(): { readonly freeBytes: number; readonly ageMs: number } | undefined;
  /** There is nothing to watch now. */
  rest(): void;
}

export interface MemoryMonitorParts {
  readonly clock: Clock;
  readonly rules: EdgeRules;
  /** Reads; `undefined` if no model is loaded, and then nothing is watched. */
  readonly sense: () => WatchedMemory | undefined;
  /** Called if `sense` threw. Reading goes on. */
  readonly failed: (error: unknown) => void;
  /** Called once per edge, with what was judged and when that was seen. */
  readonly edge: (
    level: MemoryStatusLevel,
    previous: MemoryStatusLevel,
    freeBytes: number | undefined,
    seenAtMs: number,
  ) => void;
  readonly watcher?: MemoryWatcher | undefined;
}

/** The watcher rests only so long after the last model is gone: to open it again costs a load that follows at once about 40 µs. */
const REST_MS = 1000;

/** What was seen longer ago is judged by itself: a blocked event loop kept it. Anything younger is this very reading. */
const LATE_MS = 100;

export class MemoryMonitor {
  readonly #parts: MemoryMonitorParts;
  #state: EdgeState = { level: 'ok' };
  #cancel: (() => void) | undefined;
  #cancelRest: (() => void) | undefined;
  /** Counts readings: an edge may be answered by another one before this one is done. */
  #turn = 0;
  #closed = false;

  constructor(parts: MemoryMonitorParts) {
    this.#parts = parts;
  }

  /** The level that was last told. */
  get level(): MemoryStatusLevel {
    return this.#state.level;
  }

  /** Reads now and plans the next reading: after a load, an unload, or a wake-up from the kernel. */
  read(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#closed) return;
    const turn = ++this.#turn;
    const waitMs = this.#step(turn);
    if (waitMs === undefined || turn !== this.#turn || this.#closed) return;
    this.#cancel = this.#parts.clock.schedule(() => this.read(), waitMs);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#cancelRest?.();
    this.#parts.watcher?.rest();
  }

  /** Milliseconds until the next reading; `undefined` if nothing is left to watch. */
  #step(turn: number): number | undefined {
    const { clock, rules, sense, failed, watcher } = this.#parts;
    let watched: WatchedMemory | undefined;
    try {
      watched = sense();
    } catch (error) {
      failed(error);
      return nextReadingMs(0) * 10;
    }
    // Somebody was told of this reading, and has caused another one.
    if (turn !== this.#turn || this.#closed) return undefined;
    const nowMs = clock.nowMs();
    if (!watched) {
      if (watcher) this.#cancelRest ??= clock.schedule(() => watcher.rest(), REST_MS);
      this.#become({ level: 'ok' }, undefined, nowMs);
      return undefined;
    }
    const { freeBytes, minFreeBytes } = watched;
    // What was seen while nothing was loaded is nobody's edge.
    const least = this.#cancelRest ? undefined : watcher?.least();
    this.#cancelRest?.();
    this.#cancelRest = undefined;
    if (least && least.ageMs > LATE_MS && least.freeBytes < freeBytes) {
      const seenAtMs = nowMs - least.ageMs;
      this.#become(nextEdge(this.#state, least.freeBytes, minFreeBytes, seenAtMs, rules), least.freeBytes, seenAtMs);
    }
    this.#become(nextEdge(this.#state, freeBytes, minFreeBytes, nowMs, rules), freeBytes, nowMs);
    if (turn !== this.#turn || this.#closed) return undefined;
    const { level, betterSinceMs } = this.#state;
    if (watcher?.watch(nextChangeBytes(this.#state, minFreeBytes, rules))) {
      // It tells of less and not of more.
      if (level === 'ok') return WATCHED_MS;
      return betterSinceMs === undefined ? LONGEST_MS : Math.min(LONGEST_MS, rules.dwellMs - (nowMs - betterSinceMs));
    }
    return nextReadingMs(distanceBytes(level, watched, rules.warningFactor));
  }

  #become(next: EdgeState, freeBytes: number | undefined, seenAtMs: number): void {
    const previous = this.#state.level;
    this.#state = next;
    if (next.level !== previous) this.#parts.edge(next.level, previous, freeBytes, seenAtMs);
  }
}

/** How far memory must fall to the next worse level; at the worst, to nothing. */
function distanceBytes(
  level: MemoryStatusLevel,
  { freeBytes, minFreeBytes }: WatchedMemory,
  warningFactor: number,
): number {
  switch (level) {
    case 'ok':
      return freeBytes - warningFactor * minFreeBytes;
    case 'warning':
      return freeBytes - minFreeBytes;
    case 'critical':
      return freeBytes;
    default:
      return level satisfies never;
  }
}
