/**
 * Violations that are known and not mended yet: faults of the ledger. Each names the fault that shows it, so that the same breach
 * without that fault fails a run. A row goes when its fault is mended.
 */

/**
 * @typedef {object} KnownViolation
 * @property {string} id short, for the report
 * @property {string} invariant that is broken
 * @property {string} fault the operation that must have been done before in the same world
 * @property {RegExp} [found] what the violation must say
 */

const LEDGER_FILES = /^the process still has (\d+ \S*(\/lock|\/\d+-[0-9a-f]{12})( \(deleted\))?(, )?)+ open$/;

/** @type {readonly KnownViolation[]} */
export const KNOWN_VIOLATIONS = [
  // src/ledger/open-ledger.ts: a guard that is closed while models are held leaves the ledger open, and nobody closes it afterwards.
  { id: 'ledger stays open', invariant: 'no-descriptor-after-close', fault: 'closeWhileHeld', found: LEDGER_FILES },
  // src/ledger/shared-ledger.ts: a call that fails while its files are opened or closed leaves the others open.
  { id: 'ledger leaks files', invariant: 'no-descriptor-after-close', fault: 'failCalls', found: LEDGER_FILES },
];

/** @param {import('./world.mjs').Violation} violation @param {ReadonlySet<string>} done names of the operations that were done @returns {KnownViolation | undefined} */
export function findKnown({ invariant, found }, done) {
  return KNOWN_VIOLATIONS.find(
    (known) => known.invariant === invariant && done.has(known.fault) && (known.found?.test(found) ?? true),
  );
}
