import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { countUsableProcessors } from '../../src/sensors/usable-processors.ts';
import { copyFixture } from '../support/fixtures.ts';

function makeRoot(quota: string): string {
  const root = copyFixture('v2-leaf');
  writeFileSync(join(root, 'sys/fs/cgroup/app/cgroup.controllers'), 'cpu memory\n');
  writeFileSync(join(root, 'sys/fs/cgroup/app/cpu.max'), `${quota} 100000\n`);
  return root;
}

const count = (quota: string, processors: number, platform: NodeJS.Platform = 'linux') =>
  countUsableProcessors({ root: makeRoot(quota), processors, platform });

test.each([
  ['max', 8, 8],
  ['300000', 8, 3],
  ['300000', 2, 2],
  ['120000', 8, 1],
  ['149999', 8, 1],
  ['150000', 8, 2],
  ['10000', 8, 1],
  ['50000', 1, 1],
])('a quota of %s leaves so many of %d processors', (quota, processors, usable) => {
  expect(count(quota, processors)).toBe(usable);
});

test('other systems have no control groups', () => {
  expect(count('50000', 8, 'darwin')).toBe(8);
});

test('a quota that is none is an error', () => {
  expect(() => count('many', 8)).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
});

test('this machine has at least one and no more than the system says', () => {
  expect(countUsableProcessors()).toBeGreaterThanOrEqual(1);
  expect(countUsableProcessors()).toBeLessThanOrEqual(availableParallelism());
});
