/** Time that passes by itself, with timers that know whose they are. It knows no guard. */
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {import('./virtual-clock.mjs').Owner} Owner */
/** @typedef {import('./virtual-clock.mjs').Clock} Clock */

export class RealClock {
  #startMs = performance.now();
  /** @type {Set<{ owner: Owner }>} */
  #timers = new Set();

  get nowMs() {
    return performance.now() - this.#startMs;
  }

  /** @param {Owner} owner @returns {Clock} */
  of(owner) {
    return {
      nowMs: () => this.nowMs,
      schedule: (run, delayMs, keepsAlive = false) => {
        const entry = { owner };
        const timer = setTimeout(() => {
          this.#timers.delete(entry);
          run();
        }, delayMs);
        if (!keepsAlive) timer.unref();
        this.#timers.add(entry);
        return () => {
          this.#timers.delete(entry);
          clearTimeout(timer);
        };
      },
    };
  }

  /** @param {Owner} owner */
  countTimers(owner) {
    return [...this.#timers].filter((timer) => timer.owner === owner).length;
  }

  /** @param {number} byMs */
  async advance(byMs) {
    await sleep(byMs);
  }
}
