/** Loads that wait: how long each may, who can end it, and what wakes it. It decides nothing and reads no memory. */
import type { Clock } from '../core/clock.ts';

/**
 * Other processes and the kernel tell nobody when memory returns, so it is looked for this often: at first, and at the most. A look
 * costs about 0.2 ms.
 */
const SHORTEST_MS = 10;
const LONGEST_MS = 100;

/**
 * Loads that sleep until it is theirs to look for memory. The first in line looks again and again. Those behind it can't fit before it
 * does unless they ask for other things, so of them one looks at a time, and seldom.
 */
export class Sleepers<T> {
  readonly #clock: Clock;
  readonly #findFirst: () => T | undefined;
  /** What wakes each, in the order in which they fell asleep. */
  readonly #asleep = new Map<T, () => void>();
  #waitMs = SHORTEST_MS;
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  /** When one was woken last that is not the first. */
  #otherAtMs = Number.NEGATIVE_INFINITY;

  /** `findFirst` gives the first in line. `undefined`: all are alike, and take turns. */
  constructor(clock: Clock, findFirst: () => T | undefined) {
    this.#clock = clock;
    this.#findFirst = findFirst;
  }

  /** Resolves when it is this one's turn to look. Rejects with the signal's reason. */
  sleep(sleeper: T, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const rise = () => {
        this.#asleep.delete(sleeper);
        if (this.#asleep.size === 0) this.#cancel();
        signal.removeEventListener('abort', rise);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      signal.addEventListener('abort', rise);
      this.#asleep.set(sleeper, rise);
      this.#plan();
    });
  }

  /** Memory moves: it is looked for often again. */
  hurry(): void {
    this.#waitMs = SHORTEST_MS;
    this.#plan();
  }

  /** Memory may have returned: the first looks now. */
  wake(): void {
    this.#waitMs = SHORTEST_MS;
    this.#look();
  }

  #look(): void {
    this.#cancel();
    const nowMs = this.#clock.nowMs();
    const first = this.#findFirst();
    if (first !== undefined) this.#asleep.get(first)?.();
    if (first === undefined || nowMs - this.#otherAtMs >= LONGEST_MS) {
      for (const [sleeper, rise] of this.#asleep) {
        // The first may have fallen asleep again at once.
        if (sleeper === first) continue;
        this.#otherAtMs = nowMs;
        rise();
        break;
      }
    }
    this.#plan();
  }

  #plan(): void {
    const atMs = this.#clock.nowMs() + this.#waitMs;
    if (this.#asleep.size === 0 || (this.#timer && this.#timer.atMs <= atMs)) return;
    this.#cancel();
    const cancel = this.#clock.schedule(
      () => {
        this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_MS);
        this.#look();
      },
      this.#waitMs,
      true,
    );
    this.#timer = { atMs, cancel };
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** The ways in which one load can be given up, in one signal: its time limit, its own signal, and whoever aborts it. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #sinceMs: number;
  readonly #clock: Clock;
  readonly #cancel: () => void;
  readonly #timeoutMs: number | undefined;
  readonly #given: AbortSignal | undefined;

  /** `late` makes the reason of an abort by time. Without `timeoutMs` there is no time limit. */
  constructor(clock: Clock, timeoutMs: number | undefined, given: AbortSignal | undefined, late: () => unknown) {
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
    this.#timeoutMs = timeoutMs;
    this.#given = given;
    const end = () => this.#controller.abort(late());
    this.#cancel = timeoutMs === undefined ? () => {} : clock.schedule(end, timeoutMs, true);
    given?.addEventListener('abort', this.#give);
    if (given?.aborted) this.#give();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get waitedMs(): number {
    return this.#clock.nowMs() - this.#sinceMs;
  }

  /** What is left of its time. Without a time limit that has no end. */
  get leftMs(): number {
    return (this.#timeoutMs ?? Number.POSITIVE_INFINITY) - this.waitedMs;
  }

  /** Ends it for another reason. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Leaves neither a timer nor a listener behind. */
  end(): void {
    this.#cancel();
    this.#given?.removeEventListener('abort', this.#give);
  }

  readonly #give = (): void => this.#controller.abort(this.#given?.reason);
}
