/** Times one action many times and sums it up; it knows nothing of what is timed. */

/** @param {number[]} times */
export function quantiles(times) {
  times.sort((a, b) => a - b);
  const at = (/** @type {number} */ q) => Number((times[Math.floor(times.length * q)] ?? Number.NaN).toFixed(2));
  return { 'median µs': at(0.5), 'p99 µs': at(0.99), iterations: times.length };
}

/** @param {() => unknown} action @param {number} iterations @param {number} warmUp */
export function time(action, iterations, warmUp = iterations) {
  for (let at = 0; at < warmUp; at++) action();
  const times = new Array(iterations).fill(0);
  for (let at = 0; at < iterations; at++) {
    const from = process.hrtime.bigint();
    action();
    times[at] = Number(process.hrtime.bigint() - from) / 1000;
  }
  return quantiles(times);
}

/** @param {() => Promise<unknown>} action @param {number} iterations @param {number} warmUp */
export async function timeAsync(action, iterations, warmUp = 100) {
  for (let at = 0; at < warmUp; at++) await action();
  const times = [];
  for (let at = 0; at < iterations; at++) {
    const from = process.hrtime.bigint();
    await action();
    times.push(Number(process.hrtime.bigint() - from) / 1000);
  }
  return quantiles(times);
}

/** Nanoseconds of one call, over so many that the clock's own cost disappears. @param {() => unknown} action */
export function perCallNs(action, calls = 1_000_000) {
  for (let at = 0; at < calls; at++) action();
  const from = process.hrtime.bigint();
  for (let at = 0; at < calls; at++) action();
  return Number(process.hrtime.bigint() - from) / calls;
}

/** The same for an action that is awaited. @param {() => Promise<unknown>} action */
export async function awaitedNs(action, calls = 200_000) {
  for (let at = 0; at < calls; at++) await action();
  const from = process.hrtime.bigint();
  for (let at = 0; at < calls; at++) await action();
  return Number(process.hrtime.bigint() - from) / calls;
}
