/** One contract for every reader that knows this system's files: the same trees, the same numbers. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { KiB, MiB } from '../../src/core/bytes.ts';
import type { MemoryScope } from '../../src/core/types.ts';
import { CONTAINERS } from '../support/container-trees.ts';
import { copyFixture, getFixture } from '../support/fixtures.ts';
import { open, READERS } from '../support/linux-readers.ts';
import { HOST_AVAILABLE, SITUATIONS } from '../support/linux-situations.ts';

describe.each(READERS)('the %s reader', (prefer) => {
  afterEach(() => vi.useRealTimers());

  describe.each([...SITUATIONS, ...CONTAINERS])('in $name (swap: $swap)', (situation) => {
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
      const snapshot = open(prefer, getFixture(name), swap).snapshot();
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
      const reader = open(prefer, getFixture(name), swap);
      expect(reader.measure()).toEqual({ totalBytes, availableBytes, hostBinds });
      // Once more after a snapshot: nothing of the full reading may leak into the short one.
      reader.snapshot();
      expect(reader.measure()).toEqual({ totalBytes, availableBytes, hostBinds });
    });

    it('lists what each scope allows, as the last reading found it', () => {
      const reader = open(prefer, getFixture(name), swap);
      expect(reader.limits?.()).toEqual([]);
      const { scopes } = reader.snapshot();
      const limits = reader.limits?.() ?? [];
      expect(limits.map(({ kind, path }) => [kind, path])).toEqual(scopes.map(({ kind, path }) => [kind, path]));
      const allowed = scopes.map(({ limitBytes = Infinity, highBytes = Infinity }) => Math.min(limitBytes, highBytes));
      expect(limits.map(({ limitBytes = Infinity }) => limitBytes)).toEqual(allowed);
    });

    it('measures each scope: the smallest exactly, no other too high or below it', () => {
      const reader = open(prefer, getFixture(name), swap);
      const { measure, availableBytes: each = [] } = reader.measureScopes?.() ?? {};
      expect(measure).toEqual({ totalBytes, availableBytes, hostBinds });
      expect(each).toHaveLength(reader.snapshot().scopes.length);
      expect(Math.min(...each)).toBe(availableBytes);
      for (const [row, scope] of reader.snapshot().scopes.entries())
        expect(each[row], scope.path).toBeLessThanOrEqual(scope.availableBytes);
    });
  });

  it('freezes a snapshot to the ground and dates it', () => {
    const before = performance.timeOrigin + performance.now();
    const snapshot = open(prefer, getFixture('v2-three-levels')).snapshot();
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

  it('skips no file that would have changed the minimum', () => {
    const root = copyFixture('v2-three-levels');
    const reader = open(prefer, root);
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 200; round++) {
      let [active, inactive, locked, slab] = [0, 0, 0, 0];
      // From our group upwards: every group holds what its child holds.
      for (const level of ['a/b/c', 'a/b', 'a']) {
        const file = (name: string) => join(root, 'sys/fs/cgroup', level, name);
        writeFileSync(file('memory.max'), random(4) === 0 ? 'max\n' : `${random(1000)}\n`);
        writeFileSync(file('memory.high'), random(2) === 0 ? 'max\n' : `${random(1000)}\n`);
        writeFileSync(file('memory.current'), `${random(1000)}\n`);
        active += random(70);
        inactive += random(70);
        locked += random(2) * random(2000);
        slab += random(70);
        writeFileSync(
          file('memory.stat'),
          `inactive_file ${inactive}\nactive_file ${active}\nunevictable ${locked}\nslab_reclaimable ${slab}\n`,
        );
      }
      const { totalBytes, availableBytes } = reader.snapshot();
      expect(reader.measure(), `round ${round}`).toMatchObject({ totalBytes, availableBytes });
    }
  });

  it('sees a limit that changed between two readings', () => {
    const root = copyFixture('v2-three-levels');
    const reader = open(prefer, root);
    expect(reader.measure().availableBytes).toBe(370 * MiB);
    writeFileSync(join(root, 'sys/fs/cgroup/a/b/c/memory.max'), `${400 * MiB}\n`);
    expect(reader.measure()).toMatchObject({ totalBytes: 400 * MiB, availableBytes: (400 - 200 + 35) * MiB });
    writeFileSync(join(root, 'sys/fs/cgroup/a/b/c/memory.max'), 'max\n');
    expect(reader.measure().availableBytes).toBe(370 * MiB);
  });

  it('reads memory.stat again when it begins to matter', () => {
    const root = copyFixture('v2-leaf');
    const reader = open(prefer, root);
    writeFileSync(join(root, 'sys/fs/cgroup/app/memory.max'), 'max\n');
    expect(reader.measure().availableBytes).toBe(HOST_AVAILABLE);
    writeFileSync(join(root, 'sys/fs/cgroup/app/memory.max'), `${512 * MiB}\n`);
    expect(reader.measure().availableBytes).toBe(442 * MiB);
  });

  it('follows its group to another one', () => {
    const root = copyFixture('v2-three-levels');
    const reader = open(prefer, root);
    expect(reader.measure().availableBytes).toBe(370 * MiB);
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/a\n');
    expect(reader.measure().availableBytes).toBe((2048 - 900 + 170) * MiB);
    expect(reader.snapshot().scopes.map((scope) => scope.path)).toEqual(['host', '/a']);
  });

  it('does not resolve again while its group stays', () => {
    const root = copyFixture('v2-three-levels');
    const reader = open(prefer, root);
    reader.measure();
    rmSync(join(root, 'proc/self/mountinfo'));
    expect(reader.measure().availableBytes).toBe(370 * MiB);
  });

  it('takes notice of process limits and the overcommit mode within a second, and not at every reading', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const root = copyFixture('rlimits');
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
    const root = copyFixture('v2-leaf');
    writeFileSync(join(root, 'sys/fs/cgroup/app/memory.current'), `${100 * MiB}\n`);
    expect(open(prefer, root).measure().availableBytes).toBe(512 * MiB);
  });

  it('takes what our own group holds for the least that its parents hold, whose memory.stat may lag', () => {
    const root = copyFixture('v2-parent-limit');
    const stat = (inactive: number) =>
      `inactive_file ${inactive * MiB}\nactive_file 0\nunevictable 0\nslab_reclaimable 0\n`;
    writeFileSync(join(root, 'sys/fs/cgroup/pod.slice/memory.stat'), stat(0));
    writeFileSync(join(root, 'sys/fs/cgroup/pod.slice/app.scope/memory.stat'), stat(40));
    const reader = open(prefer, root);
    expect(reader.measure().availableBytes).toBe((300 - 180 + 40) * MiB);
    expect(reader.snapshot().availableBytes).toBe((300 - 180 + 40) * MiB);
    writeFileSync(join(root, 'sys/fs/cgroup/pod.slice/memory.stat'), stat(60));
    expect(reader.measure().availableBytes).toBe((300 - 180 + 60) * MiB);
  });

  it('finds the lines of memory.stat and meminfo in any order', () => {
    const root = copyFixture('v2-leaf');
    writeFileSync(
      join(root, 'sys/fs/cgroup/app/memory.stat'),
      `slab_reclaimable 1048576\nactive_file 2097152\nunevictable 0\ninactive_file 4194304\nfile 9\n`,
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
});

it('holds a situation for every fixture tree, and a tree for every situation', () => {
  const named = new Set([...SITUATIONS, ...CONTAINERS].map((situation) => situation.name));
  // These two are read by tests of their own.
  const trees = readdirSync(getFixture('.'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['garbage-number', 'mappings'].includes(entry.name))
    .map((entry) => entry.name);
  expect([...named].sort()).toEqual(trees.sort());
  expect(trees.length).toBeGreaterThanOrEqual(50);
});
