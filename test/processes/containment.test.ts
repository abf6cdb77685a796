/** The door on this machine: real v1 groups below the one that this process is in. test/vm has delegated ones of v2. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { type Containment, describeContainment, openContainment } from '../../src/processes/containment.ts';
import { findGroupPlace } from '../../src/processes/group-place.ts';
import { findKiller, readOomKills } from '../../src/processes/oom-kills.ts';
import { nameGroup } from '../../src/processes/remove-leftovers.ts';
import { killChild } from '../../tools/kill-child.mjs';
import { whyNoControlGroups } from '../support/create-control-group.ts';
import { getFixture } from '../support/fixtures.ts';
import { startMemoryHolder } from '../support/memory-holder.ts';

const whyNot = whyNoControlGroups();
if (whyNot) console.warn(`Containment is not tested: ${whyNot}.`);

afterEach(() => void vi.restoreAllMocks());

function open(): Containment {
  const opened = openContainment();
  if ('reason' in opened) throw new Error(opened.reason);
  return opened.containment;
}

describe.skipIf(whyNot)('containment', () => {
  it('lets a child be killed at a wall of its own, beside which others live, and leaves nothing', async () => {
    const containment = open();
    expect(containment.kind).toBe('cgroup-v1');
    expect(describeContainment()).toEqual({ kind: containment.kind });
    const [model, sibling] = [await startMemoryHolder(), await startMemoryHolder()];
    const before = readOomKills();
    const contained = await containment.contain(model.pid, 64 * MiB);
    onTestFinished(() => contained.remove());
    const read = () => readOomKills({ groups: [contained.path] });
    expect(await model.take(32)).toBe('held');
    expect(contained.readKills()).toBe(0);
    expect(findKiller(before, read())).toBeUndefined();

    expect(await model.take(64)).toBe('SIGKILL');
    expect(await sibling.take(128)).toBe('held');
    expect(contained.readKills()).toBe(1);
    const killer = findKiller(before, read());
    expect(killer).toMatchObject({ kind: 'cgroup-v1', directory: contained.path });
    // As it would be named in /proc/<pid>/cgroup.
    const ours = /^\d+:(?:.*,)?memory(?:,.*)?:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    expect(killer?.path).toMatch(new RegExp(`^${ours === '/' ? '' : ours}/nexa-guard-${process.pid}-\\d+$`));

    await contained.remove();
    expect(existsSync(contained.path)).toBe(false);
  });

  it('is told nothing of a child that another one killed', async () => {
    const model = await startMemoryHolder();
    const contained = await open().contain(model.pid, 64 * MiB);
    onTestFinished(() => contained.remove());
    const before = readOomKills({ groups: [contained.path] });
    await model.kill();
    expect(contained.readKills()).toBe(0);
    expect(findKiller(before, readOomKills({ groups: [contained.path] }))).toBeUndefined();
  });

  it('removes the groups of a program that was killed, and not those of one that lives', async () => {
    const door = new URL('../../lib/processes/containment.js', import.meta.url);
    const holder = fileURLToPath(new URL('../support/programs/hold-memory.mjs', import.meta.url));
    const program = `import { openContainment } from ${JSON.stringify(door.href)};
      import { spawn } from 'node:child_process';
      const child = spawn(process.execPath, [${JSON.stringify(holder)}], { stdio: ['pipe', 'ignore', 'inherit'] });
      const contained = await openContainment().containment.contain(child.pid, 2 ** 28);
      console.log(contained.path + ' ' + child.pid);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => killChild(child));
    const [line] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    const [path = '', pid = ''] = String(line).trim().split(' ');
    expect(readFileSync(`${path}/cgroup.procs`, 'utf8').trim()).toBe(pid);
    open();
    expect(existsSync(path)).toBe(true);

    // Its stdin closes with the program, so the model ends too. Until it has, the kernel keeps the group.
    await killChild(child);
    await vi.waitFor(() => {
      open();
      expect(existsSync(path)).toBe(false);
    }, 10_000);
  });

  it('leaves an empty group whose program’s number is in use', () => {
    const place = findGroupPlace('/');
    if ('reason' in place) throw new Error(place.reason);
    const group = `${place.directory}/${nameGroup(process.ppid, 999_999)}`;
    mkdirSync(group);
    onTestFinished(() => rmdirSync(group));
    open();
    expect(existsSync(group)).toBe(true);
  });
});

it('is not available elsewhere than on Linux, or where the kernel’s files say so, for a reason', () => {
  vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin');
  expect(describeContainment()).toEqual(openContainment());
  expect(openContainment()).toEqual({ reason: "Expected Linux, found darwin; control groups are Linux's alone." });
  vi.restoreAllMocks();
  if (process.platform !== 'linux') return;
  expect(openContainment({ root: getFixture('host-only') })).toEqual({
    reason: expect.stringMatching(/^Expected .*\.$/),
  });
});
