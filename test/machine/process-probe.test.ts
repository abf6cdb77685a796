/** A real process that takes memory, and real groups where they can be made. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { openProcessProbe } from '../../src/machine/process-probe.ts';
import { openContainment } from '../../src/processes/containment.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { startMemoryHolder } from '../support/memory-holder.ts';
import { runNode } from '../support/run-program.ts';

async function probed() {
  const holder = await startMemoryHolder();
  const probe = openProcessProbe(holder);
  onTestFinished(() => probe.close());
  return { holder, probe };
}

const linux = process.platform === 'linux';
const contains = 'containment' in openContainment();
if (!contains) console.warn('The wall of a process is not tested here: no control groups can be made.');

describe.runIf(linux)('a probe of a process', () => {
  it('reads what it holds, until it has ended', async () => {
    const { holder, probe } = await probed();
    const before = probe.readBytes() ?? 0;
    expect(before).toBeGreaterThan(MiB);
    await holder.take(32);
    const grown = (probe.readBytes() ?? 0) - before;
    expect(grown).toBeGreaterThan(31 * MiB);
    expect(grown).toBeLessThan(48 * MiB);
    await holder.kill();
    expect(probe.readBytes()).toBeUndefined();
    expect(probe.listMappings()).toBeUndefined();
  });

  it('lists data files that it maps, and no programs', async () => {
    const { probe } = await probed();
    const bytes = (probe.listMappings() ?? []).reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeLessThan(32 * MiB);
  });

  it('finds no killer of one that a user killed', async () => {
    const { holder, probe } = await probed();
    await holder.kill();
    expect(probe.findKiller()).toBeUndefined();
  });
});

describe.runIf(contains)('the wall of a process', () => {
  it('ends it by the kernel, and is known as its own', async () => {
    const { holder, probe } = await probed();
    expect(await probe.contain(96 * MiB)).toBeUndefined();
    const path = readFileSync(`/proc/${holder.pid}/cgroup`, 'utf8');
    expect(path).toContain(`${process.pid}`);
    expect(await holder.take(300)).toBe('SIGKILL');
    expect(probe.findKiller()).toMatchObject({ own: true, kind: expect.stringMatching(/^cgroup-v/) });
    expect(probe.findKiller()).toBeUndefined();
  });

  it('leaves one alone that stays within', async () => {
    const { holder, probe } = await probed();
    expect(await probe.contain(256 * MiB)).toBeUndefined();
    expect(await holder.take(32)).toBe('held');
    await holder.kill();
    expect(probe.findKiller()).toBeUndefined();
  });

  it('is moved, and then leaves room for more', async () => {
    const { holder, probe } = await probed();
    expect(await probe.contain(96 * MiB)).toBeUndefined();
    expect(await probe.contain(256 * MiB)).toBeUndefined();
    expect(await holder.take(150)).toBe('held');
    expect(await holder.take(300)).toBe('SIGKILL');
    expect(probe.findKiller()).toMatchObject({ own: true });
  });

  it.skipIf(whyNoControlGroups())('is below the group that the program is in by then', async () => {
    const { directory } = createControlGroup();
    const door = new URL('../../lib/machine/process-probe.js', import.meta.url);
    const program = `import { openProcessProbe } from ${JSON.stringify(door.href)};
      import { spawn } from 'node:child_process';
      import { readFileSync, writeFileSync } from 'node:fs';
      const children = [1, 2].map(() => spawn('sleep', ['60'], { stdio: 'ignore' }));
      const paths = [];
      for (const { pid } of children) {
        const probe = openProcessProbe({ pid });
        await probe.contain(2 ** 28);
        paths.push(/:memory:(.*)/.exec(readFileSync('/proc/' + pid + '/cgroup', 'utf8'))[1]);
        writeFileSync(${JSON.stringify(`${directory}/cgroup.procs`)}, String(process.pid));
      }
      for (const child of children) child.kill('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 300));
      console.log(paths.join(' '));`;
    const { code, stdout } = await runNode(['--input-type=module', '-e', program]);
    expect(code).toBe(0);
    const [before, after] = stdout.trim().split(' ');
    expect(before).not.toContain(basename(directory));
    expect(after).toContain(`${basename(directory)}/nexa-guard-`);
  });

  it('is none if the kernel refuses, and the reason is a sentence', async () => {
    const { holder, probe } = await probed();
    expect(await probe.contain(0.5)).toMatch(/^Expected a limit in bytes, found 0\.5/);
    expect(await holder.take(1)).toBe('held');
    expect(probe.findKiller()).toBeUndefined();
  });
});
