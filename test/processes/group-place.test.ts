/** Recorded trees of kernel files: where groups for children may be made, and each reason why nowhere. */
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { findGroupPlace, handsDownMemory } from '../../src/processes/group-place.ts';
import { copyFixture, getFixture } from '../support/fixtures.ts';

/** `/delegated/app` is ours: unlimited, in a group that hands the memory controller down. `files` stand in `/delegated`. */
function makeDelegated(files: Readonly<Record<string, string>> = {}, name = 'delegated'): string {
  const root = copyFixture('v2-three-levels');
  const groups = join(root, 'sys/fs/cgroup');
  renameSync(join(groups, 'a'), join(groups, name));
  renameSync(join(groups, name, 'b'), join(groups, name, 'app'));
  writeFileSync(join(root, 'proc/self/cgroup'), `0::/${name}/app\n`);
  for (const file of ['memory.max', 'memory.high']) writeFileSync(join(groups, name, 'app', file), 'max\n');
  const above = { 'cgroup.procs': '', 'cgroup.subtree_control': 'cpu memory\n', ...files };
  for (const [file, text] of Object.entries(above)) writeFileSync(join(groups, name, file), text);
  return root;
}

afterEach(() => void vi.restoreAllMocks());

const asUser = () => vi.spyOn(process, 'geteuid').mockReturnValue(1000);
const asRoot = () => vi.spyOn(process, 'geteuid').mockReturnValue(0);
const findReason = (root: string) => {
  const place = findGroupPlace(root);
  return 'reason' in place ? place.reason : undefined;
};

describe('on v1 the place', () => {
  it('is our own group', () => {
    const root = getFixture('v1-parent-limit');
    expect(findGroupPlace(root)).toEqual({
      kind: 'cgroup-v1',
      directory: `${root}/sys/fs/cgroup/memory/pod/app`,
    });
  });

  it('is the real root if we are in it, whatever its memory.use_hierarchy says', () => {
    const root = copyFixture('v1-no-hierarchy');
    const text = '4:memory:/\n';
    writeFileSync(join(root, 'proc/self/cgroup'), text);
    writeFileSync(join(root, 'sys/fs/cgroup/memory/memory.use_hierarchy'), '0\n');
    expect(findGroupPlace(root)).toEqual({ kind: 'cgroup-v1', directory: `${root}/sys/fs/cgroup/memory` });
  });

  it('is none if a group below ours would not keep our limit', () => {
    const root = copyFixture('v1-parent-limit');
    writeFileSync(join(root, 'sys/fs/cgroup/memory/pod/app/memory.use_hierarchy'), '0\n');
    expect(findReason(root)).toMatch(
      /^Expected 1 in .*\/app\/memory\.use_hierarchy.*found 0; .*Linux 5\.11 or later\.$/,
    );
  });

  it.skipIf(process.getuid?.() === 0)('is none if our group can’t be written', () => {
    const root = copyFixture('v1-parent-limit');
    const own = join(root, 'sys/fs/cgroup/memory/pod/app');
    chmodSync(own, 0o555);
    onTestFinished(() => chmodSync(own, 0o755));
    expect(findReason(root)).toMatch(/^Expected to make groups in .*\/app, found EACCES; run as root/);
  });
});

