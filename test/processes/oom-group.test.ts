import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findOomGroup } from '../../src/processes/oom-group.ts';
import { copyFixture, getFixture } from '../support/fixtures.ts';

function makeGroups(values: Readonly<Record<string, string>>): string {
  const root = copyFixture('v2-three-levels');
  for (const [path, text] of Object.entries(values)) {
    writeFileSync(join(root, 'sys/fs/cgroup', path, 'memory.oom.group'), text);
  }
  return root;
}

it('names the innermost group, ours or one above it, that is killed as a whole', () => {
  const above = makeGroups({ a: '1\n', 'a/b': '1\n', 'a/b/c': '0\n' });
  expect(findOomGroup({ root: above })).toBe(join(above, 'sys/fs/cgroup/a/b'));
  const ours = makeGroups({ a: '1\n', 'a/b/c': '1\n' });
  expect(findOomGroup({ root: `${ours}/` })).toBe(join(ours, 'sys/fs/cgroup/a/b/c'));
});

it('names none if none is, on v1, and if the groups can’t be read', () => {
  expect(findOomGroup({ root: makeGroups({ a: '0\n', 'a/b/c': '0\n' }) })).toBeUndefined();
  expect(findOomGroup({ root: getFixture('v2-three-levels') })).toBeUndefined();
  expect(findOomGroup({ root: getFixture('v1-parent-limit') })).toBeUndefined();
  expect(findOomGroup({ root: getFixture('host-only') })).toBeUndefined();
  expect(findOomGroup({ root: '/nowhere' })).toBeUndefined();
});

it('can be asked on this machine', () => {
  expect(['undefined', 'string']).toContain(typeof findOomGroup());
});
