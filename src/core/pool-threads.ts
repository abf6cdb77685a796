/** How many threads Node's pool has, on which native code computes. It starts none. */

/** As libuv reads it. */
const DEFAULT_THREADS = 4;
const MOST_THREADS = 1024;

/** How many threads the pool has, by the value of `UV_THREADPOOL_SIZE`. */
export function countPoolThreads(setting: string | undefined): number {
  const asked = setting === undefined ? DEFAULT_THREADS : Number.parseInt(setting, 10) || 1;
  return Math.min(Math.max(asked, 1), MOST_THREADS);
}
