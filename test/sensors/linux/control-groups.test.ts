/** Control groups in trees that are bent by hand: several mounts, groups that are not there, hostile texts. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import { findGroups, tellsCache } from '../../../src/sensors/linux/control-groups.ts';
import { copyFixture, getFixture } from '../../support/fixtures.ts';
import { open } from '../../support/linux-readers.ts';

/** The whole reading: what was found decides which limits count. */
const read = (root: string) => open('procfs', root).snapshot();

const listPaths = (root: string) => findGroups(root)?.groups.map(({ path }) => path);

describe('findGroups', () => {
  it('names the groups from the topmost one down to ours, with their directories', () => {
    const root = getFixture('v2-three-levels');
    const groups = ['a', 'a/b', 'a/b/c'].map((path) => ({
      directory: `${root}/sys/fs/cgroup/${path}`,
      path: `/${path}`,
    }));
    expect(findGroups(root)).toMatchObject({ version: 2, groups, ancestorsHidden: false });
  });

  it('leaves out the real root of a hierarchy, which cannot be limited, and takes the root of a container', () => {
    expect(listPaths(getFixture('v1-parent-limit'))).toEqual(['/pod', '/pod/app']);
    expect(listPaths(getFixture('v1-docker-bind'))).toEqual(['/']);
    expect(listPaths(getFixture('v2-namespace-hidden'))).toEqual(['/']);
  });

  it('tells every group that it saw on the way to ours, and which one is ours', () => {
    const listVisible = (root: string) => findGroups(root)?.visible.map(({ path }) => path);
    const root = copyFixture('v1-no-hierarchy');
    expect(listVisible(root)).toEqual(['/', '/pod', '/pod/app']);
    expect(findGroups(root)?.own).toMatchObject({ path: '/pod/app' });
    writeFileSync(join(root, 'proc/self/cgroup'), '4:memory:/pod/elsewhere\n');
    expect(listVisible(root)).toEqual(['/', '/pod']);
    expect(findGroups(root)?.own).toBeUndefined();
    const without = getFixture('v2-without-controller-below');
    expect(findGroups(without)?.own?.path).not.toBe(findGroups(without)?.groups.at(-1)?.path);
  });

  it('keeps the file that tells whether we were moved, as it was read', () => {
    const root = getFixture('v2-leaf');
    expect(findGroups(root)).toMatchObject({ file: `${root}/proc/self/cgroup`, bytes: Buffer.from('0::/app\n') });
  });

  it('finds none on a kernel without control groups', () => {
    const root = copyFixture('v2-leaf');
    rmSync(join(root, 'proc/self/cgroup'));
    writeFileSync(join(root, 'proc/self/mountinfo'), '23 1 254:0 / / rw - ext4 /dev/root rw\n');
    expect(findGroups(root)).toBeUndefined();
  });

  it('finds none if no hierarchy has the memory controller', () => {
    expect(findGroups(getFixture('host-no-memory-controller'))).toMatchObject({ groups: [], ancestorsHidden: false });
  });
});

describe('a mount', () => {
  it('is taken if it shows most of our way, whichever comes first', () => {
    const partial = '50 23 0:26 /a/b /mnt/part rw - cgroup2 cgroup2 rw\n';
    const whole = '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n';
    for (const mounts of [partial + whole, whole + partial]) {
      const root = copyFixture('v2-three-levels');
      mkdirSync(join(root, 'mnt/part/c'), { recursive: true });
      writeFileSync(join(root, 'proc/self/mountinfo'), mounts);
      expect(read(root)).toMatchObject({ availableBytes: 370 * MiB, ancestorsHidden: false });
    }
  });

  it('is used in part if there is no other, and ancestors are then said to be hidden', () => {
    const root = copyFixture('v2-three-levels');
    renameSync(join(root, 'sys/fs/cgroup/a/b'), join(root, 'part'));
    writeFileSync(join(root, 'proc/self/mountinfo'), '50 23 0:26 /a/b /part rw - cgroup2 cgroup2 rw\n');
    const snapshot = read(root);
    expect(snapshot).toMatchObject({ availableBytes: 370 * MiB, ancestorsHidden: true });
    expect(snapshot.scopes.map((scope) => scope.path)).toEqual(['host', '/', '/c']);
  });

  it('is not taken if its directory is not there', () => {
    const root = copyFixture('v2-three-levels');
    writeFileSync(join(root, 'proc/self/mountinfo'), '50 23 0:26 / /nowhere rw - cgroup2 cgroup2 rw\n');
    expect(read(root)).toMatchObject({ ancestorsHidden: true });
    expect(read(root).scopes).toHaveLength(1);
  });
});

