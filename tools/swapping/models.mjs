/** Six models of different sizes and memory for about three of them, with loads as long as real ones were. It measures nothing. */

/** @typedef {import('./optimum.mjs').Model} Model */

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/**
 * The line through ten reloads of 116 to 659 MiB in `npm run bench:eviction`, each in a process of its own, its file in the page cache. Beside
 * other work it was 60 ms and 2.79 ms for each MiB, which changes no ratio of the simulation by more than 0.03.
 */
export const LOAD_MS = 457;
export const LOAD_MS_PER_MIB = 1.1;

/** @param {readonly number[]} gib @returns {readonly Model[]} */
const makeModels = (gib) =>
  gib.map((size) => ({ bytes: size * GiB, loadMs: LOAD_MS + ((size * GiB) / MiB) * LOAD_MS_PER_MIB }));

/** From 1B to 12B in 4 bits, with their contexts: an even number of MiB each. */
export const MODELS = makeModels([1, 2, 3, 4, 5.5, 7.5]);
export const LIMIT_BYTES = 12 * GiB;
