/** Times one action many times and sums the times up. It knows nothing of what is timed. */

/** The value below which the share `quantile` of all values lies. @param {readonly number[]} values @param {number} quantile 0 to 1 */
export function findQuantile(values, quantile) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * quantile)] ?? Number.NaN;
}

/** @param {readonly number[]} values */
export function findMedian(values) {
  return findQuantile(values, 0.5);
}

/** A row of a printed table. @param {readonly number[]} timesUs */
export function summarizeTimes(timesUs) {
  const round = (/** @type {number} */ quantile) => Number(findQuantile(timesUs, quantile).toFixed(2));
  return { 'median µs': round(0.5), 'p99 µs': round(0.99), iterations: timesUs.length };
}

/** Times each call by itself. @param {() => unknown} action @param {number} iterations @param {number} warmUp calls that are not counted */
export function timeCalls(action, iterations, warmUp = iterations) {
  for (let at = 0; at < warmUp; at++) action();
  const timesUs = new Array(iterations).fill(0);
  for (let at = 0; at < iterations; at++) {
    const from = process.hrtime.bigint();
    action();
    timesUs[at] = Number(process.hrtime.bigint() - from) / 1000;
  }
  return summarizeTimes(timesUs);
}

/** The same for an action that is awaited. @param {() => Promise<unknown>} action @param {number} iterations @param {number} warmUp calls that are not counted */
export async function timeAwaitedCalls(action, iterations, warmUp = 100) {
  for (let at = 0; at < warmUp; at++) await action();
  const timesUs = [];
  for (let at = 0; at < iterations; at++) {
    const from = process.hrtime.bigint();
    await action();
    timesUs.push(Number(process.hrtime.bigint() - from) / 1000);
  }
  return summarizeTimes(timesUs);
}

/** Nanoseconds of one call, over so many that the clock's own cost disappears. @param {() => unknown} action */
export function measureCallNs(action, calls = 1_000_000) {
  for (let at = 0; at < calls; at++) action();
  const from = process.hrtime.bigint();
  for (let at = 0; at < calls; at++) action();
  return Number(process.hrtime.bigint() - from) / calls;
}

/** The same for an action that is awaited. @param {() => Promise<unknown>} action */
export async function measureAwaitedCallNs(action, calls = 200_000) {
  for (let at = 0; at < calls; at++) await action();
  const from = process.hrtime.bigint();
  for (let at = 0; at < calls; at++) await action();
  return Number(process.hrtime.bigint() - from) / calls;
}
