/** What processes of the ledger say that they hold, as far as it can be shown: any process of this user writes there. It sums nothing. */
import type { GuardLedger, LedgerEntry } from '../index.ts';

const STATES: readonly unknown[] = ['loading', 'loaded', 'settled'] satisfies readonly LedgerEntry['state'][];

/** Entries of another form are left out. */
export function readEntries(ledger: Pick<GuardLedger, 'entries'>): readonly LedgerEntry[] {
  return ledger.entries().filter(isEntry);
}

function isEntry(entry: unknown): entry is LedgerEntry {
  const { pid, label, state, mappedBytes, anonymousBytes, atMs } = Object(entry) as Partial<LedgerEntry>;
  const numbers = [pid, mappedBytes, anonymousBytes, atMs];
  return typeof label === 'string' && STATES.includes(state) && numbers.every(Number.isFinite);
}
