/** Keeps who holds what in this process: reservations and loaded models. Pure bookkeeping; it reads no memory and decides nothing. */
import { MiB } from '../core/bytes.ts';
import { sumFileBytes } from '../core/needed-bytes.ts';
import type { HeldFile, LoadNeed } from '../core/types.ts';
import type { Holdings, LedgerEntry, WaitingLoad } from './ledger-record.ts';
import { isWaiting } from './waiting-order.ts';

/** One moment on two time bases: the guard's clock begins anywhere and can be replaced, the epoch is the same for all processes. */
export interface Moment {
  /** Milliseconds of the guard's clock. */
  readonly clockMs: number;
  /** Milliseconds since the epoch, by the system's clock. */
  readonly epochMs: number;
}

/** Bytes that are reserved for a load under way, a loaded model or a call. */
export interface Reservation {
  readonly id: number;
  /** The process that made it. */
  readonly owner: number;
  readonly label: string;
  /** When it was made, in milliseconds of the guard's clock. */
  readonly atMs: number;
  /** The same moment in milliseconds since the epoch. */
  readonly epochMs: number;
  readonly need: LoadNeed;
}

/** What the ledger subtracts from what the machine shows. All sizes are bytes. */
export interface Burden {
  /** Files that loaded models keep mapped, each once. */
  readonly mappedBytes: number;
  /** Mapped bytes reserved for loads that are still running, of files that nobody has named. */
  readonly promisedMappedBytes: number;
  /** Anonymous bytes reserved and not taken yet. */
  readonly promisedAnonymousBytes: number;
  /** The part of them that loads under way may be taking now. */
  readonly loadingAnonymousBytes: number;
}

/** A load's place in the line of those that wait. It counts until `untilUs`, when the load's own time is over. */
export type WaitTicket = Required<WaitingLoad>;

interface Entry extends Reservation {
  state: 'loading' | 'loaded' | 'settled';
  anonymousBytes: number;
  /** What its load has taken, as far as that is known. */
  takenBytes: number;
  /** What its load is known to take, once that is done. */
  loadBytes: number;
  files: readonly HeldFile[];
  /** What its load maps of them. */
  mapped: readonly HeldFile[];
  /** Anonymous bytes that are kept for its first context. */
  roomBytes: number;
}

/**
 * So much of what a load has taken may go unseen, since it lay in places that were free before. What is missing beyond that has not been
 * taken: an engine may touch its memory only as it is used.
 */
const HIDDEN_SHARE = 1 / 8;
const MOST_HIDDEN_BYTES = 8 * MiB;

/** So many entries are shown to people and other processes; the sums hold all. */
const SHOWN_ENTRIES = 64;

/** Only the first in line counts for others. A few more are told, since each may leave before this is told anew. */
const SHOWN_WAITING = 8;

/**
 * For so long a place in the line holds for other processes unless it is renewed: one that was stopped, or blocks its event loop,
 * must not keep memory from all others.
 */
export const WAIT_LEASE_MS = 3000;

export class Ledger {
  readonly #entries = new Map<Reservation, Entry>();
  /** In the order in which they came. */
  readonly #waiting = new Set<WaitTicket>();
  #nextId = 1;

