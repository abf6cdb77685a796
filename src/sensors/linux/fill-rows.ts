/** Knows the lines of each kernel file and the cells of the flat rows they belong to; it opens nothing. */

import { AVAILABLE, DIRTY, HIDDEN, LIMIT, RECLAIMABLE, STRIDE, SWAP_LIMIT, SWAP_USED, USED } from '../scope-rows.ts';
import { GARBAGE, keysOf, parseNumberFile, scanKeys } from './kernel-text.ts';

/** MemTotal:       24683656 kB */
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
/** The measure needs no more than these, and they are the first three lines. */
const MEMINFO_SHORT = 3;
/** VmSize:	    3060 kB */
const STATUS_NAMES = ['VmSize:', 'VmData:'];
/** total_inactive_file 58413056. `total_` is recursive; hierarchical_memory_limit stands before them. */
const STAT_V1_NAMES = ['total_dirty ', 'total_writeback ', 'total_inactive_file ', 'total_active_file '];
const HIERARCHICAL_NAMES = ['hierarchical_memory_limit ', ...STAT_V1_NAMES];
/** inactive_file 58413056. Recursive. */
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

const MEMINFO_KEYS = keysOf(...MEMINFO_NAMES);
const STATUS_KEYS = keysOf(...STATUS_NAMES);
const STAT_V1_KEYS = keysOf(...STAT_V1_NAMES);
const HIERARCHICAL_KEYS = keysOf(...HIERARCHICAL_NAMES);
const STAT_V2_KEYS = keysOf(...STAT_V2_NAMES);

const values = new Float64Array(16);

function value(index: number): number {
  return values[index] as number;
}

/** What is in use, unlike a limit, is always a number of bytes. */
export function isUsage(column: number): boolean {
  return column === USED || column === SWAP_USED;
}

/** The first of `names` from `from` to `to` whose number is missing or garbage. */
function missing(names: readonly string[], from: number, to: number): string | undefined {
  for (let index = from; index < to; index++)
    if (!(value(index) >= 0 && value(index) < Number.POSITIVE_INFINITY)) return names[index];
  return undefined;
}

/** The first one that is there and is no number: absent is allowed for these. */
function garbled(names: readonly string[], from: number, to: number): string | undefined {
  for (let index = from; index < to; index++)
    if (value(index) === GARBAGE || value(index) === Number.POSITIVE_INFINITY) return names[index];
  return undefined;
}

/** Every fill answers `undefined`, or the key whose number it misses. */
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
  const bad = missing(MEMINFO_NAMES, 0, MEMINFO_SHORT);
  if (bad !== undefined) return bad;
  rows[LIMIT] = value(0) * 1024;
  rows[USED] = (value(0) - value(1)) * 1024;
  rows[AVAILABLE] = value(2) * 1024;
  return all ? fillRest(rows, commitRow, swap) : undefined;
}

function fillRest(rows: Float64Array, commitRow: number, swap: boolean): string | undefined {
  const bad =
    missing(MEMINFO_NAMES, 3, 5) ??
    (swap ? missing(MEMINFO_NAMES, 5, 6) : undefined) ??
    garbled(MEMINFO_NAMES, 6, 9) ??
    (commitRow === 0 ? undefined : missing(MEMINFO_NAMES, 9, 11));
  if (bad !== undefined) return bad;
  // Some stand-ins for /proc have no slab line. The host's availability is MemAvailable and does not depend on it.
  rows[RECLAIMABLE] = (value(3) + value(4)) * 1024;
  if (value(8) > 0) rows[RECLAIMABLE] += value(8) * 1024;
  rows[DIRTY] = (value(6) + value(7)) * 1024;
  if (swap) rows[SWAP_LIMIT] = value(5) * 1024;
  if (commitRow !== 0) {
    rows[commitRow * STRIDE + LIMIT] = value(9) * 1024;
    rows[commitRow * STRIDE + USED] = value(10) * 1024;
  }
  return undefined;
}

export function fillStatus(
  bytes: Uint8Array,
  length: number,
  rows: Float64Array,
  sizeRow: number,
  dataRow: number,
): string | undefined {
  scanKeys(bytes, length, STATUS_KEYS, 2, values);
  const bad = missing(STATUS_NAMES, 0, 2);
  if (bad !== undefined) return bad;
  if (sizeRow !== 0) rows[sizeRow * STRIDE + USED] = value(0) * 1024;
  if (dataRow !== 0) rows[dataRow * STRIDE + USED] = value(1) * 1024;
  return undefined;
}

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
  const limit = first === 1 && !(value(0) >= 0) ? names[0] : undefined;
  const bad = limit ?? garbled(names, first, first + 2) ?? missing(names, first + 2, first + 4);
  if (bad !== undefined) return bad;
  const base = row * STRIDE;
  if (hidden) rows[base + HIDDEN] = value(0);
  rows[base + DIRTY] = value(first) + value(first + 1);
  rows[base + RECLAIMABLE] = value(first + 2) + value(first + 3);
  return undefined;
}

export function fillStatV2(bytes: Uint8Array, length: number, rows: Float64Array, row: number): string | undefined {
  scanKeys(bytes, length, STAT_V2_KEYS, 6, values);
  const bad = garbled(STAT_V2_NAMES, 0, 2) ?? missing(STAT_V2_NAMES, 2, 6);
  if (bad !== undefined) return bad;
  const base = row * STRIDE;
  rows[base + DIRTY] = value(0) + value(1);
  rows[base + RECLAIMABLE] = value(2) + value(3) + Math.max(0, value(5) - value(4) * SLAB_OF_LOCKED);
  return undefined;
}
