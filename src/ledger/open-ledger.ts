/** Opens the ledger of this thread, which all its guards share, and the meeting place with other processes. It decides nothing. */

import type { NativeLocks } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { Ledger } from './ledger.ts';
import { findLedgerDirectory } from './ledger-directory.ts';
import { type AnonymousMemory, readPidNamespace, SharedLedger } from './shared-ledger.ts';

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
 */
export function openLedger(
  option: LedgerOption,
  memory: AnonymousMemory,
  onProblem: (error: unknown) => void,
  locks: NativeLocks | undefined = loadAddon()?.locks,
): OpenLedger {
  const uid = process.getuid?.();
  const key = option === 'process' ? '' : option === 'shared' ? findLedgerDirectory(uid) : option.directory;
  let entry = opened.get(key);
  if (!entry) {
    const listeners = new Set<(error: unknown) => void>();
    const reportToAll = (error: unknown) => {
      for (const listener of listeners) listener(error);
    };
    const own = { uid, pid: process.pid, pidNamespace: readPidNamespace(), memory };
    const shared = key === '' || !locks ? undefined : new SharedLedger(key, locks, own, reportToAll);
    entry = { ledger: new Ledger(), ...(shared && { shared }), users: 0, listeners };
    opened.set(key, entry);
  }
  entry.users += 1;
  entry.listeners.add(onProblem);
  if (key !== '' && !entry.shared) onProblem(peersUnseen());
  let closed = false;
  return {
    ledger: entry.ledger,
    ...(entry.shared && { shared: entry.shared }),
    close() {
      if (closed) return;
      closed = true;
      entry.listeners.delete(onProblem);
      entry.users -= 1;
      // What is still held stays told, by the file that ends with the process.
      if (entry.users > 0 || entry.ledger.size > 0) return;
      opened.delete(key);
      entry.shared?.close();
    },
  };
}

function peersUnseen(): MemoryGuardError {
  return new MemoryGuardError(
    'ERR_SENSOR',
    'Other processes are not seen: the native addon, or its locks, are not there. Loads of this process are counted alone.',
  );
}