  /** How many reservations there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Reserves the need. Nothing of it is taken yet. `roomBytes` are kept beside it until `endRoom`. */
  reserve(label: string, need: LoadNeed, { clockMs, epochMs }: Moment, roomBytes = 0): Reservation {
    const reservation = Object.freeze({
      id: this.#nextId++,
      owner: process.pid,
      label,
      atMs: clockMs,
      epochMs,
      need,
    });
    this.#entries.set(reservation, {
      ...reservation,
      state: 'loading',
      anonymousBytes: need.anonymousBytes,
      ...(need.basis === 'unknown' && { unknown: true as const }),
      takenBytes: 0,
      loadBytes: 0,
      // Named files count once from the reservation on, whoever else maps or reserves them.
      files: need.files ?? [],
      mapped: [],
      roomBytes,
    });
    return reservation;
  }

  /**
   * Notes what a load has taken by now, which may be less than before: what it gave back, it may still need. False: nothing has
   * changed.
   */
  noteTaken(reservation: Reservation, bytes: number): boolean {
    const entry = this.#entries.get(reservation);
    if (!entry || entry.takenBytes === bytes) return false;
    entry.takenBytes = bytes;
    if (entry.state !== 'loading') entry.files = selectNeeded(entry);
    return true;
  }

  /** What a running load has taken, as it was noted last. `undefined`: it does not run. */
  getTakenBytes(reservation: Reservation): number | undefined {
    const entry = this.#entries.get(reservation);
    return entry?.state === 'loading' ? entry.takenBytes : undefined;
  }

  /**
   * Notes that a load is done: its mapped bytes move from the reservation to the files held. Bytes mapped beyond those that
   * were reserved as mapped, and beyond the files that were named, were reserved as anonymous (the table knows no difference)
   * and leave that part. `loadBytes`: what a load of this model is known to take, some of which an allocator may hide.
   */
  markLoaded(reservation: Reservation, files: readonly HeldFile[] | undefined, loadBytes = 0): void {
    const entry = this.#entries.get(reservation);
    if (!entry) return;
    const { need } = entry;
    const found = files ?? nameFiles(entry, need.mappedBytes);
    entry.files = [];
    // A file that another model mapped before was never part of this reservation, nor what is copied from a file was reserved as mapped.
    const named = new Map((need.files ?? []).map(({ key, bytes }) => [key, bytes]));
    const kept = found.map(({ key, bytes }) => ({ key, bytes: Math.min(bytes, named.get(key) ?? bytes) }));
    const foundBytes = sumFileBytes(kept) - this.sumHeldBytes(kept);
    // What another process mapped is missing in `mappedBytes`, and was no anonymous memory either.
    const reservedBytes = Math.max(need.mappedBytes, sumFileBytes(need.files ?? []));
    entry.state = 'loaded';
    entry.loadBytes = loadBytes;
    entry.mapped = found;
    entry.files = selectNeeded(entry);
    entry.anonymousBytes = Math.max(0, entry.anonymousBytes - Math.max(0, foundBytes - reservedBytes));
  }

  /** Notes that the first full call is done: what the model needs, it has taken. */
  settle(reservation: Reservation): void {
    const entry = this.#entries.get(reservation);
    if (entry?.state === 'loaded') entry.state = 'settled';
  }

  /** What was kept for a first context is free again. False if nothing was. */
  endRoom(reservation: Reservation): boolean {
    const entry = this.#entries.get(reservation);
    if (!entry || entry.roomBytes === 0) return false;
    entry.roomBytes = 0;
    return true;
  }

  /** Forgets the reservation, and what was taken of it. False: it was forgotten already. */
  release(reservation: Reservation): boolean {
    return this.#entries.delete(reservation);
  }

  /** Takes a place in the line. */
  wait(ticket: WaitTicket): void {
    this.#waiting.add(ticket);
  }

  /** Leaves the line, for whatever reason. False if it was left already. */
  endWait(ticket: WaitTicket): boolean {
    return this.#waiting.delete(ticket);
  }

  /** The loads that wait, in their order. */
  get waiting(): ReadonlySet<WaitTicket> {
    return this.#waiting;
  }

  /** Finds the load that waits first. `undefined` if none does, or this one itself is the first. */
  findFirstWaiting(ticket: WaitTicket | undefined, nowUs: number): WaitTicket | undefined {
    for (const first of this.#waiting) if (isWaiting(first, nowUs)) return first === ticket ? undefined : first;
    return undefined;
  }

  /** Adds up the bytes of these files that loaded models keep mapped already. */
  sumHeldBytes(files: readonly HeldFile[]): number {
    const held = this.listHeldKeys();
    return files.reduce((sum, { key, bytes }) => sum + (held.has(key) ? bytes : 0), 0);
  }

  /** Lists the files that loaded models keep mapped. */
  listHeldKeys(): ReadonlySet<string> {
    const held = new Set<string>();
    for (const { files } of this.#entries.values()) for (const { key } of files) held.add(key);
    return held;
  }

  /** Lists the newest reservations, for people. */
  listEntries(): readonly LedgerEntry[] {
    return [...this.#entries.values()].slice(-SHOWN_ENTRIES).map(describeEntry);
  }

  /** Describes all that is held here for other processes, for whom places in the line hold a while from `nowUs` on. */
  describeHoldings(nowUs: number): Holdings {
    const { promisedMappedBytes, promisedAnonymousBytes, loadingAnonymousBytes } = this.computeBurden();
    const files = new Map<string, HeldFile>();
    for (const entry of this.#entries.values()) {
      for (const file of entry.files) if (file.bytes >= (files.get(file.key)?.bytes ?? 0)) files.set(file.key, file);
    }
    const leaseUs = nowUs + WAIT_LEASE_MS * 1000;
    return {
      files: [...files.values()],
      promisedMappedBytes,
      promisedAnonymousBytes,
      loadingAnonymousBytes,
      waiting: this.#listFirst().map((ticket) => ({ ...ticket, untilUs: Math.min(ticket.untilUs, leaseUs) })),
      waitingCount: this.#waiting.size,
      entries: this.listEntries(),
    };
  }

  #listFirst(): readonly WaitTicket[] {
    const first: WaitTicket[] = [];
    for (const ticket of this.#waiting) if (first.push(ticket) === SHOWN_WAITING) break;
    return first;
  }

  /** Adds up all entries. */
  computeBurden(): Burden {
    const files = new Map<string, number>();
    let promisedMappedBytes = 0;
    let promisedAnonymousBytes = 0;
    let loadingAnonymousBytes = 0;
    for (const entry of this.#entries.values()) {
      for (const { key, bytes } of entry.files) files.set(key, Math.max(files.get(key) ?? 0, bytes));
      if (entry.state === 'loading') {
        if (!entry.need.files) promisedMappedBytes += entry.need.mappedBytes;
        loadingAnonymousBytes += countLeft(entry);
      }
      promisedAnonymousBytes += countLeft(entry) + entry.roomBytes;
    }
    let mappedBytes = 0;
    for (const bytes of files.values()) mappedBytes += bytes;
    return { mappedBytes, promisedMappedBytes, promisedAnonymousBytes, loadingAnonymousBytes };
  }
}

/** What of a reservation is still to be taken. Nothing of one entry pays for another. */
function countLeft({ state, anonymousBytes, takenBytes, loadBytes }: Entry): number {
  if (state === 'settled') return 0;
  const hiddenBytes = Math.min(Math.max(0, loadBytes - takenBytes), loadBytes * HIDDEN_SHARE, MOST_HIDDEN_BYTES);
  // Records hold whole numbers.
  return Math.max(0, anonymousBytes - takenBytes - Math.floor(hiddenBytes));
}

/**
 * What is needed of the files that a load maps. Weights that an engine copies into another layout are read once: of a file that was
 * expected to be copied from, that is so as far as anonymous memory was taken for copies.
 */
function selectNeeded({ need, mapped, takenBytes }: Entry): readonly HeldFile[] {
  const named = new Map((need.files ?? []).map(({ key, bytes }) => [key, bytes]));
  const countCopied = ({ key, bytes }: HeldFile) => Math.max(0, bytes - (named.get(key) ?? bytes));
  const copiedBytes = mapped.reduce((sum, file) => sum + countCopied(file), 0);
  // What isn't for copies may have been taken first.
  let provenBytes = Math.max(0, takenBytes - Math.max(0, need.anonymousBytes - copiedBytes));
  return mapped.map((file) => {
    const lessBytes = Math.min(countCopied(file), provenBytes);
    provenBytes -= lessBytes;
    return lessBytes === 0 ? file : { ...file, bytes: file.bytes - lessBytes };
  });
}

/** Names the files of a load whose mappings can't be read: those that were reserved, or one with a name of our own. */
function nameFiles({ id, need }: Reservation, mappedBytes: number): readonly HeldFile[] {
  return need.files ?? (mappedBytes > 0 ? [{ key: `reservation ${id}`, bytes: mappedBytes }] : []);
}

function describeEntry({ owner, label, state, epochMs, files, need, anonymousBytes }: Entry): LedgerEntry {
  const mappedBytes = state === 'loading' ? need.mappedBytes : sumFileBytes(files);
  const unknown = need.basis === 'unknown' && { unknown: true as const };
  return { pid: owner, label, state, mappedBytes, anonymousBytes, ...unknown, atMs: epochMs };
}
