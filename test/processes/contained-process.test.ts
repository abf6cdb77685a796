/** Real v1 groups and real processes of this machine. test/vm has them on v2. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { containProcess } from '../../src/processes/contained-process.ts';
import { ContainmentError } from '../../src/processes/containment-error.ts';
import { nameGroup } from '../../src/processes/remove-leftovers.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { copyFixture } from '../support/fixtures.ts';
import { startMemoryHolder } from '../support/memory-holder.ts';

const whyNot = whyNoControlGroups();
if (whyNot) console.warn(`Contained processes are not tested: ${whyNot}.`);

const readText = (...path: string[]) => readFileSync(join(...path), 'utf8').trim();
const listGroups = (directory: string) => readdirSync(directory).filter((name) => name.startsWith('nexa-guard-'));

/** A process in a group of its own below one that is made for the test. */
async function contain(limitMib: number) {
  const place = { kind: 'cgroup-v1', directory: createControlGroup().directory } as const;
  const holder = await startMemoryHolder();
  const contained = await containProcess(place, holder.pid, limitMib * MiB);
  return { place, holder, contained };
}

describe.skipIf(whyNot)('a contained process', () => {
  it('is alone in a group that is named after this process, with its limit', async () => {
    const { place, holder, contained } = await contain(64);
    expect(contained.path).toMatch(new RegExp(`^${place.directory}/nexa-guard-${process.pid}-\\d+$`));
    expect(readText(contained.path, 'cgroup.procs')).toBe(String(holder.pid));
    expect(Number(readText(contained.path, 'memory.limit_in_bytes'))).toBe(64 * MiB);
    expect(contained.readKills()).toBe(0);
  });

  it('is killed at its own limit, and a process beside it lives', async () => {
    const { holder, contained } = await contain(64);
    const neighbour = await startMemoryHolder();
    expect(await holder.take(32)).toBe('held');
    expect(contained.readKills()).toBe(0);
    expect(await holder.take(64)).toBe('SIGKILL');
    expect(contained.readKills()).toBe(1);
    expect(await neighbour.take(128)).toBe('held');
  });

  it('takes what a raised limit allows, and a limit below what it holds is refused', async () => {
    const { holder, contained } = await contain(64);
    contained.limit(160 * MiB);
    expect(await holder.take(96)).toBe('held');
    expect(() => contained.limit(32 * MiB)).toThrow(
      /^Expected .*memory\.limit_in_bytes to take 33554432, found EBUSY; /,
    );
    expect(Number(readText(contained.path, 'memory.limit_in_bytes'))).toBe(160 * MiB);
    contained.limit(128 * MiB);
    expect(Number(readText(contained.path, 'memory.limit_in_bytes'))).toBe(128 * MiB);
    expect(await holder.take(64)).toBe('SIGKILL');
  });

  it('leaves its group when it ends, which is removed as soon as it can be', async () => {
    const { holder, contained } = await contain(64);
    const removal = contained.remove();
    expect(existsSync(contained.path)).toBe(true);
    await holder.kill();
    await removal;
    expect(existsSync(contained.path)).toBe(false);
    expect(contained.readKills()).toBeUndefined();
    expect(() => contained.limit(MiB)).toThrow(ContainmentError);
    await contained.remove();
  });

  it('that lives on keeps its group, and the removal ends all the same', async () => {
    const { holder, contained } = await contain(64);
    await contained.remove();
    expect(readText(contained.path, 'cgroup.procs')).toBe(String(holder.pid));
  });

  it('gets a group also if names are taken', async () => {
    const { place, contained } = await contain(64);
    const taken = [1, 2, 3].map((more) => {
      const count = Number(contained.path.split('-').at(-1)) + more;
      return join(place.directory, nameGroup(process.pid, count));
    });
    for (const directory of taken) mkdirSync(directory);
    onTestFinished(() => {
      for (const directory of taken) rmdirSync(directory);
    });
    const other = await containProcess(place, (await startMemoryHolder()).pid, MiB * 64);
    expect(taken).not.toContain(other.path);
    expect(readText(other.path, 'cgroup.procs')).not.toBe('');
  });
});

describe.skipIf(whyNot)('a process that can’t be contained', () => {
  it.each([0, -1, 1.5, Number.NaN, process.pid])('has the number %s, and the program is not moved', async (pid) => {
    const { directory } = createControlGroup();
    const before = readText('/proc/self/cgroup');
    await expect(containProcess({ kind: 'cgroup-v1', directory }, pid, MiB)).rejects.toThrow(
      /^Expected the number of another process, found .*; give the pid of a child\.$/,
    );
    expect(readText('/proc/self/cgroup')).toBe(before);
    expect(listGroups(directory)).toEqual([]);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('has a limit of %s', async (bytes) => {
    const { place, holder, contained } = await contain(64);
    expect(() => contained.limit(bytes)).toThrow(
      /^Expected a limit in bytes, found .*; give a safe integer above 0\.$/,
    );
    await expect(containProcess(place, holder.pid, bytes)).rejects.toThrow(ContainmentError);
    expect(listGroups(place.directory)).toHaveLength(1);
  });

  it('has ended, and leaves no group', async () => {
    const { directory } = createControlGroup();
    const holder = await startMemoryHolder();
    await holder.kill();
    await expect(containProcess({ kind: 'cgroup-v1', directory }, holder.pid, MiB)).rejects.toThrow(
      /^Expected .*\/cgroup\.procs to take \d+, found ESRCH; check that it runs/,
    );
    expect(listGroups(directory)).toEqual([]);
  });

  it('has no place', async () => {
    await expect(containProcess({ kind: 'cgroup-v1', directory: '/nowhere' }, 1, MiB)).rejects.toThrow(
      /^Expected to make \/nowhere\/nexa-guard-\d+-\d+, found ENOENT; let this user make groups in \/nowhere\.$/,
    );
  });

  it('is on v2 in a group that doesn’t hand the controller down and whose kernel doesn’t let it', async () => {
    const directory = join(copyFixture('v2-three-levels'), 'sys/fs/cgroup/a');
    await expect(containProcess({ kind: 'cgroup-v2', directory }, 1, MiB)).rejects.toThrow(
      /cgroup\.subtree_control to take \+memory, found ENOENT; /,
    );
  });
});
