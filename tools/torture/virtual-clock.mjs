/** Time that passes only when the run says so, and so again in a replay. Timers know whose they are. It knows no guard. */

/** @typedef {'guard' | 'sdk'} Owner */
/** @typedef {{ nowMs(): number, schedule(callback: () => void, delayMs: number, keepsAlive?: boolean): () => void }} Clock */

export class VirtualClock {
  nowMs = 0;
  /** @type {{ atMs: number, owner: Owner, run: () => void }[]} */
  #timers = [];

  /** The same time, with timers that belong to this owner. @param {Owner} owner @returns {Clock} */
  of(owner) {
    return {
      nowMs: () => this.nowMs,
      schedule: (run, delayMs) => {
        const timer = { atMs: this.nowMs + delayMs, owner, run };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
      },
    };
  }

  /** How many timers are set. @param {Owner} owner */
  countTimers(owner) {
    return this.#timers.filter((timer) => timer.owner === owner).length;
  }

  /** Moves on; whatever falls due runs in its order, and promises settle in between. @param {number} byMs */
  async advance(byMs) {
    const untilMs = this.nowMs + byMs;
    // What is under way may set timers before time passes.
    await settlePromises();
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run();
      await settlePromises();
    }
    this.nowMs = untilMs;
  }
}

/** Resolves when all promises that could settle have done so, and unhandled rejections are told. */
export async function settlePromises() {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
