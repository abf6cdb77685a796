/** The status of one guard: judged now, watched for its edges, told as events and as a stream. It loads and frees nothing. */

import type { AdmissionGate } from '../admission/admission-gate.ts';
import type { MemoryView } from '../admission/memory-view.ts';
import { formatBytes, formatLeftBytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { MemoryReader, MemoryWatch } from '../core/memory-reader.ts';
import type { MemoryStatusLevel } from '../core/types.ts';
import { abortSignal, validate } from '../core/validate.ts';
import type { DegradedEvent, LimitsEvent, StatusEvent } from '../events/guard-events.ts';
import { judgeStatus } from '../policy/memory-status.ts';
import { type MinFree, minFreeBytesOf } from '../policy/reserves.ts';
import { describeLimitChange, LimitChanges } from './limit-changes.ts';
import { MemoryMonitor, type MemoryWatcher } from './memory-monitor.ts';
import type { EdgeRules } from './status-edges.ts';

/** The status now, with the numbers it was judged on. */
export interface GuardStatus {
  readonly status: MemoryStatusLevel;
  readonly availableBytes: number;
  readonly headroomBytes: number;
  readonly totalBytes: number;
  /** What the models ask to keep free that are loaded or being loaded; 0 if there is none. */
  readonly minFreeBytes: number;
}

export interface WatchOptions {
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

export interface StatusWatchParts {
  readonly settings: EdgeRules & { readonly clock: Clock };
  readonly gate: AdmissionGate;
  /** How many models are loaded or being loaded, and what they ask to keep free. */
  readonly models: { readonly watched: number; readonly minFree: MinFree };
  readonly reader: MemoryReader;
  readonly tell: (event: StatusEvent | LimitsEvent | DegradedEvent) => void;
}

export class StatusWatch {
  readonly #parts: StatusWatchParts;
  readonly #monitor: MemoryMonitor;
  readonly #limits = new LimitChanges();
  readonly #followers = new Set<(status: GuardStatus | undefined) => void>();
  /** The last reading, which edges were judged on. */
  #seen: MemoryView | undefined;
  #blind = false;
  #recent = false;
  #soon: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(parts: StatusWatchParts) {
    this.#parts = parts;
    const { clock } = parts.settings;
    const memoryWatch = parts.reader.openWatch?.(() => this.read());
    this.#monitor = new MemoryMonitor({
      clock,
      rules: parts.settings,
      sense: () => this.#sense(),
      failed: (error) => this.tellBlind(error),
      edge: (level, previous, freeBytes, seenAtMs) => this.#tellEdge(level, previous, freeBytes, seenAtMs),
      watcher: memoryWatch && this.#adaptWatch(memoryWatch),
    });
  }

  /**
   * Reads now if a model is loaded or being loaded, and tells an edge that was crossed. `recent`: a reading of this very moment, for a
   * decision, may be used once more.
   */
  read(recent = false): void {
    this.#recent = recent;
    this.#monitor.read();
    this.#recent = false;
  }

  /** Reads in the next turn of the event loop, once for all that changes in this one. */
  readSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      this.read();
    });
  }

  /** Judged now, without hysteresis. Throws `ERR_SENSOR`. */
  status(): GuardStatus {
    const { settings, gate, models } = this.#parts;
    const { totalBytes, availableBytes, headroomBytes } = gate.look();
    const { minFree, watched } = models;
    const minFreeBytes = minFreeBytesOf(minFree, totalBytes);
    const status = watched === 0 ? 'ok' : judgeStatus(headroomBytes, minFreeBytes, settings.warningFactor);
    return Object.freeze({ status, totalBytes, availableBytes, headroomBytes, minFreeBytes });
  }

  /** The status now, then at each edge, until the signal is aborted or this is closed. Keeps no process alive. */
  watch(options: WatchOptions | undefined): AsyncGenerator<GuardStatus, void, void> {
    return this.#follow(validate<WatchOptions>(options, { signal: abortSignal }, 'watch').signal);
  }

  /** Told once, until a reading succeeds again. */
  tellBlind(cause: unknown): void {
    if (this.#blind) return;
    this.#blind = true;
    const message = cause instanceof Error ? cause.message : String(cause);
    this.#parts.tell({
      type: 'degraded',
      reason: 'sensor-failed',
      code: 'ERR_SENSOR',
      message,
      cause,
      atMs: this.#parts.settings.clock.nowMs(),
    });
  }

  close(): void {
    this.#closed = true;
    clearImmediate(this.#soon);
    this.#monitor.close();
    for (const follower of this.#followers) follower(undefined);
  }

  /** `undefined` if nothing is loaded or being loaded: then nothing is watched. */
  #sense(): { freeBytes: number; minFreeBytes: number } | undefined {
    const { gate, models, reader } = this.#parts;
    if (models.watched === 0) return undefined;
    const seen = reader.openWatch ? gate.lookIntoScopes(this.#recent) : gate.look();
    const previousTotalBytes = this.#seen?.totalBytes ?? seen.totalBytes;
    this.#seen = seen;
    this.#blind = false;
    this.#tellLimits(previousTotalBytes, seen.totalBytes);
    return { freeBytes: seen.headroomBytes, minFreeBytes: minFreeBytesOf(models.minFree, seen.totalBytes) };
  }

  /** A limit that was raised is told as one that was lowered. */
  #tellLimits(previousTotalBytes: number, totalBytes: number): void {
    const { reader, settings, tell } = this.#parts;
    for (const change of this.#limits.find(reader.limits?.() ?? [])) {
      const message = describeLimitChange(change, totalBytes);
      tell({ type: 'limits', message, atMs: settings.clock.nowMs(), ...change, totalBytes, previousTotalBytes });
    }
  }

  #adaptWatch(memoryWatch: MemoryWatch): MemoryWatcher {
    return {
      watch: (belowBytes) => {
        const left = this.#seen?.scopesBytes;
        return left !== undefined && memoryWatch.watch(left, belowBytes);
      },
      least: () => {
        const least = memoryWatch.least();
        return least && { freeBytes: least.leftBytes, ageMs: least.ageMs };
      },
      rest: () => memoryWatch.close(),
    };
  }

  #tellEdge(
    level: MemoryStatusLevel,
    previous: MemoryStatusLevel,
    freeBytes: number | undefined,
    seenAtMs: number,
  ): void {
    const { settings, models, tell } = this.#parts;
    if (!this.#seen) return;
    const { totalBytes, availableBytes } = this.#seen;
    const minFreeBytes = minFreeBytesOf(models.minFree, totalBytes);
    const headroomBytes = freeBytes ?? this.#seen.headroomBytes;
    const numbers = { totalBytes, availableBytes, headroomBytes, minFreeBytes };
    for (const follower of this.#followers) follower(Object.freeze({ status: level, ...numbers }));
    const message =
      models.watched === 0
        ? 'No model is loaded any more, so memory is not watched.'
        : describeStatus(level, headroomBytes, minFreeBytes, settings.warningFactor);
    tell({ type: level, previous, message, seenAtMs, atMs: settings.clock.nowMs(), ...numbers });
  }

  async *#follow(ends: AbortSignal | undefined): AsyncGenerator<GuardStatus, void, void> {
    if (this.#closed || ends?.aborted) return;
    const queue: (GuardStatus | undefined)[] = [this.status()];
    let wake = () => {};
    const follower = (status: GuardStatus | undefined) => {
      queue.push(status);
      wake();
    };
    const end = () => follower(undefined);
    this.#followers.add(follower);
    ends?.addEventListener('abort', end, { once: true });
    try {
      for (;;) {
        while (queue.length > 0) {
          const status = queue.shift();
          if (!status) return;
          yield status;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#followers.delete(follower);
      ends?.removeEventListener('abort', end);
    }
  }
}

/** An edge of the status. */
export function describeStatus(
  level: MemoryStatusLevel,
  headroomBytes: number,
  minFreeBytes: number,
  factor: number,
): string {
  const more = headroomBytes < 0 ? '' : ' more';
  const free = `this process can take ${formatLeftBytes(headroomBytes)}${more}`;
  switch (level) {
    case 'ok':
      return `Memory is sufficient again: ${free}.`;
    case 'warning':
      return `Memory is approaching the minimum: ${free}, less than ${factor} times the ${formatBytes(minFreeBytes)} to keep free.`;
    case 'critical':
      return `Memory is below the minimum: ${free}, and ${formatBytes(minFreeBytes)} should stay free.`;
    default:
      return level satisfies never;
  }
}
