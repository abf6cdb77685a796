/** Plans: which scopes hold, which files tell about them, and what they read as if swap counts. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import { readProcessLimits } from '../../../src/sensors/linux/process-limits.ts';
import { PARSE } from '../../../src/sensors/linux/read-plan.ts';
import { resolvePlan } from '../../../src/sensors/linux/resolve-plan.ts';
import { HIGH, LIMIT, RECLAIMABLE, STRIDE, SWAP_LIMIT, SWAPPINESS, USED } from '../../../src/sensors/scope-rows.ts';
import { copyFixture, getFixture } from '../../support/fixtures.ts';
import { open } from '../../support/linux-readers.ts';
import { HOST_AVAILABLE } from '../../support/linux-situations.ts';

const resolve = (root: string, swap = false) => resolvePlan(root, swap, readProcessLimits(root));
const read = (root: string, swap = false) => open('procfs', root, swap).snapshot();

/** Names of the planned files of a row, without their directory, and the column that each fills. */
const listFiles = ({ files }: ReturnType<typeof resolve>, row: number) =>
  files.filter((file) => file.row === row).map(({ path, column }) => [path.split('/').at(-1), column]);

describe('a plan', () => {
  it('begins with the machine and gives every group a row of its own', () => {
    const plan = resolve(getFixture('v2-parent-limit'));
    expect(plan.scopes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'host host',
      'cgroup-v2 /pod.slice',
      'cgroup-v2 /pod.slice/app.scope',
    ]);
    expect(plan.files[0]).toMatchObject({ parse: PARSE.meminfo, row: 0, column: 0 });
    expect(plan.initial).toHaveLength(3 * STRIDE);
  });

  it('reads memory.stat last, our own group’s first: the short cut of a measure relies on it', () => {
    const { files } = resolve(getFixture('v2-three-levels'));
    const stats = files.map(({ parse }) => parse === PARSE.statV2);
    expect(stats).toEqual([...stats].sort());
    expect(files.filter(({ parse }) => parse === PARSE.statV2).map(({ row }) => row)).toEqual([3, 2, 1]);
  });

  it('reads the files of a group’s own version', () => {
    expect(listFiles(resolve(getFixture('v2-leaf')), 1)).toEqual([
      ['memory.max', LIMIT],
      ['memory.high', HIGH],
      ['memory.current', USED],
      ['memory.stat', 0],
    ]);
    expect(listFiles(resolve(getFixture('v1-leaf-limit')), 1)).toEqual([
      ['memory.limit_in_bytes', LIMIT],
      ['memory.usage_in_bytes', USED],
      ['memory.stat', 0],
    ]);
  });

  it('reads files of swap only if it counts, or, under v1, if there is a swap device', () => {
    const columns = (name: string, swap: boolean) => resolve(getFixture(name), swap).files.map(({ column }) => column);
    expect(columns('v2-swap', true)).toEqual(expect.arrayContaining([SWAP_LIMIT, SWAPPINESS]));
    expect(columns('v2-swap', false)).not.toContain(SWAP_LIMIT);
    expect(columns('v1-memsw', false)).toContain(SWAP_LIMIT);
    expect(columns('v1-memsw', false)).not.toContain(SWAPPINESS);
  });

  it('asks v1 for the limit of ancestors that are hidden, at the topmost group alone', () => {
    const hidden = (name: string) => resolve(getFixture(name)).files.filter(({ parse }) => parse === PARSE.statV1);
    expect(hidden('v1-hidden-limit').map(({ column }) => column)).toEqual([1]);
    expect(hidden('v1-parent-limit').map(({ column }) => column)).toEqual([0, 0]);
  });

  it('has limits of the process and of strict overcommit as scopes, of which nothing can be reclaimed', () => {
    const limits = resolve(getFixture('rlimits'));
    expect(limits.scopes.map(({ kind }) => kind)).toEqual(['host', 'rlimit-as', 'rlimit-data']);
    expect(limits.files.at(-1)).toMatchObject({ parse: PARSE.status, row: 1, column: 2 });
    expect([1, 2].map((row) => limits.initial[row * STRIDE + LIMIT])).toEqual([4096 * MiB, 2048 * MiB]);
    const commit = resolve(getFixture('overcommit-2'));
    expect(commit.scopes.map(({ kind }) => kind)).toEqual(['host', 'commit']);
    expect(commit.files[0]).toMatchObject({ parse: PARSE.meminfo, column: 1 });
    for (const { initial } of [limits, commit]) expect(initial[STRIDE + RECLAIMABLE]).toBe(0);
  });

  it('does not read a memory.stat that a stand-in for v1 does not have', () => {
    const plan = resolve(getFixture('gvisor-cgroupfs'));
    expect(plan.files.filter(({ path }) => path.endsWith('memory.stat'))).toEqual([]);
    expect(plan.initial[STRIDE + RECLAIMABLE]).toBe(0);
  });
});

describe('swap', () => {
  it.each([
    ['is zram', 'Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 4194296 1048576 100\n'],
    ['may be zram', undefined],
  ])('that %s counts for the groups and not for the machine', (_, swaps) => {
    const root = copyFixture('v2-swap');
    if (swaps === undefined) rmSync(join(root, 'proc/swaps'));
    else writeFileSync(join(root, 'proc/swaps'), swaps);
    const { availableBytes, scopes } = read(root, true);
    expect(availableBytes).toBe(332 * MiB);
    expect(scopes[0]).toMatchObject({ swapBytes: 0, availableBytes: HOST_AVAILABLE });
  });

  it.each([
    ['v2-swap', 'proc/sys/vm/swappiness', 132, 332],
    ['v1-memsw', 'sys/fs/cgroup/memory/app/memory.swappiness', 162, 514],
  ])('does not count for groups in %s if %s is 0', (name, file, without, withSwap) => {
    const root = copyFixture(name);
    if (name === 'v1-memsw')
      writeFileSync(join(root, 'sys/fs/cgroup/memory/app/memory.memsw.limit_in_bytes'), `${1024 * MiB}\n`);
    expect(read(root, true).availableBytes).toBe(withSwap * MiB);
    writeFileSync(join(root, file), '0\n');
    const { availableBytes, scopes } = read(root, true);
    expect(availableBytes).toBe(without * MiB);
    // The machine still swaps if it is short itself.
    expect(scopes[0]?.availableBytes).toBeGreaterThan(HOST_AVAILABLE);
  });
});
