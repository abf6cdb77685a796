/** The least time that loads can take for somebody who knows all requests beforehand. Exact: every set of models that fits is followed. */

/** @typedef {import('./traces.mjs').Request} Request */
/** @typedef {{ readonly bytes: number, readonly loadMs: number }} Model */
/** @typedef {{ readonly loadMs: number, readonly loads: number }} Spent on the way to a set of models that are loaded */

/**
 * All loads of the best way. Its time grows with 4 to the power of the models: six are quick.
 * @param {readonly Request[]} trace @param {readonly Model[]} models @param {number} limitBytes @returns {Spent}
 */
export function findOptimum(trace, models, limitBytes) {
  const sets = 2 ** models.length;
  const fits = Array.from({ length: sets }, (_, set) => sumBytes(set, models) <= limitBytes);
  /** By set, a bit for each model. @type {Map<number, Spent>} */
  let best = new Map([[0, { loadMs: 0, loads: 0 }]]);
  for (const { model } of trace) {
    const { loadMs } = /** @type {Model} */ (models[model]);
    /** @type {Map<number, Spent>} */
    const next = new Map();
    for (const [set, spent] of best) {
      const bit = 1 << model;
      if (set & bit) keepLess(next, set, spent);
      else {
        const after = { loadMs: spent.loadMs + loadMs, loads: spent.loads + 1 };
        // Whatever of the others stays, if it fits beside this one.
        for (let rest = set; ; rest = (rest - 1) & set) {
          if (fits[rest | bit]) keepLess(next, rest | bit, after);
          if (rest === 0) break;
        }
      }
    }
    best = next;
  }
  return [...best.values()].reduce((least, spent) => (spent.loadMs < least.loadMs ? spent : least));
}

/** @param {Map<number, Spent>} best @param {number} set @param {Spent} spent */
function keepLess(best, set, spent) {
  const known = best.get(set);
  if (!known || spent.loadMs < known.loadMs) best.set(set, spent);
}

/** @param {number} set @param {readonly Model[]} models */
function sumBytes(set, models) {
  return models.reduce((sum, { bytes }, index) => (set & (1 << index) ? sum + bytes : sum), 0);
}
