/** Who holds what in this process: promises and loaded models. Pure bookkeeping; it reads no memory and decides nothing. */
import type { HeldFile, LoadNeed } from '../core/types.ts';
import type { Holdings, LedgerEntry } from './ledger-record.ts';

/** One promise: to a load under way, a loaded model or a call. */
export interface Reservation {
  readonly id: number;
  readonly owner: number;
  readonly label: string;
  readonly atMs: number;
  readonly need: LoadNeed;
  /** The process's own growth when it was made; absent where it can't be read. */
  readonly grownBytes?: number;
}

/** What the ledger subtracts from what the machine shows. */
export interface Burden {
  /** Files that loaded models keep mapped, each once. */
  readonly mappedBytes: number;
  /** Mapped bytes promised to loads that are still running, of files that nobody has named. */
  readonly promisedMappedBytes: number;
  /** Anonymous bytes promised and not taken yet. */
  readonly promisedAnonymousBytes: number;
  /** The part of them that loads under way may be taking now. */
  readonly loadingAnonymousBytes: number;
}

/** A load's place in the line of those that wait. */
export interface WaitTicket {
  readonly id: number;
  readonly label: string;
  /** What it waits for at the least. */
  readonly need: LoadNeed;
  /** The machine's monotonic clock, in microseconds: the order of the line, also between processes. */
  readonly sinceUs: number;
}

interface Entry extends Reservation {
  state: 'loading' | 'loaded' | 'settled';
  anonymousBytes: number;
  files: readonly HeldFile[];
}

/** So many entries are shown to other processes; the sums hold all. */
const SHOWN = 64;

export class Ledger {
  readonly #entries = new Map<Reservation, Entry>();
  /** In the order in which they came. */
  readonly #waiting = new Set<WaitTicket>();
  #nextId = 1;
  /** The process's own growth when the oldest open promise was made; growth since then is what promises took. */
  #baseBytes: number | undefined;

  get size(): number {
    return this.#entries.size;
  }

