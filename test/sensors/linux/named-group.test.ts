import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import { findNamedGroup } from '../../../src/sensors/linux/named-group.ts';
import { openOutsideReader } from '../../../src/sensors/open-reader.ts';
import { createControlGroup, whyNoControlGroups } from '../../support/create-control-group.ts';
import { getFixture } from '../../support/fixtures.ts';
import { startMemoryHolder } from '../../support/memory-holder.ts';

const find = (fixture: string, path: string) => findNamedGroup(getFixture(fixture), path);
const listPaths = (fixture: string, path: string) => find(fixture, path).groups.map((group) => group.path);

describe('a control group that is named', () => {
  it('is found by its path of v2 and by its folder, with those above it', () => {
    const root = getFixture('v2-parent-limit');
    const paths = findNamedGroup(root, '/pod.slice/app.scope').groups.map((group) => group.path);
    expect(paths).toEqual(['/pod.slice', '/pod.slice/app.scope']);
    expect(listPaths('v2-parent-limit', '/pod.slice/app.scope/')).toEqual(paths);
    expect(listPaths('v2-parent-limit', '/pod.slice')).toEqual(['/pod.slice']);
    expect(listPaths('v2-parent-limit', '/sys/fs/cgroup/pod.slice/app.scope')).toEqual(paths);
  });

  it('is that of v1 where its hierarchy is mounted below the one of v2', () => {
    const root = mkdtempSync(join(tmpdir(), 'nexa-named-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    cpSync(getFixture('hybrid'), root, { recursive: true });
    const mounts = join(root, 'proc/self/mountinfo');
    const below = readFileSync(mounts, 'utf8')
      .replace(/^.* \/sys\/fs\/cgroup\/unified .*\n/m, '')
      .replace('- tmpfs tmpfs rw,mode=755', '- cgroup2 cgroup2 rw');
    writeFileSync(mounts, below);
    const found = findNamedGroup(root, '/sys/fs/cgroup/memory/app');
    expect(found).toMatchObject({ version: 1, own: { path: '/app' } });
  });

  it.each(['/pod.slice/nobody', '/pod.slice/../pod.slice', '/sys/fs/cgroup/nobody'])(
    'is refused where there is none: %s',
    (path) => {
      expect(() => find('v2-parent-limit', path)).toThrow(
        `Expected \`group\` to be a control group with the memory controller, such as /docker/0123 or /sys/fs/cgroup/memory/docker/0123, found no such group at "${path}".`,
      );
    },
  );
});

describe.skipIf(whyNoControlGroups() !== undefined)('a real control group seen from outside', () => {
  it('is read as it is by either of its names, and its process as well', async () => {
    const group = createControlGroup(256 * MiB);
    const holder = await startMemoryHolder();
    group.enter(holder.pid);
    expect(await holder.take(100)).toBe('held');
    for (const of of [{ group: group.path }, { group: group.directory }, { process: holder.pid }]) {
      const reader = openOutsideReader(of);
      const { limitedBy, totalBytes } = reader.snapshot();
      reader.close();
      expect(totalBytes).toBe(256 * MiB);
      expect(limitedBy).toMatchObject({ kind: 'cgroup-v1', path: group.path, limitBytes: 256 * MiB });
      expect(limitedBy.usedBytes).toBeGreaterThan(100 * MiB);
      expect(limitedBy.availableBytes).toBeLessThan(156 * MiB);
    }
  });
});
