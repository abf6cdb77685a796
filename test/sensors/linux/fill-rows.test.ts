/** What each kernel file fills. Whole files and both readers are held to account in test/contract/linux-readers.test.ts. */
import { describe, expect, it } from 'vitest';
import {
  fillMeminfo,
  fillNumber,
  fillStatus,
  fillStatV1,
  fillStatV2,
  isUsage,
} from '../../../src/sensors/linux/fill-rows.ts';
import {
  AVAILABLE,
  DIRTY,
  HIDDEN,
  HIGH,
  LIMIT,
  RECLAIMABLE,
  STRIDE,
  SWAP_LIMIT,
  SWAP_USED,
  USED,
} from '../../../src/sensors/scope-rows.ts';

/** Three rows that nothing has filled. */
const emptyRows = () => new Float64Array(3 * STRIDE).fill(Number.NaN);

/** Fills rows from a text; gives them with the key that was missed. */
function fill(text: string, action: (bytes: Buffer, length: number, rows: Float64Array) => string | undefined) {
  const rows = emptyRows();
  const bad = action(Buffer.from(text), Buffer.byteLength(text), rows);
  const cell = (row: number, column: number) => rows[row * STRIDE + column];
  return { bad, rows, cell };
}

const MEMINFO =
  'MemTotal: 1000 kB\nMemFree: 500 kB\nMemAvailable: 900 kB\nActive(file): 4 kB\nInactive(file): 3 kB\nSwapFree: 70 kB\n' +
  'Dirty: 1 kB\nWriteback: 2 kB\nSReclaimable: 5 kB\nCommitLimit: 800 kB\nCommitted_AS: 300 kB\n';

describe('a file of one number', () => {
  it('fills one cell', () => {
    const { bad, cell } = fill('4096\n', (bytes, length, rows) => fillNumber(bytes, length, rows, 1, HIGH));
    expect([bad, cell(1, HIGH), cell(0, HIGH)]).toEqual([undefined, 4096, Number.NaN]);
  });

  it('may be "max" as a limit, and not as a usage', () => {
    const missed = (column: number) =>
      fill('max\n', (bytes, length, rows) => fillNumber(bytes, length, rows, 1, column)).bad;
    expect([LIMIT, HIGH, SWAP_LIMIT].map(missed)).toEqual([undefined, undefined, undefined]);
    expect([USED, SWAP_USED].map(missed)).toEqual(['', '']);
    expect([LIMIT, USED, SWAP_LIMIT, SWAP_USED].map(isUsage)).toEqual([false, true, false, true]);
  });
});

describe('meminfo', () => {
  const meminfo = (text: string, commitRow: number, full: boolean, swap: boolean) =>
    fill(text, (bytes, length, rows) => fillMeminfo(bytes, length, rows, commitRow, full, swap));

  it('fills what a measure needs, and no more', () => {
    const { bad, cell } = meminfo(MEMINFO, 0, false, false);
    expect(bad).toBeUndefined();
    expect([LIMIT, USED, AVAILABLE].map((column) => cell(0, column))).toEqual(
      [1000, 500, 900].map((kib) => kib * 1024),
    );
    expect([RECLAIMABLE, DIRTY, SWAP_LIMIT].map((column) => cell(0, column))).toEqual([NaN, NaN, NaN]);
  });

  it('fills the rest for a snapshot: file pages and slab, dirty pages, swap only if it counts', () => {
    const { cell } = meminfo(MEMINFO, 0, true, false);
    expect([cell(0, RECLAIMABLE), cell(0, DIRTY), cell(0, SWAP_LIMIT)]).toEqual([12 * 1024, 3 * 1024, NaN]);
    expect(meminfo(MEMINFO, 0, false, true).cell(0, SWAP_LIMIT)).toBe(70 * 1024);
  });

  it('fills the row of strict overcommit', () => {
    const { cell } = meminfo(MEMINFO, 2, false, false);
    expect([cell(2, LIMIT), cell(2, USED)]).toEqual([800 * 1024, 300 * 1024]);
  });

  it('does not need the slab line, and names each other one that it misses', () => {
    const without = (key: string) => MEMINFO.replace(new RegExp(`^${key.replace(/[()]/g, '\\$&')}.*\n`, 'm'), '');
    expect(meminfo(without('SReclaimable:'), 0, true, false)).toMatchObject({ bad: undefined });
    expect(meminfo(without('SReclaimable:'), 0, true, false).cell(0, RECLAIMABLE)).toBe(7 * 1024);
    for (const key of ['MemTotal:', 'MemFree:', 'MemAvailable:', 'Active(file):', 'SwapFree:', 'Committed_AS:'])
      expect(meminfo(without(key), 1, true, true).bad).toBe(key);
    expect(meminfo(without('SwapFree:'), 0, true, false).bad).toBeUndefined();
  });
});

