/** Fills the flat rows from the lines of each kernel file; it opens nothing. native/linux/fill_rows.cc does the same. */
import { AVAILABLE, DIRTY, HIDDEN, LIMIT, RECLAIMABLE, STRIDE, SWAP_LIMIT, SWAP_USED, USED } from '../scope-rows.ts';
import { encodeKeys, GARBAGE, parseNumberFile, scanKeys } from './kernel-text.ts';

/** `MemTotal:       24683656 kB`. The functions below name these lines by their place in the list. */
const MEMINFO_NAMES = [
  'MemTotal:',
  'MemFree:',
  'MemAvailable:',
  'Active(file):',
  'Inactive(file):',
  'SwapFree:',
  'Dirty:',
  'Writeback:',
  'SReclaimable:',
  'CommitLimit:',
  'Committed_AS:',
];
/** A measure needs only so many of them, and they are the first three lines of the file. */
const MEMINFO_SHORT = 3;
/** `VmSize:	    3060 kB` */
const STATUS_NAMES = ['VmSize:', 'VmData:'];
/** `total_inactive_file 58413056`. What begins with `total_` is recursive; hierarchical_memory_limit stands before them. */
const STAT_V1_NAMES = ['total_dirty ', 'total_writeback ', 'total_inactive_file ', 'total_active_file '];
const HIERARCHICAL_NAMES = ['hierarchical_memory_limit ', ...STAT_V1_NAMES];
/** `inactive_file 58413056`. All of them are recursive. */
const STAT_V2_NAMES = [
  'file_dirty ',
  'file_writeback ',
  'inactive_file ',
  'active_file ',
  'unevictable ',
  'slab_reclaimable ',
];
/**
 * Slab that locked pages hold (buffer heads, nodes of the page cache) is called reclaimable and is not: 7.3 MiB beside 240 MiB
 * of a locked file on ext4, Linux 6.1.
 */
const SLAB_OF_LOCKED = 1 / 32;

const MEMINFO_KEYS = encodeKeys(...MEMINFO_NAMES);
const STATUS_KEYS = encodeKeys(...STATUS_NAMES);
const STAT_V1_KEYS = encodeKeys(...STAT_V1_NAMES);
const HIERARCHICAL_KEYS = encodeKeys(...HIERARCHICAL_NAMES);
const STAT_V2_KEYS = encodeKeys(...STAT_V2_NAMES);

/** The numbers of the file that is being filled from, in the order of its names. */
const values = new Float64Array(16);

/** Whether a column says what is in use. Unlike a limit, that is always a number of bytes. */
export function isUsage(column: number): boolean {
  return column === USED || column === SWAP_USED;
}

/**
 * Fills one cell from a file of one number.
 *
 * @returns This and every other fill: `undefined`, or the key whose number is missing or garbage ('' in a file of one number).
 */
export function fillNumber(
  bytes: Uint8Array,
  length: number,
  rows: Float64Array,
  row: number,
  column: number,
): string | undefined {
  const parsed = parseNumberFile(bytes, length);
  if (parsed === GARBAGE || (parsed === Number.POSITIVE_INFINITY && isUsage(column))) return '';
  rows[row * STRIDE + column] = parsed;
  return undefined;
}

/** Fills the host's row from /proc/meminfo, and the commit row unless it is 0. Not `full`: only what a measure needs. */
export function fillMeminfo(
  bytes: Uint8Array,
  length: number,
  rows: Float64Array,
  commitRow: number,
  full: boolean,
  swap: boolean,
): string | undefined {
  const all = full || swap || commitRow !== 0;
  scanKeys(bytes, length, MEMINFO_KEYS, all ? MEMINFO_KEYS.length : MEMINFO_SHORT, values);
  const bad = findMissing(MEMINFO_NAMES, 0, MEMINFO_SHORT);
  if (bad !== undefined) return bad;
  rows[LIMIT] = values[0]! * 1024;
  rows[USED] = (values[0]! - values[1]!) * 1024;
  rows[AVAILABLE] = values[2]! * 1024;
  return all ? fillMeminfoRest(rows, commitRow, swap) : undefined;
}

