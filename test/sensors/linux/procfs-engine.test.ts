/** The engine in JavaScript over copies of trees; both engines are held to the same figures in test/contract. */
import { closeSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import { readProcessLimits } from '../../../src/sensors/linux/process-limits.ts';
import { ProcfsEngine } from '../../../src/sensors/linux/procfs-engine.ts';
import { DONE, FAILED, MOVED } from '../../../src/sensors/linux/read-plan.ts';
import { resolvePlan } from '../../../src/sensors/linux/resolve-plan.ts';
import { AVAILABLE, DIRTY, LIMIT, RECLAIMABLE, STRIDE, USED } from '../../../src/sensors/scope-rows.ts';
import { copyFixture } from '../../support/fixtures.ts';

function openEngine(name: string) {
  const root = copyFixture(name);
  const engine = new ProcfsEngine(resolvePlan(root, false, readProcessLimits(root)));
  onTestFinished(() => engine.close());
  const cell = (row: number, column: number) => engine.rows[row * STRIDE + column];
  return { root, engine, cell, group: (file: string) => join(root, 'sys/fs/cgroup/app', file) };
}

describe('the engine in JavaScript', () => {
  it('fills the rows of its plan', () => {
    const { engine, cell } = openEngine('v2-leaf');
    expect(engine.read(true)).toBe(DONE);
    expect([LIMIT, USED, RECLAIMABLE, DIRTY].map((column) => cell(1, column)! / MiB)).toEqual([512, 400, 330, 20]);
    expect(cell(0, AVAILABLE)).toBeGreaterThan(0);
    expect(engine.problem()).toBeUndefined();
  });

  it('reads a memory.stat for a measure only if it can change the minimum', () => {
    const { engine, cell, group } = openEngine('v2-leaf');
    expect(engine.read(false)).toBe(DONE);
    expect(cell(1, RECLAIMABLE)).toBe(330 * MiB);
    writeFileSync(group('memory.max'), 'max\n');
    writeFileSync(group('memory.stat'), 'not read\n');
    expect(engine.read(false)).toBe(DONE);
    expect([cell(1, RECLAIMABLE), cell(1, DIRTY)]).toEqual([Number.NaN, Number.NaN]);
    expect(engine.read(true)).toBe(FAILED);
  });

  it('tells that our group is another one, without a problem', () => {
    const { root, engine } = openEngine('v2-leaf');
    engine.read(true);
    writeFileSync(join(root, 'proc/self/cgroup'), '0::/els\n');
    expect([engine.read(true), engine.problem()]).toEqual([MOVED, undefined]);
  });

  it('takes a file that is not there for a group that is gone, and says which', () => {
    const { engine, group } = openEngine('v2-leaf');
    rmSync(group('memory.current'));
    expect(engine.read(true)).toBe(MOVED);
    expect(engine.problem()).toEqual({ file: group('memory.current'), errno: 'ENOENT' });
  });

  it('says what stands in the place of a number, and forgets it when that is mended', () => {
    const { engine, group } = openEngine('v2-leaf');
    writeFileSync(group('memory.current'), 'soon\n');
    expect(engine.read(true)).toBe(FAILED);
    expect(engine.problem()).toEqual({ file: group('memory.current'), expected: 'a number of bytes', found: 'soon' });
    writeFileSync(group('memory.current'), '4096\n');
    expect([engine.read(true), engine.problem()]).toEqual([DONE, undefined]);
  });

  it('reads through descriptors that stay open until it is closed', () => {
    const { root, engine, cell, group } = openEngine('v2-leaf');
    const countOpen = () =>
      readdirSync('/proc/self/fd').filter((descriptor) => {
        try {
          return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(`${root}/`);
        } catch {
          return false; // the listing's own descriptor
        }
      }).length;
    engine.read(true);
    renameSync(group('memory.current'), group('renamed'));
    expect([engine.read(true), cell(1, USED)]).toEqual([DONE, 400 * MiB]);
    if (process.platform === 'linux') expect(countOpen()).toBe(6);
    engine.close();
    if (process.platform === 'linux') expect(countOpen()).toBe(0);
  });

  it.runIf(process.platform === 'linux')('closes all of them even if one can not be closed', () => {
    const { root, engine } = openEngine('v2-leaf');
    engine.read(true);
    const listOpen = () =>
      readdirSync('/proc/self/fd').flatMap((name) => {
        try {
          return readlinkSync(`/proc/self/fd/${name}`).startsWith(root) ? [Number(name)] : [];
        } catch {
          return [];
        }
      });
    closeSync(Math.min(...listOpen()));
    expect(listOpen().length).toBeGreaterThan(1);
    engine.close();
    expect(listOpen()).toEqual([]);
  });
});