describe('status', () => {
  const status = (text: string, sizeRow: number, dataRow: number) =>
    fill(text, (bytes, length, rows) => fillStatus(bytes, length, rows, sizeRow, dataRow));

  it('fills the usage of the limits that are set', () => {
    const both = status('VmSize:\t    3060 kB\nVmData:\t 500 kB\n', 1, 2);
    expect([both.cell(1, USED), both.cell(2, USED)]).toEqual([3060 * 1024, 500 * 1024]);
    const one = status('VmSize:\t    3060 kB\nVmData:\t 500 kB\n', 0, 1);
    expect([one.cell(0, USED), one.cell(1, USED)]).toEqual([NaN, 500 * 1024]);
  });

  it('names the line that it misses', () => {
    expect(status('VmSize:\t 5 kB\n', 1, 2).bad).toBe('VmData:');
  });
});

describe('memory.stat of v1', () => {
  const TEXT =
    'cache 1\nhierarchical_memory_limit 4096\ntotal_dirty 1\ntotal_writeback 2\ntotal_inactive_file 10\ntotal_active_file 20\n';
  const stat = (text: string, hidden: boolean) =>
    fill(text, (bytes, length, rows) => fillStatV1(bytes, length, rows, 1, hidden));

  it('fills file pages, and the limit of hidden ancestors only if that is asked', () => {
    const { cell } = stat(TEXT, false);
    expect([cell(1, RECLAIMABLE), cell(1, DIRTY), cell(1, HIDDEN)]).toEqual([30, 3, NaN]);
    expect(stat(TEXT, true).cell(1, HIDDEN)).toBe(4096);
    expect(stat(TEXT.replace('4096', '9223372036854771712'), true).cell(1, HIDDEN)).toBe(Infinity);
  });

  it('does not take the group’s own lines, which are not recursive', () => {
    expect(stat(TEXT.replaceAll('total_', ''), false).bad).toBe('total_inactive_file ');
  });

  it('names the line that it misses, and one of dirty pages only if it is garbage', () => {
    expect(stat(TEXT.replace('hierarchical_', ''), true).bad).toBe('hierarchical_memory_limit ');
    expect(stat(TEXT.replace('total_dirty 1\n', ''), false)).toMatchObject({ bad: undefined });
    expect(stat(TEXT.replace('total_dirty 1', 'total_dirty ?'), false).bad).toBe('total_dirty ');
  });
});

describe('memory.stat of v2', () => {
  const TEXT =
    'file 99\nfile_dirty 1\nfile_writeback 2\ninactive_file 10\nactive_file 20\nunevictable 64\nslab_reclaimable 5\n';
  const stat = (text: string) => fill(text, (bytes, length, rows) => fillStatV2(bytes, length, rows, 1));

  it('fills file pages and slab, less what locked pages hold of it', () => {
    const { cell } = stat(TEXT);
    expect([cell(1, RECLAIMABLE), cell(1, DIRTY)]).toEqual([10 + 20 + 5 - 64 / 32, 3]);
  });

  it('never counts slab below zero', () => {
    expect(stat(TEXT.replace('unevictable 64', 'unevictable 6400')).cell(1, RECLAIMABLE)).toBe(30);
  });

  it('names the line that it misses', () => {
    expect(stat(TEXT.replace('unevictable 64\n', '')).bad).toBe('unevictable ');
    expect(stat(TEXT.replace('file_dirty 1', 'file_dirty -')).bad).toBe('file_dirty ');
  });
});
