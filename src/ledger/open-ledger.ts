/** Opens the ledger of this thread, which all its guards share, and the meeting place with other processes. It decides nothing. */

import type { NativeLocks } from '../addon/addon.ts';
import { describeMissingAddon, loadAddon } from '../addon/load-addon.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { Ledger } from './ledger.ts';
import { findNamedMeeting, findUnmadeLedger, findUserMeeting, type MeetingPoint } from './ledger-directory.ts';
import type { OnLedgerFailure } from './ledger-failure.ts';
import { readPidNamespace, SharedLedger } from './shared-ledger.ts';

/**
 * Which processes a guard counts with: `process` is its own alone, `shared` all of this user, `directory` all that meet in that
 * directory, an absolute path that containers may share.
 */
export type LedgerOption = 'process' | 'shared' | { readonly directory: string };

/** @internal */
export interface OpenLedger {
  readonly ledger: Ledger;
  /** It is absent if other processes are not seen. */
  readonly shared?: SharedLedger;
  /** Lets go of the ledger. The last guard that does so takes the record away. */
  close(): void;
}

interface SharedByGuards extends Omit<OpenLedger, 'close'> {
  users: number;
  readonly listeners: Set<(error: unknown) => void>;
}

const opened = new Map<string, SharedByGuards>();

/**
 * Opens the ledger that an option names, or shares the one that another guard of this thread opened.
 *
 * @internal
 * @param onProblem Hears why less is seen than was asked for.
 * @param onFailure Whether a process goes on alone that could count with others if its addon were there.
 * @throws MemoryGuardError `ERR_LEDGER` if it may not.
 */
export function openLedger(
  option: LedgerOption,
  onProblem: (error: unknown) => void,
  onFailure: OnLedgerFailure = 'refuse',
  locks: NativeLocks | undefined = loadAddon()?.locks,
  missing: string | undefined = describeMissingAddon(),
): OpenLedger {
  const meeting = findMeeting(option);
  const unseen = meeting && !locks ? peersUnseen(missing) : undefined;
  if (unseen && missing !== undefined && onFailure === 'refuse') throw unseen;
  const key = meeting?.name ?? '';
  let entry = opened.get(key);
  if (!entry) {
    entry = { ledger: new Ledger(), users: 0, listeners: new Set() };
    if (meeting && locks)
      entry = { ...entry, shared: share(meeting, locks, entry.listeners, () => closeIfUnused(key)) };
    opened.set(key, entry);
  }
  entry.users += 1;
  entry.listeners.add(onProblem);
  if (unseen) onProblem(unseen);
  const { ledger, shared, listeners } = entry;
  const used = entry;
  let closed = false;
  return {
    ledger,
    ...(shared && { shared }),
    close() {
      if (closed) return;
      closed = true;
      listeners.delete(onProblem);
      used.users -= 1;
      closeIfUnused(key);
    },
  };
}

/** The directory in which this option's ledger would be made if it were opened and used; see `findUnmadeLedger`. */
export function findLedgerToMake(option: LedgerOption): string | undefined {
  const meeting = findMeeting(option);
  return meeting && findUnmadeLedger(meeting, process.getuid?.());
}

function findMeeting(option: LedgerOption): MeetingPoint | undefined {
  if (option === 'process') return undefined;
  return option === 'shared' ? findUserMeeting(process.getuid?.()) : findNamedMeeting(option.directory);
}

function share(
  meeting: MeetingPoint,
  locks: NativeLocks,
  listeners: ReadonlySet<(error: unknown) => void>,
  onPublished: () => void,
): SharedLedger {
  const own = { uid: process.getuid?.(), pid: process.pid, pidNamespace: readPidNamespace() };
  const onProblem = (error: unknown) => {
    for (const listener of listeners) listener(error);
  };
  return new SharedLedger({ meeting, locks, own, onProblem, onPublished });
}

/** What closed guards still hold stays told until it is released. */
function closeIfUnused(key: string): void {
  const entry = opened.get(key);
  if (!entry || entry.users > 0 || entry.ledger.size > 0) return;
  opened.delete(key);
  entry.shared?.close();
}

function peersUnseen(missing: string | undefined): MemoryGuardError {
  if (missing === undefined) {
    const message =
      'Other processes are not seen: the native addon, or its locks, are not there. Loads of this process are counted alone.';
    return new MemoryGuardError('ERR_SENSOR', message);
  }
  const choice = "or set `ledger: 'process'` to count this process alone";
  return new MemoryGuardError(
    'ERR_LEDGER',
    `Expected the native addon, without which other processes and their models are not seen, ${missing}, ${choice}.`,
  );
}
