/** Formats and parses what one process tells the others about its holdings. Pure: it reads and writes no file. */
import { sumFileBytes } from '../core/needed-bytes.ts';
import { printable } from '../core/printable.ts';
import type { HeldFile } from '../core/types.ts';
import { LedgerFailure } from './ledger-failure.ts';

/**
 * It is raised only if an older version of this package would misjudge a newer record; then the older one refuses loads. Fields that are
 * added are ignored by older versions, so that versions side by side count each other.
 */
const FORMAT = 2;

/** What a record has at most: longer lists are cut, in a way that counts more rather than less. */
const MOST = { scopes: 32, files: 64, waiting: 8, entries: 32, letters: 200 };

/** The same if the names in it are too long even so. */
const LEAST = { ...MOST, scopes: 0, files: 0, entries: 0, letters: 1 };

/** One reservation as `guard.ledger.entries()` shows it. It is for people: sums that are kept beside the entries decide. */
export interface LedgerEntry {
  /** The process that made the reservation. */
  readonly pid: number;
  /** The model's name, or what else the reservation is for. */
  readonly label: string;
  /**
   * `loading`: the load is running. `loaded`: the load is done, and a first full call is still to come. `settled`: such a call
   * has run, so that the model has taken what it needs.
   */
  readonly state: 'loading' | 'loaded' | 'settled';
  /** While it loads, the file-backed bytes that were reserved; afterwards those of the files that it keeps mapped. */
  readonly mappedBytes: number;
  /** The anonymous bytes that were reserved, whether or not they are taken already. */
  readonly anonymousBytes: number;
  /** Nobody knows what it needs, so that nothing was reserved. Absent otherwise, and in a record of an older version. */
  readonly unknown?: true;
  /**
   * When it was reserved, in milliseconds since the epoch, by the system's clock (`Date.now()`). That holds for a shared ledger
   * as for a private one, and also if the guard has a `clock` of its own, whose milliseconds have no fixed beginning.
   */
  readonly atMs: number;
}

/** A load that waits, in the order of the machine's monotonic clock. */
export interface WaitingLoad {
  readonly label: string;
  /** When it took its place, in microseconds of that clock. */
  readonly sinceUs: number;
  /** From then on it counts no more, by the same clock. Absent: it counts until it leaves. */
  readonly untilUs?: number;
  /** What it waits for at the least. */
  readonly mappedBytes: number;
  readonly anonymousBytes: number;
}

/** A meter that writes beside the record what one running load has taken. */
export interface RecordMeter {
  /** What it writes counts only under this number. */
  readonly number: number;
  /** What the record has taken off already of what was reserved. */
  readonly takenBytes: number;
}

/** All that a process holds. All sizes are bytes. */
export interface Holdings {
  /** Files that its models keep mapped, each once. */
  readonly files: readonly HeldFile[];
  /** Reserved for loads under way, of files that nobody has named. */
  readonly promisedMappedBytes: number;
  /** Reserved and not taken when this was written. */
  readonly promisedAnonymousBytes: number;
  /** The part of it that a load which is running now may be taking, since this was written. */
  readonly loadingAnonymousBytes: number;
  /** The first of the loads that wait. */
  readonly waiting: readonly WaitingLoad[];
  /** How many wait. Absent in a record of an older version, which names all of them. */
  readonly waitingCount?: number;
  /** What measures the load that runs, also while its process can't tell. It is absent if nothing does. */
  readonly meter?: RecordMeter;
  /** The newest of them; the sums above hold all. */
  readonly entries: readonly LedgerEntry[];
}

export interface LedgerRecord extends Holdings {
  readonly pid: number;
  /** Process numbers mean the same only within one namespace. */
  readonly pidNamespace: string;
  /** The scopes that its memory is charged to. */
  readonly scopes: readonly string[];
}

/**
 * @internal Formats a record of at most `mostBytes`.
 *
 * @throws LedgerFailure if others would not understand it: then it is our load that is refused, and not each of theirs.
 */
