/** Directories stand for groups here: both are removed only if nothing is in them. test/processes/containment.test.ts has real ones. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { nameGroup, removeGroup, removeLeftovers } from '../../src/processes/remove-leftovers.ts';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The number of a process that has ended. */
const findDeadPid = () => spawnSync(process.execPath, ['-e', '0']).pid;

it('removes what a program left that has ended, and nothing else', () => {
  const folder = makeFolder();
  const dead = findDeadPid();
  const stay = [
    nameGroup(process.pid, 1),
    nameGroup(process.ppid, 1),
    nameGroup(dead, 2),
    `nexa-guard-${dead}`,
    `nexa-guard-${dead}-x`,
    `other-nexa-guard-${dead}-1`,
  ];
  for (const name of [...stay, nameGroup(dead, 1), nameGroup(dead, 34)]) mkdirSync(join(folder, name));
  // Something is in it, as a process would be.
  writeFileSync(join(folder, nameGroup(dead, 2), 'held'), '');
  removeLeftovers(folder);
  expect(readdirSync(folder).sort()).toEqual([...stay].sort());
});

it('does nothing in a directory that can’t be listed', () => {
  expect(() => removeLeftovers('/nowhere')).not.toThrow();
});

it('takes a group that is gone, or that can never be removed, for done', () => {
  const folder = makeFolder();
  mkdirSync(join(folder, 'a'));
  expect(removeGroup(join(folder, 'a'))).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
  expect(removeGroup(join(folder, 'a'))).toBe(true);
  expect(removeGroup('/proc/self')).toBe(true);
  // Busy for ever: a mount, which only root is told.
  if (process.getuid?.() === 0) expect(removeGroup('/proc')).toBe(false);
});
