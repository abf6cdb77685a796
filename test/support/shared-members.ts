/** Ledgers of one process that stand for several: the locks of two open files exclude each other within a process too. */
import { onTestFinished } from 'vitest';
import { findNamedMeeting, type MeetingPoint } from '../../src/ledger/ledger-directory.ts';
import type { OnLedgerFailure } from '../../src/ledger/ledger-failure.ts';
import type { Holdings } from '../../src/ledger/ledger-record.ts';
import { SharedLedger, type SharedLedgerParts } from '../../src/ledger/shared-ledger.ts';
import { locks, makeHoldings, NOBODY } from './ledger-places.ts';

export interface SharedMember {
  readonly ledger: SharedLedger;
  /** The messages of what it told as a problem. */
  readonly told: string[];
}

/** A member that is closed with the test. */
export function makeMember(place: string | MeetingPoint, changed: Partial<SharedLedgerParts> = {}): SharedMember {
  const told: string[] = [];
  const ledger = new SharedLedger({
    meeting: typeof place === 'string' ? findNamedMeeting(place) : place,
    locks,
    own: { uid: process.getuid?.(), pid: NOBODY, pidNamespace: 'test' },
    onProblem: (error) => told.push((error as Error).message),
    onPublished: () => {},
    ...changed,
  });
  onTestFinished(() => ledger.close());
  return { ledger, told };
}

/** Decides to hold this, whatever the others do, and gives what they hold. */
export function hold(
  { ledger }: SharedMember,
  holdings: number | Partial<Holdings>,
  onFailure?: OnLedgerFailure,
): Promise<number[]> {
  const more = typeof holdings === 'number' ? { promisedAnonymousBytes: holdings } : holdings;
  const judge = () => ledger.peers().map(({ promisedAnonymousBytes }) => promisedAnonymousBytes);
  const commit = (others: number[]) => {
    ledger.publish(['host'], makeHoldings(more));
    return others;
  };
  return ledger.inSection(judge, commit, undefined, onFailure);
}

/** Decides nothing, and gives what the others hold in the section. */
export function decide(
  { ledger }: SharedMember,
  { signal, onFailure }: { readonly signal?: AbortSignal; readonly onFailure?: OnLedgerFailure } = {},
): Promise<number[]> {
  const judge = () => ledger.peers().map(({ promisedAnonymousBytes }) => promisedAnonymousBytes);
  return ledger.inSection(judge, (others) => others, signal, onFailure);
}

/** What the others hold, outside of any section. */
export function look({ ledger }: SharedMember): number[] {
  return ledger.peers().map(({ promisedAnonymousBytes }) => promisedAnonymousBytes);
}
