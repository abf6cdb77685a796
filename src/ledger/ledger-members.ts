/** Reads the members of one ledger file: who is alive, and what each of them told last. It decides nothing. */
import type { NativeLocks } from '../addon/addon.ts';
import { LedgerFailure } from './ledger-failure.ts';
import type { LedgerFile } from './ledger-file.ts';
import { type LedgerRecord, parseRecord } from './ledger-record.ts';

/** The numbers of a file's locks. */
export const LOCK = {
  /** Who holds it decides. */
  section: 0,
  /** One for each slot: its member lives. */
  lives: 1024,
  /** One for each slot: its member was overtaken too often, and must not be any more. */
  waits: 2048,
} as const;

/** A record is replaced in microseconds, so one that can't be read so often in a row is damaged. */
const READ_TRIES = 4;

/** A member as it was at the last reading. */
export interface Member {
  readonly record: LedgerRecord;
  /** What a meter has seen of its running loads since the record was written. */
  readonly meteredBytes: number;
}

export interface ReadMembers {
  readonly members: readonly Member[];
  /** Why what somebody told can't be understood: then what it told before counts, if it is known. */
  readonly unread?: LedgerFailure;
}

interface KnownRecord {
  readonly version: number;
  readonly record: LedgerRecord;
}

export class LedgerMembers {
  readonly #file: LedgerFile;
  readonly #locks: NativeLocks;
  readonly #known = new Map<number, KnownRecord>();

  constructor(file: LedgerFile, locks: NativeLocks) {
    this.#file = file;
    this.#locks = locks;
  }

  /** Reads all members but the one in the slot `own`, and empties the slots of those that are gone. Throws what the system says. */
  read(own: number | undefined): ReadMembers {
    const members: Member[] = [];
    let unread: LedgerFailure | undefined;
    this.#file.readIndex();
    for (const slot of this.#file.listUsed()) {
      if (slot === own) continue;
      if (this.#isGone(slot)) continue;
      const fresh = this.#readRecord(slot);
      // It left meanwhile.
      if (!fresh && !this.#file.isUsed(slot)) continue;
      // What it said last counts on.
      const known = fresh ?? this.#known.get(slot);
      if (known) {
        this.#known.set(slot, known);
        const { record } = known;
        const { number, takenBytes } = record.meter ?? { number: 0, takenBytes: 0 };
        const meteredBytes = Math.max(0, this.#file.getMeteredBytes(slot, number) - takenBytes);
        members.push({ record, meteredBytes });
      }
      if (!fresh) unread = this.#describeUnread(known);
    }
    return { members, ...(unread && { unread }) };
  }

  #isGone(slot: number): boolean {
    const { descriptor } = this.#file;
    if (this.#locks.ask(descriptor, LOCK.lives + slot, 1) !== 1) return false;
    this.#known.delete(slot);
    // Whoever holds its lock may write to a slot.
    if (this.#locks.tryLock(descriptor, LOCK.lives + slot) !== 1) return true;
    try {
      this.#file.clear(slot);
    } finally {
      this.#locks.unlock(descriptor, LOCK.lives + slot);
    }
    return true;
  }

  #readRecord(slot: number): KnownRecord | undefined {
    for (let tries = 1; tries <= READ_TRIES; tries++) {
      const entry = this.#file.getEntry(slot);
      const known = this.#known.get(slot);
      if (entry && entry.version === known?.version) return known;
      const text = entry && this.#file.readRecord(slot, entry);
      const record = text === undefined ? undefined : parseRecord(text);
      if (entry && record) return { version: entry.version, record };
      if (text !== undefined) return undefined;
      this.#file.readIndex();
    }
    return undefined;
  }

  #describeUnread(known: KnownRecord | undefined): LedgerFailure {
    const who = known ? `that of process ${known.record.pid}` : 'one';
    const found = `${who} damaged or written by a newer version of this package`;
    return new LedgerFailure(`Expected to understand all records in ${this.#file.path}, found ${found}.`);
  }
}
