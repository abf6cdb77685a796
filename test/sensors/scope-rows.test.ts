/** The arithmetic over rows that are written by hand; test/contract/linux-readers.test.ts holds it against trees of files. */
import { describe, expect, it } from 'vitest';
import {
  AVAILABLE,
  computeAvailablePerScope,
  computeRoomWithoutReclaim,
  DIRTY,
  HIDDEN,
  HIGH,
  LIMIT,
  measureRows,
  RECLAIMABLE,
  type ScopeName,
  STRIDE,
  SWAP_LIMIT,
  SWAP_USED,
  SWAPPINESS,
  snapshotRows,
  takeLower,
  USED,
} from '../../src/sensors/scope-rows.ts';

type Cells = Readonly<Record<number, number>>;

/** Rows of which only these cells were read. */
function makeRows(...rows: readonly Cells[]): Float64Array {
  const cells = new Float64Array(rows.length * STRIDE).fill(Number.NaN);
  for (const [row, columns] of rows.entries())
    for (const [column, value] of Object.entries(columns)) cells[row * STRIDE + Number(column)] = value;
  return cells;
}

const HOST = { [LIMIT]: 1000, [USED]: 400, [AVAILABLE]: 700, [RECLAIMABLE]: 100 };
const scopes = (...kinds: ScopeName['kind'][]): ScopeName[] =>
  kinds.map((kind, row) => ({ kind, path: row === 0 ? 'host' : `/${row}` }));
const snapshot = (rows: Float64Array, names: ScopeName[], swap = false) =>
  snapshotRows(rows, { scopes: names, ancestorsHidden: false, swap }, 'procfs', 0);

describe('a scope’s availability', () => {
  const available = (kind: ScopeName['kind'], cells: Cells, swap = false, host: Cells = HOST) =>
    computeAvailablePerScope(makeRows(host, cells), scopes('host', kind), swap)[1];

  it('is limit less usage and what can be reclaimed', () => {
    expect(available('cgroup-v2', { [LIMIT]: 500, [USED]: 300, [RECLAIMABLE]: 120 })).toBe(320);
  });

  it('goes by memory.high and by the limit of hidden ancestors if these are lower', () => {
    expect(available('cgroup-v2', { [LIMIT]: 500, [HIGH]: 350, [USED]: 300, [RECLAIMABLE]: 0 })).toBe(50);
    expect(available('cgroup-v1', { [LIMIT]: 500, [HIDDEN]: 320, [USED]: 300, [RECLAIMABLE]: 0 })).toBe(20);
    expect(available('cgroup-v1', { [LIMIT]: 310, [HIDDEN]: 320, [USED]: 300, [RECLAIMABLE]: 0 })).toBe(10);
  });

  it('is never below zero, and never counts more as reclaimable than is used', () => {
    expect(available('cgroup-v2', { [LIMIT]: 500, [USED]: 700, [RECLAIMABLE]: 100 })).toBe(0);
    expect(available('cgroup-v2', { [LIMIT]: 500, [USED]: 100, [RECLAIMABLE]: 300 })).toBe(500);
  });

  it('is the kernel’s own answer for the machine', () => {
    expect(computeAvailablePerScope(makeRows(HOST), scopes('host'), false)).toEqual([700]);
  });

  it('goes under v1 by memory and swap together, whether swap counts or not', () => {
    const cells = { [LIMIT]: 500, [USED]: 100, [RECLAIMABLE]: 0, [SWAP_LIMIT]: 550, [SWAP_USED]: 350 };
    expect(available('cgroup-v1', cells)).toBe(200);
    expect(available('cgroup-v1', { ...cells, [SWAP_USED]: 100 })).toBe(400);
  });

  it('grows by swap under v2 if that counts, as far as the tightest group allows', () => {
    const host = { ...HOST, [SWAP_LIMIT]: 300, [SWAP_USED]: 0 };
    const cells = { [LIMIT]: 500, [USED]: 400, [RECLAIMABLE]: 0, [SWAP_LIMIT]: 90, [SWAP_USED]: 40 };
    expect(available('cgroup-v2', cells, false, host)).toBe(100);
    expect(available('cgroup-v2', cells, true, host)).toBe(150);
    expect(available('cgroup-v2', { ...cells, [SWAPPINESS]: 0 }, true, host)).toBe(100);
  });

  it('does not count zram for the machine, in whose memory it is', () => {
    const names = scopes('host', 'cgroup-v2');
    const group = { [LIMIT]: 500, [USED]: 400, [RECLAIMABLE]: 0 };
    const zram = makeRows({ ...HOST, [SWAP_LIMIT]: 300, [SWAP_USED]: 300 }, group);
    expect(computeAvailablePerScope(zram, names, true)).toEqual([700, 400]);
    const disk = makeRows({ ...HOST, [SWAP_LIMIT]: 300, [SWAP_USED]: 0 }, group);
    expect(computeAvailablePerScope(disk, names, true)).toEqual([1000, 400]);
  });
});

