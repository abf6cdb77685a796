/**
 * Violations that are known and not mended yet: faults of the ledger. Each names what it says, so that any other breach of the same
 * invariant fails a run. A row goes when its fault is mended.
 */

/**
 * @typedef {object} KnownViolation
 * @property {string} id short, for the report
 * @property {string} invariant that is broken
 * @property {RegExp} found what the violation must say
 */

const LEDGER_FILES = /^the process still has (\d+ \S*(\/lock|\/\d+-[0-9a-f]{12})( \(deleted\))?(, )?)+ open$/;

/** @type {readonly KnownViolation[]} */
export const KNOWN_VIOLATIONS = [
  // src/ledger/open-ledger.ts: a guard that is closed while models are held or loaded leaves the ledger open, and nobody closes it afterwards;
  // src/ledger/shared-ledger.ts: a call that fails while its files are opened leaves the others open.
  { id: 'ledger stays open', invariant: 'no-descriptor-after-close', found: LEDGER_FILES },
];

/** @param {import('./world.mjs').Violation} violation @returns {KnownViolation | undefined} */
export function findKnown({ invariant, found }) {
  return KNOWN_VIOLATIONS.find((known) => known.invariant === invariant && known.found.test(found));
}
