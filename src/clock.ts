/** Time as the guard sees it; replaced in tests. It keeps no process alive. */

export interface Clock {
  /** Milliseconds since any fixed moment; never goes back. */
  nowMs(): number;
  /** Calls back once after `delayMs`, without keeping the process alive. Returns the way to cancel it. */
  schedule(callback: () => void, delayMs: number): () => void;
}

export const systemClock: Clock = Object.freeze({
  nowMs: () => performance.now(),
  schedule(callback: () => void, delayMs: number) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
});
