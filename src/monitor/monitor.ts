/** Watches free memory while a model is loaded and tells each edge of the status once. It judges by policy and acts on nothing. */
import type { Clock } from '../clock.ts';
import type { MemoryStatusLevel } from '../types.ts';
import { type EdgeRules, type EdgeState, nextEdge } from './edges.ts';
import { nextReadingMs } from './pace.ts';

/** What is judged: free bytes against the bytes to keep free. */
export interface Watched {
  readonly freeBytes: number;
  readonly minFreeBytes: number;
}

export interface MonitorParts {
  readonly clock: Clock;
  readonly rules: EdgeRules;
  /** Reads; `undefined` where no model is loaded, and then nothing is watched. */
  readonly sense: () => Watched | undefined;
  /** Called where `sense` threw; reading goes on. */
  readonly failed: (error: unknown) => void;
  /** Called once per edge. */
  readonly edge: (level: MemoryStatusLevel, previous: MemoryStatusLevel) => void;
}

export class Monitor {
  readonly #parts: MonitorParts;
  #state: EdgeState = { level: 'ok' };
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(parts: MonitorParts) {
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
    const waitMs = this.#step();
    if (waitMs !== undefined) this.#cancel = this.#parts.clock.schedule(() => this.read(), waitMs);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Milliseconds until the next reading; `undefined` where nothing is left to watch. */
  #step(): number | undefined {
    const { clock, rules, sense, failed } = this.#parts;
    let watched: Watched | undefined;
    try {
      watched = sense();
    } catch (error) {
      failed(error);
      return nextReadingMs(0) * 10;
    }
    if (!watched) {
      this.#become({ level: 'ok' });
      return undefined;
    }
    const { freeBytes, minFreeBytes } = watched;
    this.#become(nextEdge(this.#state, freeBytes, minFreeBytes, clock.nowMs(), rules));
    return nextReadingMs(distanceBytes(this.#state.level, watched, rules.warningFactor));
  }

  #become(next: EdgeState): void {
    const previous = this.#state.level;
    this.#state = next;
    if (next.level !== previous) this.#parts.edge(next.level, previous);
  }
}

/** How far memory must fall to the next worse level; at the worst, to nothing. */
function distanceBytes(level: MemoryStatusLevel, { freeBytes, minFreeBytes }: Watched, warningFactor: number): number {
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
