/** One contract for every reader that knows this system's files: the same trees, the same numbers, the same errors. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { KiB, MiB } from '../../src/bytes.ts';
import { MemoryGuardError } from '../../src/errors.ts';
import { loadAddon } from '../../src/native.ts';
import { openReader } from '../../src/sensors/reader.ts';
import type { MemoryReader, MemoryScope } from '../../src/types.ts';
import { copyOf, filesIn, fixture } from '../support/fixtures.ts';
import { HOST_AVAILABLE, SITUATIONS } from './situations.ts';

const READERS = ['native', 'procfs'] as const;

function open(prefer: (typeof READERS)[number], root: string, swap = false): MemoryReader {
  const reader = openReader({ root, swap, prefer });
  onTestFinished(() => reader.close());
  expect(reader.source).toBe(prefer);
  return reader;
}

function sensorErrorOf(action: () => unknown): MemoryGuardError {
  let result: unknown;
  try {
    result = action();
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect(error).toMatchObject({ code: 'ERR_SENSOR' });
    return error as MemoryGuardError;
  }
  throw new Error(`expected ERR_SENSOR, got ${JSON.stringify(result)}`);
}

describe.each(READERS)('the %s reader', (prefer) => {
  if (prefer === 'native' && loadAddon() === undefined) {
    console.warn('The native reader is not tested: the addon is not built (npm run build:native).');
    return;
  }

  afterEach(() => vi.useRealTimers());

  describe.each(SITUATIONS)('in $name (swap: $swap)', (situation) => {
    const {
      name,
      swap,
      totalBytes,
      availableBytes,
      limitedBy,
      scopes,
      hidden = false,
      hostBinds = false,
      fields = {},
    } = situation;

    it('finds the scopes, the smallest limit and the smallest availability', () => {
      const snapshot = open(prefer, fixture(name), swap).snapshot();
      expect(snapshot.scopes.map((scope) => scope.path)).toEqual(scopes);
      expect(snapshot).toMatchObject({
        totalBytes,
        availableBytes,
        ancestorsHidden: hidden,
        precise: true,
        source: prefer,
      });
      expect(snapshot.limitedBy.path).toBe(limitedBy);
      expect(snapshot.scopes).toContain(snapshot.limitedBy);
      for (const [path, expected] of Object.entries(fields)) {
        const scope = snapshot.scopes.find((candidate) => candidate.path === path);
        expect(scope, path).toBeDefined();
        for (const [field, value] of Object.entries(expected))
          expect(scope?.[field as keyof MemoryScope], `${path} ${field}`).toBe(value);
      }
    });

    it('measures the same minima without the rest', () => {
      const reader = open(prefer, fixture(name), swap);
      expect(reader.measure()).toEqual({ totalBytes, availableBytes, hostBinds });
      // Once more after a snapshot: nothing of the full reading may leak into the short one.
      reader.snapshot();
      expect(reader.measure()).toEqual({ totalBytes, availableBytes, hostBinds });
    });
  });

  it('freezes a snapshot to the ground and dates it', () => {
    const before = performance.timeOrigin + performance.now();
    const snapshot = open(prefer, fixture('v2-three-levels')).snapshot();
    expect(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.scopes)).toBe(true);
    expect(snapshot.scopes.every((scope) => Object.isFrozen(scope))).toBe(true);
    expect(snapshot.takenAtMs).toBeGreaterThanOrEqual(before);
    expect(snapshot.takenAtMs).toBeLessThanOrEqual(performance.timeOrigin + performance.now());
  });

  it('reads this machine, and its measure agrees with its snapshot within what runs beside it', () => {
    const reader = open(prefer, '/');
    const snapshot = reader.snapshot();
    expect(snapshot.scopes[0]).toMatchObject({ kind: 'host', path: 'host' });
    expect(Math.abs(reader.measure().availableBytes - snapshot.availableBytes)).toBeLessThan(256 * MiB);
    expect(reader.measure().totalBytes).toBe(snapshot.totalBytes);
  });

  it('sees a limit that changed between two readings', () => {
    const root = copyOf('v2-three-levels');
    const reader = open(prefer, root);
    expect(reader.measure().availableBytes).toBe(370 * MiB);
    writeFileSync(join(root, 'sys/fs/cgroup/a/b/c/memory.max'), `${400 * MiB}\n`);
    expect(reader.measure()).toMatchObject({ totalBytes: 400 * MiB, availableBytes: (400 - 200 + 35) * MiB });
    writeFileSync(join(root, 'sys/fs/cgroup/a/b/c/memory.max'), 'max\n');
    expect(reader.measure().availableBytes).toBe(370 * MiB);
  });

  it('reads memory.stat again when it begins to matter', () => {
    const root = copyOf('v2-leaf');
    const reader = open(prefer, root);
    writeFileSync(join(root, 'sys/fs/cgroup/app/memory.max'), 'max\n');
    expect(reader.measure().availableBytes).toBe(HOST_AVAILABLE);
    writeFileSync(join(root, 'sys/fs/cgroup/app/memory.max'), `${512 * MiB}\n`);
    expect(reader.measure().availableBytes).toBe(442 * MiB);
  });

  it('follows its group to another one', () => {
    const root = copyOf('v2-three-levels');
    const reader = open(prefer, root);
    expect(reader.measure().availableBytes).toBe(370 * MiB);
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/a\n');
    expect(reader.measure().availableBytes).toBe((2048 - 900 + 170) * MiB);
    expect(reader.snapshot().scopes.map((scope) => scope.path)).toEqual(['host', '/a']);
  });

  it('does not resolve again while its group stays', () => {
    const root = copyOf('v2-three-levels');
    const reader = open(prefer, root);
    reader.measure();
    rmSync(join(root, 'proc/self/mountinfo'));
    expect(reader.measure().availableBytes).toBe(370 * MiB);
  });

  it('takes notice of process limits and the overcommit mode within a second, and not at every reading', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const root = copyOf('rlimits');
    const reader = open(prefer, root);
    expect(reader.measure().availableBytes).toBe(1792 * MiB);
    writeFileSync(
      join(root, 'proc/self/limits'),
      'Max data size unlimited unlimited bytes\nMax address space unlimited unlimited bytes\n',
    );
    writeFileSync(join(root, 'proc/sys/vm/overcommit_memory'), '2\n');
    vi.advanceTimersByTime(999);
    expect(reader.measure().availableBytes).toBe(1792 * MiB);
    vi.advanceTimersByTime(1);
    expect(reader.measure().availableBytes).toBe((12_341_828 - 1_053_992) * KiB);
    vi.advanceTimersByTime(1000);
    expect(reader.measure().availableBytes).toBe((12_341_828 - 1_053_992) * KiB);
  });

  it('never lets memory.stat, which lags, exceed the usage', () => {
    const root = copyOf('v2-leaf');
    writeFileSync(join(root, 'sys/fs/cgroup/app/memory.current'), `${100 * MiB}\n`);
    expect(open(prefer, root).measure().availableBytes).toBe(512 * MiB);
  });

  it('finds the lines of memory.stat and meminfo in any order', () => {
    const root = copyOf('v2-leaf');
    writeFileSync(
      join(root, 'sys/fs/cgroup/app/memory.stat'),
      `slab_reclaimable 1048576\nactive_file 2097152\ninactive_file 4194304\nfile 9\n`,
    );
    writeFileSync(
      join(root, 'proc/meminfo'),
      'MemAvailable: 900 kB\nInactive(file): 3 kB\nMemFree: 500 kB\nMemTotal: 1000 kB\nActive(file): 4 kB\n',
    );
    const snapshot = open(prefer, root).snapshot();
    expect(snapshot.scopes[1]).toMatchObject({ reclaimableBytes: 7 * MiB });
    expect(snapshot.scopes[1]).not.toHaveProperty('dirtyBytes');
    expect(snapshot.scopes[0]).toMatchObject({
      limitBytes: 1000 * KiB,
      availableBytes: 900 * KiB,
      reclaimableBytes: 7 * KiB,
    });
  });

  it('says which file it could not read, and why', () => {
    const root = copyOf('v2-leaf');
    const file = join(root, 'sys/fs/cgroup/app/memory.current');
    rmSync(file);
    expect(sensorErrorOf(() => open(prefer, root).measure()).message).toBe(
      `Expected to read ${file}, but it failed with ENOENT; let this process read that file.`,
    );
    mkdirSync(file);
    expect(sensorErrorOf(() => open(prefer, root).measure()).message).toContain('EISDIR');
  });

  it('serves again once the file is back', () => {
    const root = copyOf('v2-leaf');
    const reader = open(prefer, root);
    const file = join(root, 'sys/fs/cgroup/app/memory.current');
    writeFileSync(file, 'soon\n');
    sensorErrorOf(() => reader.measure());
    writeFileSync(file, `${400 * MiB}\n`);
    expect(reader.measure().availableBytes).toBe(442 * MiB);
  });

  it('says what stands where a number should be', () => {
    expect(sensorErrorOf(() => open(prefer, fixture('garbage-number')).measure()).message).toContain(
      'memory.limit_in_bytes, but found "0x20000000";',
    );
  });

  it.each([
    ['memory.max', '', 'a number or "max"'],
    ['memory.max', '12 34\n', 'a number or "max"'],
    ['memory.max', '-1\n', 'a number or "max"'],
    ['memory.max', 'maximal\n', 'a number or "max"'],
    ['memory.current', '4096kB\n', 'a number or "max"'],
    ['memory.stat', 'anon 5\n', 'a number after "inactive_file"'],
    ['memory.stat', 'inactive_file 5\nactive_file x\nslab_reclaimable 7\n', 'a number after "active_file"'],
    [
      'memory.stat',
      'file_dirty -\ninactive_file 5\nactive_file 6\nslab_reclaimable 7\n',
      'a number after "file_dirty"',
    ],
    ['memory.stat', 'inactive_file 5\nactive_file 6\nslab_reclaimable', 'a number after "slab_reclaimable"'],
    ['memory.stat', `${'x'.repeat(70_000)}\n`, 'fewer than 65536 bytes'],
  ])('does not take a number out of %s with %j', (file, text, expected) => {
    const root = copyOf('v2-leaf');
    writeFileSync(join(root, 'sys/fs/cgroup/app', file), text);
    expect(sensorErrorOf(() => open(prefer, root).measure()).message).toContain(expected);
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
    const root = copyOf(name);
    writeFileSync(join(root, file), text);
    const { message } = sensorErrorOf(() => open(prefer, root, name === 'v2-swap').snapshot());
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
  ])('in %s refuses to answer for every file that goes missing or turns into a directory', (name) => {
    const swap = name === 'v2-swap';
    const whole = open(prefer, fixture(name), swap).snapshot();
    let refused = 0;
    const root = copyOf(name);
    for (const file of filesIn(root)) {
      for (const replacement of ['nothing', 'directory']) {
        renameSync(join(root, file), join(root, 'away'));
        if (replacement === 'directory') mkdirSync(join(root, file));
        const reader = openReader({ root, swap, prefer });
        try {
          const { totalBytes, availableBytes } = reader.snapshot();
          // Without /proc/swaps nobody can tell zram from a disk: no swap counts. Else a file that does not matter.
          const expected = file === 'proc/swaps' && swap ? whole.availableBytes - 200 * MiB : whole.availableBytes;
          const found = { totalBytes, availableBytes };
          expect(found, `${file} → ${replacement}`).toEqual({ totalBytes: whole.totalBytes, availableBytes: expected });
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
    const root = copyOf('v2-leaf');
    const reader = open(prefer, root);
    expect(reader.measure().availableBytes).toBe(442 * MiB);
    renameSync(join(root, 'sys/fs/cgroup/app'), join(root, 'sys/fs/cgroup/gone'));
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/app/deeper\n');
    // Its directory is nowhere to be seen: only the root above it, which is said.
    expect(reader.snapshot()).toMatchObject({ availableBytes: HOST_AVAILABLE, ancestorsHidden: true });
    writeFileSync(join(root, 'proc/self/cgroup'), 'nonsense\n');
    expect(sensorErrorOf(() => reader.measure()).message).toContain('lines such as "4:memory:/group"');
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/gone\n');
    expect(reader.snapshot()).toMatchObject({ availableBytes: 442 * MiB, ancestorsHidden: false });
  });

  it('refuses to read after it was closed', () => {
    const reader = open(prefer, fixture('v2-leaf'));
    reader.measure();
    reader.close();
    reader.close();
    expect(sensorErrorOf(() => reader.measure()).message).toContain('closed');
    expect(sensorErrorOf(() => reader.snapshot()).message).toContain('closed');
  });
});
