/** What a way to evict makes of a trace: its loads and the time that they take. Time passes by the trace alone. */
import { findOptimum } from './optimum.mjs';

/** @typedef {import('./traces.mjs').Request} Request */
/** @typedef {import('./optimum.mjs').Model} Model */
/** @typedef {{ readonly model: number, readonly bytes: number, readonly loadMs: number, readonly loadedMs: number, readonly lastMs: number }} Resident */
/**
 * @typedef {object} Evictor
 * @property {(model: number, atMs: number, loads: boolean) => void} [used] Told of every request, before anything is chosen for it.
 * @property {(residents: readonly Resident[], missingBytes: number, atMs: number) => readonly Resident[]} choose
 */

/** @param {readonly Request[]} trace @param {readonly Model[]} models @param {number} limitBytes @param {Evictor} evictor */
export function simulate(trace, models, limitBytes, evictor) {
  /** @type {Map<number, Resident>} */
  const resident = new Map();
  const known = new Set();
  let [loads, reloads, loadMs, reloadMs] = [0, 0, 0, 0];
  for (const { atMs, model } of trace) {
    const facts = /** @type {Model} */ (models[model]);
    const held = resident.get(model);
    evictor.used?.(model, atMs, !held);
    if (held) {
      resident.delete(model);
      resident.set(model, { ...held, lastMs: atMs });
      continue;
    }
    const usedBytes = [...resident.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    const missingBytes = usedBytes + facts.bytes - limitBytes;
    if (missingBytes > 0) {
      for (const victim of evictor.choose([...resident.values()], missingBytes, atMs)) resident.delete(victim.model);
    }
    const left = [...resident.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    if (left + facts.bytes > limitBytes) throw new Error(`Expected room for model ${model} at ${atMs} ms.`);
    resident.set(model, { model, ...facts, loadedMs: atMs, lastMs: atMs });
    loads++;
    loadMs += facts.loadMs;
    if (known.has(model)) {
      reloads++;
      reloadMs += facts.loadMs;
    }
    known.add(model);
  }
  return { loads, reloads, loadMs, reloadMs };
}

/** @typedef {{ readonly loads: number, readonly reloads: number, readonly reloadMs: number }} Outcome */

/**
 * Every way to evict over one trace, and the best that can be. First loads are the same for all of them.
 * @template {string} W
 * @param {readonly Request[]} trace @param {readonly Model[]} models @param {number} limitBytes @param {Readonly<Record<W, () => Evictor>>} ways
 * @returns {Record<W | 'optimum', Outcome>}
 */
export function compareWays(trace, models, limitBytes, ways) {
  const first = new Set(trace.map(({ model }) => model));
  const firstMs = [...first].reduce((sum, model) => sum + /** @type {Model} */ (models[model]).loadMs, 0);
  const { loads, loadMs } = findOptimum(trace, models, limitBytes);
  const optimum = { loads, reloads: loads - first.size, reloadMs: loadMs - firstMs };
  const names = /** @type {W[]} */ (Object.keys(ways));
  const outcomes = names.map((name) => [name, simulate(trace, models, limitBytes, ways[name]())]);
  return Object.fromEntries([['optimum', optimum], ...outcomes]);
}

/** Those that were not used for the longest, until there is room. @returns {Evictor} */
export function evictLeastRecent() {
  return {
    choose: (residents, missing) =>
      takeUntil(
        [...residents].sort((a, b) => a.lastMs - b.lastMs),
        missing,
      ),
  };
}

/** The largest, until there is room. @returns {Evictor} */
export function evictLargest() {
  return {
    choose: (residents, missing) =>
      takeUntil(
        [...residents].sort((a, b) => b.bytes - a.bytes),
        missing,
      ),
  };
}

/** @param {readonly Resident[]} order @param {number} missingBytes */
function takeUntil(order, missingBytes) {
  const taken = [];
  let bytes = 0;
  for (const resident of order) {
    if (bytes >= missingBytes) break;
    taken.push(resident);
    bytes += resident.bytes;
  }
  return taken;
}
