/** Formats and parses what one process tells the others about its holdings: text with a checksum. Pure: it reads and writes no file. */
import type { HeldFile } from '../core/types.ts';

/** It is raised only if an older reader would misjudge a newer record; fields that are added are ignored by older readers. */
const FORMAT = 1;

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
  /** The newest of them; the sums above hold all. */
  readonly entries: readonly LedgerEntry[];
}

export interface LedgerRecord extends Holdings {
  readonly pid: number;
  /** Process numbers mean the same only within one namespace. */
  readonly pidNamespace: string;
  /** The scopes that its memory is charged to. */
  readonly scopes: readonly string[];
  /** RssAnon + VmSwap when this was written. It is absent if no load is under way, or the system doesn't tell. */
  readonly anonymousBytes?: number;
}

/** Formats one line of JSON behind the sum that tells a whole record from one that is being written. */
export function formatRecord(record: LedgerRecord): string {
  const body = JSON.stringify({ format: FORMAT, ...record });
  return `${computeChecksum(body)} ${body}\n`;
}

/** Parses a record. `undefined`: the text is cut, changed or of a kind that is not understood. */
export function parseRecord(text: string): LedgerRecord | undefined {
  const end = text.indexOf('\n');
  if (end === -1) return undefined;
  const line = text.slice(0, end);
  const body = line.slice(9);
  if (line[8] !== ' ' || computeChecksum(body) !== line.slice(0, 8)) return undefined;
  try {
    return checkRecord(JSON.parse(body) as unknown);
  } catch {
    return undefined;
  }
}

function checkRecord(value: unknown): LedgerRecord | undefined {
  const record = value as LedgerRecord & { readonly format: unknown };
  const sums = [record.promisedMappedBytes, record.promisedAnonymousBytes, record.loadingAnonymousBytes];
  const lists = [record.files, record.scopes, record.waiting, record.entries];
  const sound =
    record.format === FORMAT &&
    Number.isSafeInteger(record.pid) &&
    typeof record.pidNamespace === 'string' &&
    sums.every(isBytes) &&
    lists.every(Array.isArray) &&
    record.files.every(({ key, bytes }) => typeof key === 'string' && isBytes(bytes)) &&
    record.waiting.every(isWaitingLoad) &&
    isAbsentOr(record.waitingCount, (count) => isBytes(count) && (count as number) >= record.waiting.length);
  return sound ? record : undefined;
}

function isWaitingLoad({ sinceUs, untilUs, mappedBytes, anonymousBytes }: WaitingLoad): boolean {
  return isBytes(sinceUs) && isAbsentOr(untilUs, isBytes) && isBytes(mappedBytes) && isBytes(anonymousBytes);
}

function isAbsentOr(value: unknown, check: (value: unknown) => boolean): boolean {
  return value === undefined || check(value);
}

function isBytes(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** FNV-1a over UTF-16 units, as eight hexadecimal digits. */
function computeChecksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