describe('on v2 the place', () => {
  it('is the delegated group above ours', () => {
    const root = makeDelegated();
    expect(findGroupPlace(root)).toEqual({ kind: 'cgroup-v2', directory: `${root}/sys/fs/cgroup/delegated` });
  });

  it('is the real root if we are in it: it may hold processes and limited groups', () => {
    const root = makeDelegated();
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/\n');
    writeFileSync(join(root, 'sys/fs/cgroup/cgroup.subtree_control'), 'memory\n');
    writeFileSync(join(root, 'sys/fs/cgroup/cgroup.procs'), '1\n');
    expect(findGroupPlace(root)).toEqual({ kind: 'cgroup-v2', directory: `${root}/sys/fs/cgroup` });
  });

  it('is none if our group is the topmost that can be seen, as in a container', () => {
    expect(findReason(getFixture('v2-namespace-hidden'))).toMatch(
      /^Expected a control group above .* found that none above .* can be seen; start the program in a group below that one/,
    );
  });

  it('is none in a slice, which systemd never delegates', () => {
    const reason = findReason(makeDelegated({}, 'system.slice'));
    expect(reason).toMatch(
      /^Expected .* found it in .*system\.slice, a slice; set `Delegate=yes` and `DelegateSubgroup=`/,
    );
    expect(findReason(makeDelegated({}, 'app.service'))).toBeUndefined();
  });

  it.each(['memory.max', 'memory.high'])('is none beside a group that has a limit of its own: %s', (name) => {
    const root = makeDelegated();
    writeFileSync(join(root, 'sys/fs/cgroup/delegated/app', name), '536870912\n');
    expect(findReason(root)).toMatch(
      new RegExp(`^Expected no limit in .*/app/${name}, .* found 512\\.0 MiB; set it in .*/delegated/${name}\\.$`),
    );
  });

  it('is none if the memory controller doesn’t come down to the group above', () => {
    const root = makeDelegated({ 'cgroup.controllers': 'cpu pids\n', 'cgroup.subtree_control': 'cpu\n' });
    writeFileSync(join(root, 'sys/fs/cgroup/delegated/app/cgroup.controllers'), 'cpu\n');
    expect(findReason(root)).toMatch(/^Expected `memory` in .*\/delegated\/cgroup\.controllers, found none; write/);
    expect(findReason(getFixture('host-no-memory-controller'))).toMatch(
      /^Expected `memory` in .*\/cgroup\.controllers, found none; boot Linux with `cgroup_enable=memory`/,
    );
  });

  it('is a group that is empty and delegated to this user, which may then hand the controller down', () => {
    asUser();
    expect(findReason(makeDelegated({ 'cgroup.subtree_control': '\n' }))).toBeUndefined();
    const crowded = makeDelegated({ 'cgroup.subtree_control': '\n', 'cgroup.procs': '12\n' });
    expect(findReason(crowded)).toMatch(/^Expected no process in .*\/delegated itself, found some; move them/);
  });

  it('is for root, which may write everywhere, such a group only if it is known to be delegated', () => {
    asRoot();
    const files = { 'cgroup.subtree_control': '\n' };
    expect(findReason(makeDelegated(files))).toMatch(
      /^Expected `memory` in .*\/delegated\/cgroup\.subtree_control, found none; write `\+memory` to it\.$/,
    );
    expect(findReason(makeDelegated(files, 'app.service'))).toBeUndefined();
    // The topmost group of a container.
    const root = makeDelegated(files);
    rmSync(join(root, 'sys/fs/cgroup/delegated/app'), { recursive: true });
    mkdirSync(join(root, 'sys/fs/cgroup/delegated/app'));
    writeFileSync(join(root, 'sys/fs/cgroup/delegated/app/cgroup.controllers'), '\n');
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/app\n');
    writeFileSync(join(root, 'proc/self/mountinfo'), '30 23 0:26 / /sys/fs/cgroup/delegated rw - cgroup2 cgroup2 rw\n');
    expect(findReason(root)).toBeUndefined();
  });

  it.skipIf(process.getuid?.() === 0)('is none if the group above is another user’s', () => {
    const root = makeDelegated();
    chmodSync(join(root, 'sys/fs/cgroup/delegated/cgroup.procs'), 0o444);
    expect(findReason(root)).toMatch(/^Expected to make groups in .*\/delegated .* found EACCES; set `Delegate=yes`/);
  });
});

describe('no place', () => {
  it('is found without control groups, or if ours can’t be seen', () => {
    const none = /^Expected to see the control group of this process .* found none; mount the control groups/;
    expect(findReason(getFixture('host-only'))).toMatch(none);
    const root = makeDelegated();
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/delegated/elsewhere\n');
    expect(findReason(root)).toMatch(none);
  });

  it('is found if the kernel’s files can’t be read or understood, in their own sentence', () => {
    const root = makeDelegated();
    writeFileSync(join(root, 'proc/self/cgroup'), 'garbage\n');
    expect(findReason(root)).toMatch(/^Expected lines such as .*proc\/self\/cgroup, but found "garbage"/);
    expect(findReason('/nowhere')).toMatch(/^Expected to read \/nowhere\/proc\/self\/mountinfo/);
  });
});

it('a group hands memory down if it says so', () => {
  const root = makeDelegated();
  expect(handsDownMemory(join(root, 'sys/fs/cgroup/delegated'))).toBe(true);
  expect(handsDownMemory(join(root, 'sys/fs/cgroup/delegated/app'))).toBe(false);
  writeFileSync(join(root, 'sys/fs/cgroup/delegated/cgroup.subtree_control'), 'memoryx\n');
  expect(handsDownMemory(join(root, 'sys/fs/cgroup/delegated'))).toBe(false);
});
