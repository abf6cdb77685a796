/** How often something was used of late, by the times of its last uses. Pure: it reads no clock. */

/** Times of the last uses in milliseconds, the newest first. */
export type UseTimes = readonly number[];

/**
 * Uses that are remembered of each. In the traces of `npm run bench:eviction` one use alone makes reloads take up to 0.03 times the optimum
 * more, and sixteen change no more than 0.01.
 */
const REMEMBERED = 8;

/** Uses closer together than this are one: a model that is gone is loaded again once for all of them. It is also the least age of a use. */
const APART_MS = 1000;

/** The times with one more use. */
export function noteUse(uses: UseTimes, atMs: number): UseTimes {
  const [last = Number.NEGATIVE_INFINITY, ...earlier] = uses;
  return atMs - last < APART_MS ? [Math.max(last, atMs), ...earlier] : [atMs, ...uses].slice(0, REMEMBERED);
}

/** The times when the last use has lasted until now. */
export function noteUseEnd([, ...earlier]: UseTimes, atMs: number): UseTimes {
  return [atMs, ...earlier];
}

/**
 * The sum of 1 / age over the last uses, per millisecond: a use counts half as much once it is twice as old. It needs no half-life,
 * so that models that are used every few seconds and those that are used twice a day are compared by the same rule.
 */
export function rateUse(uses: UseTimes, nowMs: number): number {
  return uses.reduce((sum, atMs) => sum + 1 / Math.max(APART_MS, nowMs - atMs), 0);
}
