/** Real groups of this machine: where they are made, what is charged to them, and that nothing of them stays behind. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { ControlGroup, type CreateOptions, whyNoControlGroups } from '../../tools/control-groups.mjs';

const whyNot = whyNoControlGroups();
if (whyNot) console.warn(`Control groups are not tested: ${whyNot}.`);

let created = 0;

function create(options?: CreateOptions): ControlGroup {
  const group = ControlGroup.create(`nexa-memory-guard-tools-${process.pid}-${created++}`, options);
  onTestFinished(() => group.remove());
  return group;
}

/** Holds so many bytes until it is killed. */
const hold = (bytes: number) => [
  process.execPath,
  '-e',
  `globalThis.held = Buffer.alloc(${bytes}, 1); console.log(process.pid); setInterval(() => {}, 1000)`,
];

describe.skipIf(whyNot)('a control group', () => {
  it('is made below the group of this process, without a limit unless one is given', () => {
    const [free, limited] = [create(), create({ limitBytes: 64 * MiB })];
    const own = readFileSync('/proc/self/cgroup', 'utf8');
    if (free.version === 1) expect(own).toContain(`:${dirname(free.path) === '/' ? '/' : dirname(free.path)}\n`);
    expect(free.directory.endsWith(free.path)).toBe(true);
    expect(Number(readFileSync(limited.limitFile, 'utf8'))).toBe(64 * MiB);
    expect(readFileSync(free.limitFile, 'utf8')).not.toBe(readFileSync(limited.limitFile, 'utf8'));
    limited.setLimit(96 * MiB);
    expect(Number(readFileSync(limited.limitFile, 'utf8'))).toBe(96 * MiB);
  });

  it('is made at the root if that is asked for', () => {
    const group = create({ atRoot: true });
    expect(group.path).toBe(`/${basename(group.directory)}`);
  });

  it('is charged for what runs inside, and not for what runs outside', async () => {
    const [group, other] = [create(), create()];
    const child = group.spawn(hold(64 * MiB), { oomScore: 900 });
    const [data] = await once(child.stdout as NodeJS.ReadableStream, 'data');
    const pid = Number(data);
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(`:${group.path}\n`);
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('900');
    expect(group.readUsedBytes()).toBeGreaterThan(64 * MiB);
    expect(other.readUsedBytes()).toBeLessThan(8 * MiB);
    other.enter(pid);
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(`:${other.path}\n`);
  });

  it('leaves nothing behind: neither its children nor what runs in them', async () => {
    const group = create();
    const leaf = group.createChild('middle', 256 * MiB).createChild('leaf');
    expect(leaf.path).toBe(`${group.path}/middle/leaf`);
    const child = leaf.spawn(hold(MiB));
    const gone = once(child, 'exit');
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    await group.remove();
    expect(existsSync(group.directory)).toBe(false);
    expect(await gone).toEqual([null, 'SIGKILL']);
  });

  it('is removed after an action, however that ends', async () => {
    let directory = '';
    const action = async (group: ControlGroup) => {
      directory = group.directory;
      expect(existsSync(directory)).toBe(true);
      throw new Error('thrown inside');
    };
    await expect(ControlGroup.use(`nexa-memory-guard-tools-${process.pid}`, {}, action)).rejects.toThrow(
      'thrown inside',
    );
    expect(existsSync(directory)).toBe(false);
  });

  it('that can not be made says why', () => {
    const { directory } = create();
    const other = whyNoControlGroups({ version: 1 }) ? 1 : 2;
    expect(whyNoControlGroups({ version: other })).toMatch(/^no v[12] memory controller is mounted$/);
    expect(() => ControlGroup.create(basename(directory))).toThrow(`${directory} can't be made: EEXIST`);
  });
});
