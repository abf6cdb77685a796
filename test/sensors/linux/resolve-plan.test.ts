/** Resolution in trees that are bent by hand: several mounts, groups that are not there, hostile texts. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import type { MemorySnapshot } from '../../../src/core/types.ts';
import { openReader } from '../../../src/sensors/open-reader.ts';
import { copyOf } from '../../support/fixtures.ts';
import { HOST_AVAILABLE } from '../../support/linux-situations.ts';

function read(root: string, swap = false): MemorySnapshot {
  const reader = openReader({ root, swap, prefer: 'procfs' });
  onTestFinished(() => reader.close());
  return reader.snapshot();
}

function expectSensorError(root: string, message: string): void {
  expect(() => read(root)).toThrow(
    expect.objectContaining({ code: 'ERR_SENSOR', message: expect.stringContaining(message) }),
  );
}

describe('resolution', () => {
  it('takes the mount that shows most of our way, whichever comes first', () => {
    const partial = '50 23 0:26 /a/b /mnt/part rw - cgroup2 cgroup2 rw\n';
    const whole = '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n';
    for (const mounts of [partial + whole, whole + partial]) {
      const root = copyOf('v2-three-levels');
      mkdirSync(join(root, 'mnt/part/c'), { recursive: true });
      writeFileSync(join(root, 'proc/self/mountinfo'), mounts);
      expect(read(root)).toMatchObject({ availableBytes: 370 * MiB, ancestorsHidden: false });
    }
  });

  it('uses a partial mount where there is no other, and says that ancestors are hidden', () => {
    const root = copyOf('v2-three-levels');
    renameSync(join(root, 'sys/fs/cgroup/a/b'), join(root, 'part'));
    writeFileSync(join(root, 'proc/self/mountinfo'), '50 23 0:26 /a/b /part rw - cgroup2 cgroup2 rw\n');
    const snapshot = read(root);
    expect(snapshot).toMatchObject({ availableBytes: 370 * MiB, ancestorsHidden: true });
    expect(snapshot.scopes.map((scope) => scope.path)).toEqual(['host', '/', '/c']);
  });

  it('does not take a mount whose directory is not there', () => {
    const root = copyOf('v2-three-levels');
    writeFileSync(join(root, 'proc/self/mountinfo'), '50 23 0:26 / /nowhere rw - cgroup2 cgroup2 rw\n');
    expect(read(root)).toMatchObject({ ancestorsHidden: true });
    expect(read(root).scopes).toHaveLength(1);
  });

  it('takes the part of the way that exists where our own group cannot be seen', () => {
    const root = copyOf('v2-three-levels');
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/a/x/y\n');
    const snapshot = read(root);
    expect(snapshot.scopes.map((scope) => scope.path)).toEqual(['host', '/a']);
    expect(snapshot.ancestorsHidden).toBe(true);
  });

  it('takes the mounted group alone where nobody below lists this process', () => {
    const root = copyOf('v1-unnamed-levels');
    writeFileSync(join(root, 'sys/fs/cgroup/memory/pod/app/cgroup.procs'), '77\n');
    expect(read(root)).toMatchObject({ ancestorsHidden: true });
    expect(read(root).scopes.map((scope) => scope.path)).toEqual(['host']);
  });

  it('finds a group below the unnamed levels by its own path', () => {
    const root = copyOf('v1-unnamed-levels');
    writeFileSync(join(root, 'proc/self/cgroup'), '4:memory:/app\n');
    writeFileSync(
      join(root, 'proc/self/mountinfo'),
      '35 31 0:32 /.. /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
    );
    expect(read(root)).toMatchObject({ availableBytes: 230 * MiB, ancestorsHidden: false });
  });

  it('refuses control groups that are mounted and hidden from /proc', () => {
    const root = copyOf('v2-leaf');
    rmSync(join(root, 'proc/self/cgroup'));
    expectSensorError(root, 'proc/self/cgroup');
  });

  it('follows a parent only as far as it limits its children', () => {
    const root = copyOf('v1-no-hierarchy');
    writeFileSync(join(root, 'sys/fs/cgroup/memory/pod/memory.use_hierarchy'), '1\n');
    expect(read(root).availableBytes).toBe((256 - 150 + 20) * MiB);
  });

  it.each([
    ['v1-no-hierarchy', 'sys/fs/cgroup/memory/pod/memory.use_hierarchy', '2\n', '0 or 1'],
    ['rlimits', 'proc/self/limits', 'Max data size unlimited\n', 'Max address space'],
    ['rlimits', 'proc/self/limits', 'Max address space lots\nMax data size 1\n', 'Max address space lots'],
    ['overcommit-2', 'proc/sys/vm/overcommit_memory', '3\n', '0, 1 or 2'],
    ['v2-swap', 'proc/swaps', 'Filename Type Size\n/dev/zram0 partition many 0 100\n', 'a size in KiB'],
    ['v2-leaf', 'proc/self/mountinfo', 'no mounts here\n', 'lines such as'],
    ['v1-unnamed-levels', 'proc/self/stat', 'self (node) R\n', 'our process number'],
  ])('in %s refuses %s with %j', (name, file, text, message) => {
    const root = copyOf(name);
    writeFileSync(join(root, file), text);
    expectSensorError(root, message);
  });

  it.each([
    ['is zram', 'Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 4194296 1048576 100\n'],
    ['may be zram', undefined],
  ])('counts swap that %s for the groups and not for the machine', (_, swaps) => {
    const root = copyOf('v2-swap');
    if (swaps === undefined) rmSync(join(root, 'proc/swaps'));
    else writeFileSync(join(root, 'proc/swaps'), swaps);
    const { availableBytes, scopes } = read(root, true);
    expect(availableBytes).toBe(332 * MiB);
    expect(scopes[0]).toMatchObject({ swapBytes: 0, availableBytes: HOST_AVAILABLE });
  });

  it.each([
    ['v2-swap', 'proc/sys/vm/swappiness', 132, 332],
    ['v1-memsw', 'sys/fs/cgroup/memory/app/memory.swappiness', 162, 514],
  ])('in %s counts no swap for groups where %s is 0', (name, file, without, withSwap) => {
    const root = copyOf(name);
    if (name === 'v1-memsw')
      writeFileSync(join(root, 'sys/fs/cgroup/memory/app/memory.memsw.limit_in_bytes'), `${1024 * MiB}\n`);
    expect(read(root, true).availableBytes).toBe(withSwap * MiB);
    writeFileSync(join(root, file), '0\n');
    const { availableBytes, scopes } = read(root, true);
    expect(availableBytes).toBe(without * MiB);
    // The machine still swaps where it is short itself.
    expect(scopes[0]?.availableBytes).toBeGreaterThan(HOST_AVAILABLE);
  });

  it('takes a directory in the place of a parent as it finds it', () => {
    const root = copyOf('v2-leaf');
    rmSync(join(root, 'sys/fs/cgroup/app'), { recursive: true });
    writeFileSync(join(root, 'sys/fs/cgroup/app'), '');
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/app/below\n');
    expectSensorError(root, 'cgroup.controllers');
  });
});