export function formatRecord(record: LedgerRecord, mostBytes: number): Buffer {
  const bounded = bound(record, MOST);
  if (!checkRecord({ ...bounded, format: FORMAT }))
    throw new LedgerFailure(
      'Expected what this process holds to be whole numbers and short texts, found something else.',
    );
  const text = format(bounded);
  // In JSON a letter takes up to six bytes.
  return text.length <= mostBytes ? text : format(bound(record, LEAST));
}

/** Parses a record. `undefined`: it is not understood, and no part of it may be believed. */
export function parseRecord(text: string): LedgerRecord | undefined {
  try {
    return checkRecord(JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function format(record: LedgerRecord): Buffer {
  return Buffer.from(JSON.stringify({ format: FORMAT, ...record }));
}

/** Files for which there is no room count as if nobody else had them. Without its scopes, a process shares all of ours. */
function bound(record: LedgerRecord, most: typeof MOST): LedgerRecord {
  const { scopes, waiting, entries } = record;
  const files = record.files.filter(({ key }) => key.length <= most.letters).slice(0, most.files);
  const clip = (text: string) => (text.length > most.letters ? `${text.slice(0, most.letters - 1)}…` : text);
  return {
    ...record,
    scopes: scopes.length > most.scopes || scopes.some((scope) => scope.length > most.letters) ? [] : scopes,
    files,
    promisedMappedBytes: record.promisedMappedBytes + sumFileBytes(record.files) - sumFileBytes(files),
    waiting: waiting.slice(0, most.waiting).map((load) => ({ ...load, label: clip(load.label) })),
    entries: entries
      .slice(Math.max(0, entries.length - most.entries))
      .map((entry) => ({ ...entry, label: clip(entry.label) })),
  };
}

const STATES: readonly unknown[] = ['loading', 'loaded', 'settled'];

function checkRecord(value: unknown): LedgerRecord | undefined {
  const record = value as LedgerRecord & { readonly format: unknown };
  const sums = [record.promisedMappedBytes, record.promisedAnonymousBytes, record.loadingAnonymousBytes];
  const sound =
    record.format === FORMAT &&
    isCount(record.pid) &&
    isText(record.pidNamespace) &&
    isAbsentOr(record.meter, ({ number, takenBytes }) => isCount(number) && isCount(takenBytes)) &&
    sums.every(isCount) &&
    isList(record.scopes, MOST.scopes, isText) &&
    isList(record.files, MOST.files, ({ key, bytes }) => isText(key) && isCount(bytes)) &&
    isList(record.waiting, MOST.waiting, isWaitingLoad) &&
    isAbsentOr(record.waitingCount, (count) => isCount(count) && count >= record.waiting.length) &&
    isList(record.entries, MOST.entries, isEntry);
  if (!sound) return undefined;
  const { pid, pidNamespace, scopes, promisedMappedBytes, promisedAnonymousBytes, loadingAnonymousBytes } = record;
  return {
    pid,
    pidNamespace,
    scopes,
    promisedMappedBytes,
    promisedAnonymousBytes,
    loadingAnonymousBytes,
    ...(record.meter && { meter: record.meter }),
    ...(record.waitingCount !== undefined && { waitingCount: record.waitingCount }),
    files: record.files,
    waiting: record.waiting.map((load) => ({ ...load, label: printable(load.label) })),
    entries: record.entries.map((entry) => ({ ...entry, label: printable(entry.label) })),
  };
}

function isWaitingLoad({ label, sinceUs, untilUs, mappedBytes, anonymousBytes }: WaitingLoad): boolean {
  return isText(label) && isAbsentOr(untilUs, isCount) && [sinceUs, mappedBytes, anonymousBytes].every(isCount);
}

function isEntry({ pid, label, state, mappedBytes, anonymousBytes, atMs }: LedgerEntry): boolean {
  return (
    isText(label) &&
    STATES.includes(state) &&
    [pid, mappedBytes, anonymousBytes].every(isCount) &&
    Number.isFinite(atMs)
  );
}

function isList<T>(value: readonly T[], most: number, isSound: (each: T) => boolean): boolean {
  return Array.isArray(value) && value.length <= most && value.every(isSound);
}

function isAbsentOr<T>(value: T | undefined, check: (value: T) => boolean): boolean {
  return value === undefined || check(value);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MOST.letters;
}

/** A whole number from 0. */
function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
