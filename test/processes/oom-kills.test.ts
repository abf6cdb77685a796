/** Recorded trees with counters that are moved by hand, as the kernel was seen to move them; then real kills by a v1 limit. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { containProcess } from '../../src/processes/contained-process.ts';
import { findKiller, readOomKills } from '../../src/processes/oom-kills.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { copyFixture, getFixture } from '../support/fixtures.ts';
import { startMemoryHolder } from '../support/memory-holder.ts';

const HOST = { kind: 'host', path: 'host' };

/** Our groups are /a, /a/b and /a/b/c; /a/b/guarded is a contained one beside ours. */
class Tree {
  readonly root = copyFixture('v2-three-levels');
  readonly contained = this.find('/a/b/guarded');
  #local: boolean;

  constructor(local = true) {
    this.#local = local;
    mkdirSync(this.contained);
    this.setHost(0);
    for (const path of ['/a', '/a/b', '/a/b/c', '/a/b/guarded']) this.set(path, 0, 0);
  }

  find(path: string): string {
    return join(this.root, 'sys/fs/cgroup', path);
  }

  set(path: string, ooms: number, kills: number): void {
    const name = this.#local ? 'memory.events.local' : 'memory.events';
    writeFileSync(
      join(this.find(path), name),
      `low 0\nhigh 0\nmax 9\noom ${ooms}\noom_kill ${kills}\noom_group_kill 0\n`,
    );
  }

  setHost(kills: number): void {
    writeFileSync(join(this.root, 'proc/vmstat'), `nr_free_pages 1\noom_kill ${kills}\n`);
  }

  read(groups = [this.contained]) {
    return readOomKills({ root: this.root, groups });
  }

  scope(path: string) {
    return { kind: 'cgroup-v2', path, directory: this.find(path) };
  }
}

describe('the scope of a kill', () => {
  it('is the group whose limit had run out: the contained one, ours, or one above', () => {
    for (const path of ['/a/b/guarded', '/a/b', '/a']) {
      const tree = new Tree();
      const before = tree.read();
      tree.set(path, 1, 0);
      tree.set('/a/b/guarded', path === '/a/b/guarded' ? 1 : 0, 1);
      tree.setHost(1);
      expect(findKiller(before, tree.read())).toEqual(tree.scope(path));
    }
  });

  it('is not a group beside the one that held the process, whose limit had run out too', () => {
    const tree = new Tree();
    const before = tree.read();
    tree.set('/a/b/guarded', 0, 1);
    tree.set('/a/b/c', 5, 0);
    tree.set('/a', 1, 0);
    expect(findKiller(before, tree.read())).toEqual(tree.scope('/a'));
  });

  it('is that of the contained process if one of our own group was killed as well', () => {
    const tree = new Tree();
    const before = tree.read();
    tree.set('/a/b/c', 1, 1);
    tree.set('/a/b/guarded', 1, 1);
    expect(findKiller(before, tree.read())).toEqual(tree.scope('/a/b/guarded'));
  });

  it('is the host if a process of ours was killed and no limit had run out', () => {
    const tree = new Tree();
    const before = tree.read();
    tree.set('/a/b/guarded', 0, 1);
    tree.setHost(1);
    expect(findKiller(before, tree.read())).toEqual(HOST);
  });

  it('is nobody’s if no process of ours was killed, whatever happened to others or to a limit', () => {
    const tree = new Tree();
    const before = tree.read();
    expect(findKiller(before, before)).toBeUndefined();
    tree.setHost(1);
    tree.set('/a/b/c', 1, 0);
    expect(findKiller(before, tree.read())).toBeUndefined();
  });

  it('is the innermost group in which it rose if the kernel counts groups below as well', () => {
    const tree = new Tree(false);
    const before = tree.read();
    for (const path of ['/a', '/a/b', '/a/b/guarded']) tree.set(path, 1, 1);
    expect(findKiller(before, tree.read())).toEqual(tree.scope('/a/b/guarded'));
    tree.set('/a/b/guarded', 0, 1);
    expect(findKiller(before, tree.read())).toEqual(tree.scope('/a/b'));
  });

  it('is found in a contained group that was made after the first reading, and in no other that could not be read then', () => {
    const tree = new Tree();
    tree.set('/a/b/guarded', 1, 1);
    expect(findKiller(tree.read([]), tree.read())).toEqual(tree.scope('/a/b/guarded'));
    tree.set('/a/b/c', 1, 1);
    const before = tree.read([]);
    const unread = { ...before, groups: before.groups.filter(({ path }) => path !== '/a/b/c') };
    expect(findKiller(unread, tree.read([]))).toBeUndefined();
  });

  it('is the host by the machine’s counter alone only if our own group has none', () => {
    const tree = new Tree();
    writeFileSync(join(tree.find('/a/b/c'), 'memory.events.local'), 'low 0\n');
    const before = tree.read();
    expect(findKiller(before, tree.read())).toBeUndefined();
    tree.setHost(1);
    expect(findKiller(before, tree.read())).toEqual(HOST);
  });

  it('is the group that held the process if its limit has no counter', () => {
    const tree = new Tree();
    const write = (kills: number) => writeFileSync(join(tree.contained, 'memory.events.local'), `oom_kill ${kills}\n`);
    write(0);
    const before = tree.read();
    write(1);
    expect(findKiller(before, tree.read())).toEqual(tree.scope('/a/b/guarded'));
  });
});