describe('a measure', () => {
  it('has the smallest limit and the smallest availability, which may be of different scopes', () => {
    const rows = makeRows(
      HOST,
      { [LIMIT]: 900, [USED]: 850, [RECLAIMABLE]: 0 },
      { [LIMIT]: 500, [USED]: 100, [RECLAIMABLE]: 0 },
    );
    expect(measureRows(rows, scopes('host', 'cgroup-v2', 'cgroup-v2'), false)).toEqual({
      totalBytes: 500,
      availableBytes: 50,
      hostBinds: false,
    });
  });

  it('is bound by the machine only if no other scope’s limit is as low', () => {
    const measure = (limit: number) =>
      measureRows(makeRows(HOST, { [LIMIT]: limit, [USED]: 0, [RECLAIMABLE]: 0 }), scopes('host', 'cgroup-v1'), false);
    expect([999, 1000, 1001, Infinity].map((limit) => measure(limit).hostBinds)).toEqual([false, false, true, true]);
  });

  it('takes what our own group can give back for the least that its parents can', () => {
    const rows = makeRows(
      HOST,
      { [LIMIT]: 500, [USED]: 400, [RECLAIMABLE]: 10 },
      { [LIMIT]: 900, [USED]: 300, [RECLAIMABLE]: 80 },
    );
    const names = scopes('host', 'cgroup-v2', 'cgroup-v2');
    expect(measureRows(rows, names, false).availableBytes).toBe(180);
    // A limit of the process alone is no child of any group.
    const process = makeRows(HOST, { [LIMIT]: 500, [USED]: 400, [RECLAIMABLE]: 10 }, { [LIMIT]: 900, [USED]: 300 });
    process[2 * STRIDE + RECLAIMABLE] = 80;
    expect(measureRows(process, scopes('host', 'cgroup-v2', 'rlimit-as'), false).availableBytes).toBe(110);
  });

  it('passes over a row whose memory.stat was not read', () => {
    const rows = makeRows(HOST, { [LIMIT]: 5000, [USED]: 100 });
    expect(measureRows(rows, scopes('host', 'cgroup-v2'), false).availableBytes).toBe(700);
  });
});

describe('a snapshot', () => {
  it('names the first of the smallest scopes as the one that limits', () => {
    const group = { [LIMIT]: 500, [USED]: 100, [RECLAIMABLE]: 0 };
    const {
      limitedBy,
      availableBytes,
      scopes: found,
    } = snapshot(makeRows(HOST, group, group), scopes('host', 'cgroup-v2', 'cgroup-v2'));
    expect([limitedBy.path, availableBytes]).toEqual(['/1', 400]);
    expect(found[1]).toBe(limitedBy);
  });

  it('leaves out what a scope does not have', () => {
    const [, bare] = snapshot(
      makeRows(HOST, { [LIMIT]: Infinity, [HIGH]: Infinity, [USED]: 5, [RECLAIMABLE]: 0 }),
      scopes('host', 'cgroup-v2'),
    ).scopes;
    expect(Object.keys(bare!).sort()).toEqual(['availableBytes', 'kind', 'path', 'reclaimableBytes', 'usedBytes']);
    const [, full] = snapshot(
      makeRows(HOST, { [LIMIT]: 90, [HIGH]: 80, [USED]: 5, [RECLAIMABLE]: 4, [DIRTY]: 3 }),
      scopes('host', 'cgroup-v2'),
    ).scopes;
    expect(full).toMatchObject({ limitBytes: 90, highBytes: 80, dirtyBytes: 3 });
  });

  it('is precise unless only node:os could be asked', () => {
    const plan = { scopes: scopes('host'), ancestorsHidden: true, swap: false };
    expect(snapshotRows(makeRows(HOST), plan, 'native', 7, 'warning')).toMatchObject({
      precise: true,
      ancestorsHidden: true,
      pressure: 'warning',
      takenAtMs: 7,
    });
    expect(snapshotRows(makeRows(HOST), plan, 'node', 7)).toMatchObject({ precise: false });
  });

  it('agrees with the measure of the same rows', () => {
    const group = { [LIMIT]: 500, [HIGH]: 450, [USED]: 100, [RECLAIMABLE]: 30 };
    const names = scopes('host', 'cgroup-v2');
    const { totalBytes, availableBytes } = snapshot(makeRows(HOST, group), names);
    expect(measureRows(makeRows(HOST, group), names, false)).toMatchObject({ totalBytes, availableBytes });
  });
});

describe('computeRoomWithoutReclaim', () => {
  it('is the least that a row offers, whatever its memory.stat says', () => {
    const room = (cells: Cells) => computeRoomWithoutReclaim(makeRows(HOST, cells), 1);
    expect(room({ [LIMIT]: 500, [USED]: 100 })).toBe(400);
    expect(room({ [LIMIT]: 500, [HIGH]: 300, [USED]: 100 })).toBe(200);
    expect(room({ [LIMIT]: 500, [USED]: 100, [SWAP_LIMIT]: 600, [SWAP_USED]: 550 })).toBe(50);
  });
});

describe('takeLower', () => {
  it('takes the lower number, and leaves out one that is absent', () => {
    expect([takeLower(5, 3), takeLower(3, 5), takeLower(5, Number.NaN)]).toEqual([3, 3, 5]);
  });
});
