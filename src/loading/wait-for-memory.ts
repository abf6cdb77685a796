/** One load that waits: how long it may, who can end it, and what wakes it. It decides nothing and reads no memory. */
import type { Clock } from '../core/clock.ts';

/** Other processes and the kernel tell nobody when memory returns, so it is looked for this often. */
const LOOK_AGAIN_MS = 10;

/** Loads that sleep until memory may have returned. */
export class Sleepers {
  readonly #clock: Clock;
  readonly #asleep = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when woken, and by itself after a moment. Rejects with the signal's reason. */
  sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const rise = () => {
        this.#asleep.delete(rise);
        cancel();
        signal.removeEventListener('abort', rise);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      const cancel = this.#clock.schedule(rise, LOOK_AGAIN_MS, true);
      signal.addEventListener('abort', rise);
      this.#asleep.add(rise);
    });
  }

  /** All of them, in the order in which they fell asleep. */
  wake(): void {
    for (const rise of [...this.#asleep]) rise();
  }
}

/** The ways in which one load can be given up, in one signal: its time limit, its own signal, and whoever aborts it. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #sinceMs: number;
  readonly #clock: Clock;
  readonly #cancel: () => void;
  readonly #given: AbortSignal | undefined;

  /** `late` makes the reason of an abort by time. Without `timeoutMs` there is no time limit. */
  constructor(clock: Clock, timeoutMs: number | undefined, given: AbortSignal | undefined, late: () => unknown) {
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
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