describe('a reading', () => {
  it('names a group that stands below none of ours by its directory', () => {
    const tree = new Tree();
    expect(tree.read(['/elsewhere/x']).groups.at(-1)).toMatchObject({ path: '/elsewhere/x', kills: undefined });
    writeFileSync(
      join(tree.root, 'proc/self/mountinfo'),
      '30 23 0:26 /a/b /sys/fs/cgroup/a/b rw - cgroup2 cgroup2 rw\n',
    );
    expect(tree.read().groups.at(-1)).toMatchObject({ path: '/guarded' });
  });

  it('holds what can be read where there are no groups, or where they can’t be understood', () => {
    const none = { groups: [], ownCounted: false, hostKills: undefined };
    expect(readOomKills({ root: getFixture('host-only') })).toEqual(none);
    expect(readOomKills({ root: '/nowhere' })).toEqual(none);
    const tree = new Tree();
    writeFileSync(join(tree.root, 'proc/self/cgroup'), 'garbage\n');
    expect(tree.read()).toEqual({ ...none, hostKills: 0 });
  });
});

const whyNot = whyNoControlGroups();
if (whyNot) console.warn(`Real kills are not tested: ${whyNot}.`);

describe.skipIf(whyNot)('a real kill by a v1 limit', () => {
  it.each([
    ['of its own', 64, 256, false],
    ['of the group above', 256, 64, false],
    ['of memory and swap together of the group above', 256, 64, true],
  ] as const)('is told to be by the one %s', async (_whose, ownMib, aboveMib, withSwap) => {
    const above = createControlGroup(aboveMib * MiB);
    if (withSwap && existsSync(join(above.directory, 'memory.memsw.limit_in_bytes'))) {
      above.writeFile('memory.memsw.limit_in_bytes', aboveMib * MiB);
    }
    const holder = await startMemoryHolder();
    const own = await containProcess({ kind: 'cgroup-v1', directory: above.directory }, holder.pid, ownMib * MiB);
    onTestFinished(() => own.remove());
    const groups = [above.directory, own.path];
    const before = readOomKills({ groups });
    expect(await holder.take(16)).toBe('held');
    expect(findKiller(before, readOomKills({ groups }))).toBeUndefined();
    expect(await holder.take(120)).toBe('SIGKILL');
    const directory = ownMib < aboveMib ? own.path : above.directory;
    expect(findKiller(before, readOomKills({ groups }))).toMatchObject({ kind: 'cgroup-v1', directory });
  });
});
