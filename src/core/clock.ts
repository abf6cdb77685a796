/** Time as the guard sees it; replaced in tests. */

export interface Clock {
  /** Milliseconds since any fixed moment; never goes back. */
  nowMs(): number;
  /**
   * Calls back once after `delayMs`; returns the way to cancel it. It must not keep the process alive, unless
   * `keepsAlive` asks for that: a bounded wait whose end somebody is told of.
   */
  schedule(callback: () => void, delayMs: number, keepsAlive?: boolean): () => void;
}

/** The machine's monotonic clock, in whole microseconds: the same for all its processes, whatever clock their guards have. */
export function readMachineUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

export const systemClock: Clock = Object.freeze({
  nowMs: () => performance.now(),
  schedule(callback: () => void, delayMs: number, keepsAlive = false) {
    const timer = setTimeout(callback, delayMs);
    if (!keepsAlive) timer.unref();
    return () => clearTimeout(timer);
  },
});