function fillMeminfoRest(rows: Float64Array, commitRow: number, swap: boolean): string | undefined {
  const bad =
    findMissing(MEMINFO_NAMES, 3, 5) ??
    (swap ? findMissing(MEMINFO_NAMES, 5, 6) : undefined) ??
    findGarbled(MEMINFO_NAMES, 6, 9) ??
    (commitRow === 0 ? undefined : findMissing(MEMINFO_NAMES, 9, 11));
  if (bad !== undefined) return bad;
  // Some stand-ins for /proc have no slab line. The host's availability is MemAvailable and does not depend on it.
  rows[RECLAIMABLE] = (values[3]! + values[4]!) * 1024;
  if (values[8]! > 0) rows[RECLAIMABLE] += values[8]! * 1024;
  rows[DIRTY] = (values[6]! + values[7]!) * 1024;
  if (swap) rows[SWAP_LIMIT] = values[5]! * 1024;
  if (commitRow !== 0) {
    rows[commitRow * STRIDE + LIMIT] = values[9]! * 1024;
    rows[commitRow * STRIDE + USED] = values[10]! * 1024;
  }
  return undefined;
}

/** Fills the usage of the rows of RLIMIT_AS and RLIMIT_DATA from /proc/self/status; a row of 0 is not filled. */
export function fillStatus(
  bytes: Uint8Array,
  length: number,
  rows: Float64Array,
  sizeRow: number,
  dataRow: number,
): string | undefined {
  scanKeys(bytes, length, STATUS_KEYS, 2, values);
  const bad = findMissing(STATUS_NAMES, 0, 2);
  if (bad !== undefined) return bad;
  if (sizeRow !== 0) rows[sizeRow * STRIDE + USED] = values[0]! * 1024;
  if (dataRow !== 0) rows[dataRow * STRIDE + USED] = values[1]! * 1024;
  return undefined;
}

/** Fills what can be reclaimed from a v1 memory.stat; `hidden`: also the limit that ancestors set which can't be seen. */
export function fillStatV1(
  bytes: Uint8Array,
  length: number,
  rows: Float64Array,
  row: number,
  hidden: boolean,
): string | undefined {
  const names = hidden ? HIERARCHICAL_NAMES : STAT_V1_NAMES;
  const first = hidden ? 1 : 0;
  scanKeys(bytes, length, hidden ? HIERARCHICAL_KEYS : STAT_V1_KEYS, names.length, values);
  const limit = hidden && !(values[0]! >= 0) ? names[0] : undefined;
  const bad = limit ?? findGarbled(names, first, first + 2) ?? findMissing(names, first + 2, first + 4);
  if (bad !== undefined) return bad;
  const base = row * STRIDE;
  if (hidden) rows[base + HIDDEN] = values[0]!;
  rows[base + DIRTY] = values[first]! + values[first + 1]!;
  rows[base + RECLAIMABLE] = values[first + 2]! + values[first + 3]!;
  return undefined;
}

/** Fills what can be reclaimed from a v2 memory.stat. */
export function fillStatV2(bytes: Uint8Array, length: number, rows: Float64Array, row: number): string | undefined {
  scanKeys(bytes, length, STAT_V2_KEYS, 6, values);
  const bad = findGarbled(STAT_V2_NAMES, 0, 2) ?? findMissing(STAT_V2_NAMES, 2, 6);
  if (bad !== undefined) return bad;
  const base = row * STRIDE;
  rows[base + DIRTY] = values[0]! + values[1]!;
  rows[base + RECLAIMABLE] = values[2]! + values[3]! + Math.max(0, values[5]! - values[4]! * SLAB_OF_LOCKED);
  return undefined;
}

/** Finds the first of `names` from `from` to `to` whose number is missing or garbage. */
function findMissing(names: readonly string[], from: number, to: number): string | undefined {
  for (let index = from; index < to; index++)
    if (!(values[index]! >= 0 && values[index]! < Number.POSITIVE_INFINITY)) return names[index];
  return undefined;
}

/** Finds the first one that is there and is no number; these may be absent. */
function findGarbled(names: readonly string[], from: number, to: number): string | undefined {
  for (let index = from; index < to; index++)
    if (values[index] === GARBAGE || values[index] === Number.POSITIVE_INFINITY) return names[index];
  return undefined;
}
