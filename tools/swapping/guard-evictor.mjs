/** Evicts as the guard does, by its own policy, which is handed over: the sources in tests, what was built in benches. */

/** @typedef {import('./simulate.mjs').Evictor} Evictor */
/** @typedef {import('./simulate.mjs').Resident} Resident */
/** @typedef {{ readonly mappedBytes: number, readonly anonymousBytes: number, readonly basis: 'given' }} Need */
/** @typedef {{ readonly resident: Resident, readonly need: Need, readonly useRate: number, readonly reloadMs: number, readonly young: boolean }} Offer */
/**
 * @typedef {object} Policy the functions of these names in src/policy/
 * @property {(uses: readonly number[], atMs: number) => readonly number[]} noteUse
 * @property {(uses: readonly number[], nowMs: number) => number} rateUse
 * @property {(idle: readonly Offer[], missing: { readonly bytes: number, readonly anonymousBytes: number }) => readonly Offer[]} chooseEvictions
 */

/** @param {Policy} policy @param {number} [minResidencyMs] Default: as the guard's own. @returns {Evictor} */
export function evictAsGuard({ noteUse, rateUse, chooseEvictions }, minResidencyMs = 30_000) {
  /** @type {Map<number, readonly number[]>} */
  const uses = new Map();
  return {
    used: (model, atMs) => uses.set(model, noteUse(uses.get(model) ?? [], atMs)),
    choose(residents, missingBytes, atMs) {
      const offers = residents.map((resident) => ({
        resident,
        need: { mappedBytes: 0, anonymousBytes: resident.bytes, basis: /** @type {const} */ ('given') },
        useRate: rateUse(uses.get(resident.model) ?? [], atMs),
        reloadMs: resident.loadMs,
        young: atMs - resident.loadedMs < minResidencyMs,
      }));
      return chooseEvictions(offers, { bytes: missingBytes, anonymousBytes: 0 }).map(({ resident }) => resident);
    },
  };
}
