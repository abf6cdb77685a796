/** Children in control groups v2 of their own, on a real kernel: which limit ends them, who lives on, and where none can be made. */
import { describe, expect, it } from 'vitest';
import { runInVm } from '../../tools/vm/run-in-vm.mjs';
import { whyNotHere } from './why-not-here.ts';

/** Ten times of what it takes on two idle cores. */
const TIMEOUT_MS = 300_000;
const GROUP = /^\/sys\/fs\/cgroup\/delegated\/nexa-guard-\d+-1$/;

let run: Promise<Map<string, Record<string, unknown>>> | undefined;

/** What the guest reported of this situation. The first test boots it for all. */
async function find(name: string): Promise<Record<string, unknown>> {
  run ??= runInVm({
    script: 'test/vm/guest/containment.mjs',
    memoryMiB: 768,
    include: ['test/vm/guest', 'test/support/programs', 'node_modules/picocolors'],
    timeoutMs: TIMEOUT_MS,
  }).then((lines) => new Map(lines.map((line) => [line.name, line])));
  return (await run).get(name) ?? { name: `${name} was not reported` };
}

describe.skipIf(whyNotHere !== undefined)('on control groups v2 the child of a user without rights', () => {
  it.each([
    'delegated',
    'delegated, and the memory controller is not handed down yet',
    'delegated, and killed as a whole',
  ])(
    'is killed at a limit of its own, and the program and its neighbour live: %s',
    async (name) => {
      const { path, killer, kills, ...found } = await find(name);
      expect(found).toEqual({
        name,
        kind: 'cgroup-v2',
        members: true,
        swapMax: '0',
        oomGroup: '1',
        // 96 MiB with a limit that was raised from 64 to 128, then as many more.
        took: ['held', 'SIGKILL'],
        neighbourTook: 'held',
        removed: true,
      });
      expect(path).toMatch(GROUP);
      expect(kills).toBeGreaterThanOrEqual(1);
      expect(killer).toEqual({ kind: 'cgroup-v2', path: String(path).slice('/sys/fs/cgroup'.length), directory: path });
    },
    TIMEOUT_MS + 20_000,
  );

  it.each([
    [
      'delegated, with less than the model’s own limit',
      { kind: 'cgroup-v2', path: '/delegated', directory: '/sys/fs/cgroup/delegated' },
    ],
    ['delegated, on a machine with less than the model’s own limit', { kind: 'host', path: 'host' }],
  ])(
    'is told to be killed by the scope that had run out, though its own group counted it: %s',
    async (name, killer) => {
      const found = await find(name);
      expect(found).toMatchObject({ took: ['held', 'SIGKILL'], neighbourTook: 'held', killer, removed: true });
      expect(found['kills']).toBeGreaterThanOrEqual(1);
    },
    TIMEOUT_MS + 20_000,
  );

  it(
    'is not contained if the group above is not delegated, for a reason',
    async () => {
      expect(await find('not delegated')).toEqual({
        name: 'not delegated',
        reason: expect.stringMatching(
          /^Expected to make groups in \/sys\/fs\/cgroup\/delegated .* found EACCES; set `Delegate=yes` and `DelegateSubgroup=` .*\.$/,
        ),
      });
    },
    TIMEOUT_MS + 20_000,
  );

  it(
    'would take the program with it if `memory.oom.group` is 1, and doctor says so',
    async () => {
      const directory = '/sys/fs/cgroup/delegated';
      const advice = new RegExp(`ends one process in ${directory} .*write 0 to ${directory}/memory\\.oom\\.group`);
      const found = await find('doctor, memory.oom.group 1');
      expect(found['oomGroup']).toBe(directory);
      expect(found['advice']).toContainEqual(expect.stringMatching(advice));
      expect(found['plain']).toMatch(advice);
      const other = await find('doctor, memory.oom.group 0');
      expect(other).not.toHaveProperty('oomGroup');
      expect(other['advice']).not.toContainEqual(expect.stringMatching(/oom\.group/));
      expect(other['plain']).toMatch(/^To change/m);
      expect(other['plain']).not.toMatch(/oom\.group/);
    },
    TIMEOUT_MS + 20_000,
  );
});
