import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../../src/addon/load-addon.ts';
import { MiB } from '../../../src/core/bytes.ts';
import { NativeEngine, toNativePlan } from '../../../src/sensors/linux/native-engine.ts';
import { readProcessLimits } from '../../../src/sensors/linux/process-limits.ts';
import { ProcfsEngine } from '../../../src/sensors/linux/procfs-engine.ts';
import { DONE, FAILED, MOVED, PARSE } from '../../../src/sensors/linux/read-plan.ts';
import { resolvePlan } from '../../../src/sensors/linux/resolve-plan.ts';
import { STRIDE, USED } from '../../../src/sensors/scope-rows.ts';
import { copyFixture, getFixture } from '../../support/fixtures.ts';

const addon = loadAddon();
const resolve = (root: string, swap = false) => resolvePlan(root, swap, readProcessLimits(root));

describe('toNativePlan', () => {
  it('gives each file its path, and its parser, row and column in one table', () => {
    const root = getFixture('v2-leaf');
    const plan = resolve(root, true);
    const rows = new Float64Array(2 * STRIDE);
    const [paths, table, given, swap, groupPath, groupBytes] = toNativePlan(plan, rows);
    expect(paths[0]).toBe(`${root}/proc/meminfo`);
    expect(table).toHaveLength(3 * paths.length);
    expect([...table.slice(0, 3)]).toEqual([PARSE.meminfo, 0, 0]);
    expect([...table.slice(-3)]).toEqual([PARSE.statV2, 1, 0]);
    expect(given).toBe(rows);
    expect([swap, groupPath, String(groupBytes)]).toEqual([true, `${root}/proc/self/cgroup`, '0::/app\n']);
  });

  it('has no group on a kernel without control groups', () => {
    const plan = { ...resolve(getFixture('v2-leaf')), group: undefined };
    expect(toNativePlan(plan, plan.initial).slice(4)).toEqual([undefined, undefined]);
  });
});

describe.skipIf(!addon?.memoryFilesSupported)('the addon’s engine', () => {
  function openEngine(name: string) {
    const root = copyFixture(name);
    const plan = resolve(root);
    const engine = new NativeEngine(addon!, plan);
    onTestFinished(() => engine.close());
    return { root, plan, engine, usage: join(root, 'sys/fs/cgroup/app/memory.current') };
  }

  it('fills the same rows as the one in JavaScript, and not those of the plan', () => {
    const { plan, engine } = openEngine('v2-leaf');
    const other = new ProcfsEngine(plan);
    onTestFinished(() => other.close());
    for (const full of [true, false]) {
      expect([engine.read(full), other.read(full)]).toEqual([DONE, DONE]);
      expect([...engine.rows]).toEqual([...other.rows]);
    }
    expect(plan.initial[STRIDE + USED]).toBeNaN();
  });

  it('says what was wrong with the last reading, and nothing once it is mended', () => {
    const { engine, usage } = openEngine('v2-leaf');
    writeFileSync(usage, 'soon\n');
    expect(engine.read(false)).toBe(FAILED);
    expect(engine.problem()).toEqual({ file: usage, expected: 'a number of bytes', found: 'soon' });
    writeFileSync(usage, `${8 * MiB}\n`);
    expect([engine.read(false), engine.problem()]).toEqual([DONE, undefined]);
    expect(engine.rows[STRIDE + USED]).toBe(8 * MiB);
  });

  it('tells a group that is another one from a file that is gone', () => {
    const { root, engine, usage } = openEngine('v2-leaf');
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/els\n');
    expect([engine.read(true), engine.problem()]).toEqual([MOVED, undefined]);
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/app\n');
    rmSync(usage);
    expect([engine.read(true), engine.problem()]).toEqual([MOVED, { file: usage, errno: 'ENOENT' }]);
  });

  it('can’t be read after it was closed', () => {
    const { engine } = openEngine('v2-leaf');
    engine.close();
    expect(() => engine.read(true)).toThrow('closed');
  });
});