  /** Promises the need. `grownBytes` is the process's anonymous memory now, where it can be read. */
  reserve(label: string, need: LoadNeed, atMs: number, grownBytes: number | undefined): Reservation {
    const openBytes = this.#openBytes();
    // Growth beyond all open promises was somebody else's: it must not pay for the new one.
    const othersBytes = grownBytes !== undefined && openBytes !== undefined ? grownBytes - openBytes : undefined;
    this.#baseBytes =
      othersBytes === undefined || this.#baseBytes === undefined ? grownBytes : Math.max(this.#baseBytes, othersBytes);
    const reservation = Object.freeze({
      id: this.#nextId++,
      owner: process.pid,
      label,
      atMs,
      need,
      ...(grownBytes !== undefined && { grownBytes }),
    });
    this.#entries.set(reservation, {
      ...reservation,
      state: 'loading',
      anonymousBytes: need.anonymousBytes,
      // Named files count once from the promise on, whoever else maps or is promised them.
      files: need.files ?? [],
    });
    return reservation;
  }

  /**
   * The load is done: its mapped bytes move from the promise to the files held. Bytes mapped beyond the mapped
   * promise were promised as anonymous (the table knows no difference) and leave that promise.
   */
  loaded(reservation: Reservation, files: readonly HeldFile[] | undefined): void {
    const entry = this.#entries.get(reservation);
    if (!entry) return;
    const { mappedBytes } = entry.need;
    const found = files ?? namedOr(entry, mappedBytes);
    entry.files = [];
    // A file that another model mapped before was never part of this promise.
    const foundBytes = found.reduce((sum, { bytes }) => sum + bytes, 0) - this.heldBytes(found);
    entry.state = 'loaded';
    entry.files = found;
    entry.anonymousBytes = Math.max(0, entry.anonymousBytes - Math.max(0, foundBytes - mappedBytes));
  }

  /** The first full call is done: what the model needs, it has taken. Promises that stay open keep what is left of the growth. */
  settle(reservation: Reservation, grownBytes: number | undefined): void {
    const entry = this.#entries.get(reservation);
    if (entry?.state !== 'loaded') return;
    this.#absorb(entry, grownBytes);
    entry.state = 'settled';
  }

  /** Forgets the reservation. False where it was forgotten already. */
  release(reservation: Reservation, grownBytes: number | undefined): boolean {
    const entry = this.#entries.get(reservation);
    // What it took is still resident for a moment: it must not pay for the promises that stay.
    if (entry && entry.state !== 'settled') this.#absorb(entry, grownBytes);
    return this.#entries.delete(reservation);
  }

  /** Takes a place in the line. */
  wait(label: string, need: LoadNeed, sinceUs: number): WaitTicket {
    const ticket = Object.freeze({ id: this.#nextId++, label, need, sinceUs });
    this.#waiting.add(ticket);
    return ticket;
  }

  /** Leaves the line, for whatever reason. */
  endWait(ticket: WaitTicket): void {
    this.#waiting.delete(ticket);
  }

  /** The loads that wait before this one; all that wait for one without a place. */
  before(ticket: WaitTicket | undefined): readonly WaitTicket[] {
    const line = [...this.#waiting];
    return ticket && this.#waiting.has(ticket) ? line.slice(0, line.indexOf(ticket)) : line;
  }

  /** Bytes of these files that loaded models keep mapped already. */
  heldBytes(files: readonly HeldFile[]): number {
    const held = this.heldKeys();
    return files.reduce((sum, { key, bytes }) => sum + (held.has(key) ? bytes : 0), 0);
  }

  /** Files that loaded models keep mapped. */
  heldKeys(): ReadonlySet<string> {
    const held = new Set<string>();
    for (const { files } of this.#entries.values()) for (const { key } of files) held.add(key);
    return held;
  }

  /** All that is held here, for other processes to see. */
  holdings(grownBytes: number | undefined): Holdings {
    const { promisedMappedBytes, promisedAnonymousBytes, loadingAnonymousBytes } = this.burden(grownBytes);
    const entries = [...this.#entries.values()];
    const files = new Map(entries.flatMap(({ files }) => files).map((file) => [file.key, file]));
    return {
      files: [...files.values()],
      promisedMappedBytes,
      promisedAnonymousBytes,
      loadingAnonymousBytes,
      waiting: [...this.#waiting].map(({ label, sinceUs, need: { mappedBytes, anonymousBytes } }) => ({
        label,
        sinceUs,
        mappedBytes,
        anonymousBytes,
      })),
      entries: entries.slice(-SHOWN).map(shown),
    };
  }

  /** The sum of all entries. `grownBytes` must be read before the machine is: races then err on the safe side. */
  burden(grownBytes: number | undefined): Burden {
    const files = new Map<string, number>();
    let promisedMappedBytes = 0;
    let openBytes = 0;
    let loadingBytes = 0;
    for (const entry of this.#entries.values()) {
      for (const { key, bytes } of entry.files) files.set(key, Math.max(files.get(key) ?? 0, bytes));
      if (entry.state === 'loading') {
        if (!entry.need.files) promisedMappedBytes += entry.need.mappedBytes;
        loadingBytes += entry.anonymousBytes;
      }
      if (entry.state !== 'settled') openBytes += entry.anonymousBytes;
    }
    let mappedBytes = 0;
    for (const bytes of files.values()) mappedBytes += bytes;
    const promisedAnonymousBytes = Math.max(0, openBytes - this.#takenBytes(grownBytes));
    const loadingAnonymousBytes = Math.min(loadingBytes, promisedAnonymousBytes);
    return { mappedBytes, promisedMappedBytes, promisedAnonymousBytes, loadingAnonymousBytes };
  }

  /** What open promises took so far. */
  #takenBytes(grownBytes: number | undefined): number {
    return grownBytes === undefined || this.#baseBytes === undefined ? 0 : Math.max(0, grownBytes - this.#baseBytes);
  }

  /** Takes out of the growth what this entry may have taken at most. Growth that can't be read pays for nothing. */
  #absorb(entry: Entry, grownBytes: number | undefined): void {
    if (grownBytes === undefined) this.#baseBytes = undefined;
    else if (this.#baseBytes !== undefined) {
      this.#baseBytes += Math.min(this.#takenBytes(grownBytes), entry.anonymousBytes);
    }
  }

  /** The sum of open anonymous promises, `undefined` where none is open. */
  #openBytes(): number | undefined {
    let sum: number | undefined;
    for (const { state, anonymousBytes } of this.#entries.values()) {
      if (state !== 'settled') sum = (sum ?? 0) + anonymousBytes;
    }
    return sum;
  }
}

/** Where the mappings can't be read: the files that were promised, or a name of our own for them. */
function namedOr({ id, need }: Reservation, mappedBytes: number): readonly HeldFile[] {
  return need.files ?? (mappedBytes > 0 ? [{ key: `reservation ${id}`, bytes: mappedBytes }] : []);
}

function shown({ owner, label, state, atMs, files, need, anonymousBytes }: Entry): LedgerEntry {
  const mappedBytes = state === 'loading' ? need.mappedBytes : files.reduce((sum, { bytes }) => sum + bytes, 0);
  return { pid: owner, label, state, mappedBytes, anonymousBytes, atMs };
}
