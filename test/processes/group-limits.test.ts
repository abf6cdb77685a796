/** Real v1 groups of this machine, and a folder of files in the place of v2's, which test/vm has for real. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { KiB, MiB } from '../../src/core/bytes.ts';
import { prepareGroup, writeLimit } from '../../src/processes/group-limits.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';

const whyNot = whyNoControlGroups();
if (whyNot) console.warn(`Limits of real groups are not tested: ${whyNot}.`);

function makeFolder(...names: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of names) writeFileSync(join(folder, name), '');
  return folder;
}

describe.skipIf(whyNot)('the limit of a v1 group', () => {
  const readKiB = (path: string) => Number(readFileSync(path, 'utf8')) / KiB;

  it('holds for memory and swap together, from the first to any later one, up and down', () => {
    const { directory } = createControlGroup();
    const [memory, both] = ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'].map((name) =>
      join(directory, name),
    );
    let former: number | undefined;
    for (const mib of [64, 96, 32]) {
      writeLimit('cgroup-v1', directory, mib * MiB, former);
      former = mib * MiB;
      expect(readKiB(memory!)).toBe(mib * 1024);
      if (existsSync(both!)) expect(readKiB(both!)).toBe(mib * 1024 + 64);
    }
  });

  it('kills, also below a group in which the kernel may not', () => {
    const above = createControlGroup();
    above.writeFile('memory.oom_control', 1);
    const { directory } = above.createChild('child');
    const readControl = () => readFileSync(join(directory, 'memory.oom_control'), 'utf8');
    expect(readControl()).toMatch(/^oom_kill_disable 1$/m);
    prepareGroup('cgroup-v1', directory);
    expect(readControl()).toMatch(/^oom_kill_disable 0$/m);
    prepareGroup('cgroup-v1', directory);
    expect(readControl()).toMatch(/^oom_kill_disable 0$/m);
  });
});

describe('the limit of a v2 group', () => {
  it('comes without swap, and ends all of its processes together', () => {
    const folder = makeFolder('memory.max', 'memory.swap.max', 'memory.oom.group');
    prepareGroup('cgroup-v2', folder);
    writeLimit('cgroup-v2', folder, 64 * MiB);
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    expect(['memory.max', 'memory.swap.max', 'memory.oom.group'].map(read)).toEqual(['67108864', '0', '1']);
  });

  it('does without what the kernel doesn’t have', () => {
    const folder = makeFolder('memory.max');
    prepareGroup('cgroup-v2', folder);
    expect(existsSync(join(folder, 'memory.swap.max'))).toBe(false);
  });

  it('is refused in one sentence if there is no such file', () => {
    expect(() => writeLimit('cgroup-v2', makeFolder(), 1)).toThrow(
      /^Expected .*memory\.max to take 1, found ENOENT; .*\.$/,
    );
  });
});
