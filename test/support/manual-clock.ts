/** A clock that only a test moves. */
import type { Clock } from '../../src/core/clock.ts';

export class ManualClock implements Clock {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.length;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(callback: () => void, delayMs: number): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves the clock and runs every timer that falls due, in order. Timers that are set meanwhile run too. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
    }
    this.#nowMs = untilMs;
  }

  /** Does the same in steps, and lets promises settle after each. */
  async advanceAsync(byMs: number, stepMs = 10): Promise<void> {
    for (let passed = 0; passed < byMs; passed += stepMs) {
      this.advance(stepMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
