import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCpuQuota } from '../../../src/sensors/linux/cpu-quota.ts';
import { copyFixture, getFixture } from '../../support/fixtures.ts';

type Quotas = Readonly<Record<string, string | undefined>>;

/** Groups of v2 at `a`, `a/b` and `a/b/c`, each with the file `cpu.max` that is given for it. */
function makeV2(quotas: Quotas, controllers = 'cpu memory'): string {
  const root = copyFixture('v2-three-levels');
  for (const group of ['a', 'a/b', 'a/b/c']) {
    const directory = join(root, 'sys/fs/cgroup', group);
    writeFileSync(join(directory, 'cgroup.controllers'), `${controllers}\n`);
    const quota = quotas[group];
    if (quota !== undefined) writeFileSync(join(directory, 'cpu.max'), `${quota}\n`);
  }
  return root;
}

/** Groups of v1 at `pod` and `pod/app` of the hierarchy `cpu,cpuacct`, each with quota and period. */
function makeV1(quotas: Readonly<Record<string, readonly [quota: string, period: string] | undefined>>): string {
  const root = copyFixture('v1-parent-limit');
  const mount = join(root, 'sys/fs/cgroup/cpu,cpuacct');
  writeFileSync(join(root, 'proc/self/cgroup'), '5:cpu,cpuacct:/pod/app\n4:memory:/pod/app\n');
  writeFileSync(
    join(root, 'proc/self/mountinfo'),
    '36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n',
  );
  mkdirSync(join(mount, 'pod/app'), { recursive: true });
  writeFileSync(join(mount, 'release_agent'), '\n');
  for (const [group, [quota, period]] of Object.entries({ '.': ['-1', '100000'], ...quotas }) as [string, string[]][]) {
    writeFileSync(join(mount, group, 'cpu.cfs_quota_us'), `${quota}\n`);
    if (period !== '') writeFileSync(join(mount, group, 'cpu.cfs_period_us'), `${period}\n`);
  }
  return root;
}

describe('the quota of v2', () => {
  it.each([
    ['ours', { 'a/b/c': '50000 100000' }, 0.5],
    [
      'that of a group above, if it is lower',
      { a: '150000 100000', 'a/b': 'max 100000', 'a/b/c': '400000 100000' },
      1.5,
    ],
    ['ours, if that is lower', { a: '400000 100000', 'a/b/c': '30000 20000' }, 1.5],
    ['none', { a: 'max 100000', 'a/b/c': 'max 100000' }, Number.POSITIVE_INFINITY],
    ['none without such files', {}, Number.POSITIVE_INFINITY],
  ])('is %s', (_what, quotas: Quotas, processors) => {
    expect(readCpuQuota(makeV2(quotas))).toBe(processors);
  });

  it('does not count where the controller is off', () => {
    expect(readCpuQuota(makeV2({ a: '50000 100000' }, 'memory'))).toBe(Number.POSITIVE_INFINITY);
  });

  it.each(['', 'max', '50000', '0 100000', '50000 0', '-1 100000', '1e9 100000', `${'9'.repeat(20)} 100000`])(
    'is refused if it is %j',
    (quota) => {
      expect(() => readCpuQuota(makeV2({ a: quota }))).toThrow(
        expect.objectContaining({ code: 'ERR_SENSOR', message: expect.stringContaining('cpu.max') }),
      );
    },
  );
});

describe('the quota of v1', () => {
  it.each([
    ['ours', { pod: ['-1', '100000'], 'pod/app': ['25000', '100000'] }, 0.25],
    ['that of the group above', { pod: ['150000', '100000'], 'pod/app': ['-1', '100000'] }, 1.5],
    ['none', { pod: ['-1', '100000'], 'pod/app': ['-1', '100000'] }, Number.POSITIVE_INFINITY],
    ['none without such files', {}, Number.POSITIVE_INFINITY],
  ] as const)('is %s, also if the controller is mounted with another', (_what, quotas, processors) => {
    expect(readCpuQuota(makeV1(quotas))).toBe(processors);
  });

  it.each([
    ['0', '100000'],
    ['-2', '100000'],
    ['50000', '0'],
    ['50000', ''],
    ['', '100000'],
  ] as const)('is refused if it is %j of %j', (quota, period) => {
    expect(() => readCpuQuota(makeV1({ pod: [quota, period] }))).toThrow(
      expect.objectContaining({ code: 'ERR_SENSOR', message: expect.stringContaining('cpu.cfs_quota_us') }),
    );
  });

  it('is not looked for in the hierarchy of another controller', () => {
    expect(readCpuQuota(getFixture('v1-parent-limit'))).toBe(Number.POSITIVE_INFINITY);
  });
});

it('there is none on a kernel without control groups', () => {
  const root = copyFixture('v2-leaf');
  rmSync(join(root, 'proc/self/cgroup'));
  writeFileSync(join(root, 'proc/self/mountinfo'), '23 1 254:0 / / rw - ext4 /dev/root rw\n');
  expect(readCpuQuota(root)).toBe(Number.POSITIVE_INFINITY);
});
