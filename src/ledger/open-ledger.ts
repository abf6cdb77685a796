/** Opens the ledger of this thread, which all its guards share, and the meeting place with other processes. It decides nothing. */

import type { NativeLocks } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { Ledger } from './ledger.ts';
import { ledgerDirectory } from './ledger-directory.ts';
import { pidNamespace, SharedLedger } from './shared-ledger.ts';

/** Which processes a guard counts with: its own, or all of this user that meet in the same directory. */
export type LedgerOption = 'process' | 'shared' | { readonly directory: string };

/** @internal */
export interface OpenLedger {
  readonly ledger: Ledger;
  /** Absent where other processes are not seen. */
  readonly shared?: SharedLedger;
  /** The last guard that closes it takes the record away. */
  close(): void;
}

interface Counted extends Omit<OpenLedger, 'close'> {
  users: number;
  readonly listeners: Set<(error: unknown) => void>;
}

const opened = new Map<string, Counted>();

/** @internal `told` hears why less is seen than was asked for. */
export function openLedger(
  option: LedgerOption,
  anonymousBytes: () => number | undefined,
  told: (error: unknown) => void,
  locks: NativeLocks | undefined = loadAddon()?.locks,
): OpenLedger {
  const uid = process.getuid?.();
  const key = option === 'process' ? '' : option === 'shared' ? ledgerDirectory(uid) : option.directory;
  let counted = opened.get(key);
  if (!counted) {
    const listeners = new Set<(error: unknown) => void>();
    const tellAll = (error: unknown) => {
      for (const listener of listeners) listener(error);
    };
    const self = { uid, pid: process.pid, pidNamespace: pidNamespace(), anonymousBytes };
    const shared = key === '' || !locks ? undefined : new SharedLedger(key, locks, self, tellAll);
    counted = { ledger: new Ledger(), ...(shared && { shared }), users: 0, listeners };
    opened.set(key, counted);
  }
  const entry = counted;
  entry.users += 1;
  entry.listeners.add(told);
  if (key !== '' && !entry.shared) told(unseen());
  let closed = false;
  return {
    ledger: entry.ledger,
    ...(entry.shared && { shared: entry.shared }),
    close() {
      if (closed) return;
      closed = true;
      entry.listeners.delete(told);
      entry.users -= 1;
      // What is still held stays told, by the file that ends with the process.
      if (entry.users > 0 || entry.ledger.size > 0) return;
      opened.delete(key);
      entry.shared?.close();
    },
  };
}

function unseen(): MemoryGuardError {
  return new MemoryGuardError(
    'ERR_SENSOR',
    'Other processes are not seen: the native addon, or its locks, are not there. Loads of this process are counted alone.',
  );
}
