/** The other half of the contract: what can't be read or understood is ERR_SENSOR, never a number. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { openReader } from '../../src/sensors/open-reader.ts';
import { copyFixture, getFixture, listFixtureFiles } from '../support/fixtures.ts';
import { catchSensorError, open, READERS } from '../support/linux-readers.ts';
import { HOST_AVAILABLE } from '../support/linux-situations.ts';

describe.each(READERS)('the %s reader', (prefer) => {
  it('says which file it could not read, and why', () => {
    const root = copyFixture('v2-leaf');
    const file = join(root, 'sys/fs/cgroup/app/memory.current');
    rmSync(file);
    expect(catchSensorError(() => open(prefer, root).measure()).message).toBe(
      `Expected to read ${file}, but it failed with ENOENT; let this process read that file.`,
    );
    mkdirSync(file);
    expect(catchSensorError(() => open(prefer, root).measure()).message).toContain('EISDIR');
  });

  it('serves again once the file is back', () => {
    const root = copyFixture('v2-leaf');
    const reader = open(prefer, root);
    const file = join(root, 'sys/fs/cgroup/app/memory.current');
    writeFileSync(file, 'soon\n');
    catchSensorError(() => reader.measure());
    writeFileSync(file, `${400 * MiB}\n`);
    expect(reader.measure().availableBytes).toBe(442 * MiB);
  });

  it('says what stands where a number should be', () => {
    expect(catchSensorError(() => open(prefer, getFixture('garbage-number')).measure()).message).toContain(
      'memory.limit_in_bytes, but found "0x20000000";',
    );
  });

  it.each([
    ['memory.max', '', 'a number or "max"'],
    ['memory.max', '12 34\n', 'a number or "max"'],
    ['memory.max', '-1\n', 'a number or "max"'],
    ['memory.max', 'maximal\n', 'a number or "max"'],
    ['memory.max', `${'9'.repeat(25)}\n`, 'a number or "max"'],
    ['memory.current', '4096kB\n', 'a number of bytes'],
    ['memory.current', 'max\n', 'a number of bytes'],
    ['memory.current', '9223372036854771712\n', 'a number of bytes'],
    [
      'memory.stat',
      'inactive_file 9223372036854771712\nactive_file 6\nslab_reclaimable 7\n',
      'a number after "inactive_file"',
    ],
    ['memory.stat', 'anon 5\n', 'a number after "inactive_file"'],
    ['memory.stat', 'inactive_file 5\nactive_file x\nslab_reclaimable 7\n', 'a number after "active_file"'],
    [
      'memory.stat',
      'file_dirty -\ninactive_file 5\nactive_file 6\nslab_reclaimable 7\n',
      'a number after "file_dirty"',
    ],
    ['memory.stat', 'inactive_file 5\nactive_file 6\nslab_reclaimable 7\n', 'a number after "unevictable"'],
    [
      'memory.stat',
      'inactive_file 5\nactive_file 6\nunevictable 0\nslab_reclaimable',
      'a number after "slab_reclaimable"',
    ],
    ['memory.stat', `${'x'.repeat(70_000)}\n`, 'fewer than 65536 bytes'],
  ])('does not take a number out of %s with %j', (file, text, expected) => {
    const root = copyFixture('v2-leaf');
    writeFileSync(join(root, 'sys/fs/cgroup/app', file), text);
    expect(catchSensorError(() => open(prefer, root).measure()).message).toContain(expected);
  });

  it.each([
    ['v2-leaf', 'proc/meminfo', 'MemTotal: 5 kB\nMemFree: 1 kB\n', 'MemAvailable:'],
    ['v2-leaf', 'proc/meminfo', 'MemTotal: 5 kB\nMemFree: 1 kB\nMemAvailable: 3 kB\n', 'Active(file):'],
    [
      'v2-leaf',
      'proc/meminfo',
      'MemTotal: 5 kB\nMemFree: 1 kB\nMemAvailable: 3 kB\nActive(file): 1 kB\nInactive(file): 1 kB\nDirty: ? kB\n',
      'Dirty:',
    ],
    [
      'v2-swap',
      'proc/meminfo',
      'MemTotal: 5 kB\nMemFree: 1 kB\nMemAvailable: 3 kB\nActive(file): 1 kB\nInactive(file): 1 kB\n',
      'SwapFree:',
    ],
    [
      'overcommit-2',
      'proc/meminfo',
      'MemTotal: 5 kB\nMemFree: 1 kB\nMemAvailable: 3 kB\nActive(file): 1 kB\nInactive(file): 1 kB\n',
      'CommitLimit:',
    ],
    ['rlimits', 'proc/self/status', 'VmSize: 5 kB\n', 'VmData:'],
    ['v1-leaf-limit', 'sys/fs/cgroup/memory/app/memory.stat', 'inactive_file 5\n', 'total_inactive_file'],
    [
      'v1-leaf-limit',
      'sys/fs/cgroup/memory/app/memory.stat',
      'total_dirty no\ntotal_inactive_file 5\ntotal_active_file 5\n',
      'total_dirty',
    ],
    [
      'v1-docker-bind',
      'sys/fs/cgroup/memory/memory.stat',
      'total_inactive_file 5\ntotal_active_file 5\n',
      'hierarchical_memory_limit',
    ],
  ])('in %s misses a line of %s', (name, file, text, key) => {
    const root = copyFixture(name);
    writeFileSync(join(root, file), text);
    const { message } = catchSensorError(() => open(prefer, root, name === 'v2-swap').snapshot());
    expect(message).toContain(`a number after "${key}"`);
    expect(message).toContain(join(root, file));
  });

  it.each([
    'v1-parent-limit',
    'v1-docker-bind',
    'v1-unnamed-levels',
    'v1-memsw',
    'v2-three-levels',
    'v2-swap',
    'rlimits',
    'hybrid',
    'overcommit-2',
    'kubernetes-v1-node-agent',
    'kubernetes-v2-host-namespace',
    'podman-v2-rootless',
    'lxc-v2-lxcfs',
  ])('in %s refuses to answer for every file that goes missing or turns into a directory', (name) => {
    const swap = name === 'v2-swap';
    const whole = open(prefer, getFixture(name), swap).snapshot();
    let refused = 0;
    const root = copyFixture(name);
    for (const file of listFixtureFiles(root)) {
      for (const replacement of ['nothing', 'directory']) {
        renameSync(join(root, file), join(root, 'away'));
        if (replacement === 'directory') mkdirSync(join(root, file));
        const reader = openReader({ root, swap, prefer });
        try {
          const { totalBytes, availableBytes } = reader.snapshot();
          // A file that does not matter here.
          const found = { totalBytes, availableBytes };
          const expected = { totalBytes: whole.totalBytes, availableBytes: whole.availableBytes };
          expect(found, `${file} → ${replacement}`).toEqual(expected);
        } catch (error) {
          if (!(error instanceof MemoryGuardError)) throw error;
          expect(error.code).toBe('ERR_SENSOR');
          refused++;
        } finally {
          reader.close();
          rmSync(join(root, file), { recursive: true, force: true });
          renameSync(join(root, 'away'), join(root, file));
        }
      }
    }
    expect(refused).toBeGreaterThan(8);
  });

  it('gives up when its group becomes unreadable, and follows it when it can be read again', () => {
    const root = copyFixture('v2-leaf');
    const reader = open(prefer, root);
    expect(reader.measure().availableBytes).toBe(442 * MiB);
    renameSync(join(root, 'sys/fs/cgroup/app'), join(root, 'sys/fs/cgroup/gone'));
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/app/deeper\n');
    // Its directory is nowhere to be seen: only the root above it, which is said.
    expect(reader.snapshot()).toMatchObject({ availableBytes: HOST_AVAILABLE, ancestorsHidden: true });
    writeFileSync(join(root, 'proc/self/cgroup'), 'nonsense\n');
    expect(catchSensorError(() => reader.measure()).message).toContain('lines such as "4:memory:/group"');
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/gone\n');
    expect(reader.snapshot()).toMatchObject({ availableBytes: 442 * MiB, ancestorsHidden: false });
  });

  it('refuses to read after it was closed', () => {
    const reader = open(prefer, getFixture('v2-leaf'));
    reader.measure();
    reader.close();
    reader.close();
    expect(catchSensorError(() => reader.measure()).message).toContain('closed');
    expect(catchSensorError(() => reader.snapshot()).message).toContain('closed');
    expect(catchSensorError(() => reader.scopeKeys?.()).message).toContain('closed');
    expect(catchSensorError(() => reader.readFrom?.()).message).toContain('closed');
  });
});