describe('our own group', () => {
  it('is replaced by the part of the way that exists if it cannot be seen', () => {
    const root = copyFixture('v2-three-levels');
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/a/x/y\n');
    const snapshot = read(root);
    expect(snapshot.scopes.map((scope) => scope.path)).toEqual(['host', '/a']);
    expect(snapshot.ancestorsHidden).toBe(true);
  });

  it('is replaced by the mounted group alone if nobody below lists this process', () => {
    const root = copyFixture('v1-unnamed-levels');
    writeFileSync(join(root, 'sys/fs/cgroup/memory/pod/app/cgroup.procs'), '77\n');
    expect(read(root)).toMatchObject({ ancestorsHidden: true });
    expect(read(root).scopes.map((scope) => scope.path)).toEqual(['host']);
  });

  it('is found below the unnamed levels by its own path', () => {
    const root = copyFixture('v1-unnamed-levels');
    writeFileSync(join(root, 'proc/self/cgroup'), '4:memory:/app\n');
    writeFileSync(
      join(root, 'proc/self/mountinfo'),
      '35 31 0:32 /.. /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
    );
    expect(read(root)).toMatchObject({ availableBytes: 230 * MiB, ancestorsHidden: false });
  });

  it('is limited by a v1 parent only as far as that limits its children', () => {
    const root = copyFixture('v1-no-hierarchy');
    expect(listPaths(root)).toEqual(['/pod/app']);
    writeFileSync(join(root, 'sys/fs/cgroup/memory/pod/memory.use_hierarchy'), '1\n');
    expect(listPaths(root)).toEqual(['/pod', '/pod/app']);
    expect(read(root).availableBytes).toBe((256 - 150 + 20) * MiB);
  });
});

describe('what cannot be understood', () => {
  it('are control groups that are mounted and hidden from /proc', () => {
    const root = copyFixture('v2-leaf');
    rmSync(join(root, 'proc/self/cgroup'));
    expectSensorError(root, 'proc/self/cgroup');
  });

  it('is a list of groups without a hierarchy that is mounted', () => {
    const root = copyFixture('v1-leaf-limit');
    writeFileSync(join(root, 'proc/self/cgroup'), '1:name=systemd:/\n');
    expectSensorError(root, 'a line such as "4:memory:/group", which is mounted,');
  });

  it('is a file in the place of a parent', () => {
    const root = copyFixture('v2-leaf');
    rmSync(join(root, 'sys/fs/cgroup/app'), { recursive: true });
    writeFileSync(join(root, 'sys/fs/cgroup/app'), '');
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/app/below\n');
    expectSensorError(root, 'cgroup.controllers');
  });

  it.each([
    ['v1-no-hierarchy', 'sys/fs/cgroup/memory/pod/memory.use_hierarchy', '2\n', '0 or 1'],
    ['v2-leaf', 'proc/self/mountinfo', 'no mounts here\n', 'lines such as'],
    ['v1-unnamed-levels', 'proc/self/stat', 'self (node) R\n', 'our process number'],
  ])('is, in %s, %s with %j', (name, file, text, message) => {
    const root = copyFixture(name);
    writeFileSync(join(root, file), text);
    expectSensorError(root, message);
  });

  function expectSensorError(root: string, message: string): void {
    expect(() => read(root)).toThrow(
      expect.objectContaining({ code: 'ERR_SENSOR', message: expect.stringContaining(message) }),
    );
  }
});

describe('tellsCache', () => {
  it('knows a kernel’s v1 group from a stand-in that has a limit and a usage only', () => {
    expect(tellsCache(join(getFixture('v1-leaf-limit'), 'sys/fs/cgroup/memory/app'))).toBe(true);
    expect(tellsCache(join(getFixture('gvisor-cgroupfs'), 'sys/fs/cgroup/memory'))).toBe(false);
  });
});
