import { describe, expect, it } from 'vitest';
import { type Findings, giveAdvice } from '../../../src/cli/doctor/advice.ts';
import { GiB, type MachineReport, type MemoryScope } from '../../../src/index.ts';

const host: MemoryScope = {
  kind: 'host',
  path: 'host',
  limitBytes: 32 * GiB,
  usedBytes: 0,
  reclaimableBytes: 0,
  availableBytes: 30 * GiB,
};
const group: MemoryScope = { ...host, kind: 'cgroup-v2', path: '/pod', limitBytes: 4 * GiB, availableBytes: 4 * GiB };

const report = (more: Partial<MachineReport> = {}, memory: object = {}): MachineReport =>
  ({
    addon: 'loaded',
    machineClass: 'high performance',
    ...more,
    memory: { scopes: [host], limitedBy: host, totalBytes: 32 * GiB, precise: true, ancestorsHidden: false, ...memory },
  }) as unknown as MachineReport;

const found = (more: Partial<Findings> = {}): Findings => ({
  report: report(),
  runtimes: [{ name: 'llama', version: '1', usable: true, note: '' }],
  degraded: [],
  ...more,
});

describe('the advice', () => {
  it('is none where nothing is to be changed', () => {
    expect(giveAdvice(found())).toEqual([]);
  });

  it.each([
    [
      'no runtime',
      found({ runtimes: [{ name: 'llama', usable: false, note: 'no' }] }),
      /npm install @fugood\/llama\.node/,
    ],
    [
      'no addon',
      found({ report: report({ addon: 'missing: the JavaScript readers serve' }) }),
      /native addon is missing/,
    ],
    ['node alone', found({ report: report({}, { precise: false }) }), /only known by what `node:os` tells/],
    ['hidden groups', found({ report: report({}, { ancestorsHidden: true }) }), /namespace hides control groups/],
    ['a reading that fails', found({ degraded: ['Something is missing.'] }), /^Something is missing\.$/],
    [
      'a small machine',
      found({ report: report({ machineClass: 'below minimum' }, { totalBytes: 4 * GiB }) }),
      /needs 8\.0 GiB at the least, as it is documented, and 4\.0 GiB may be used here: use a machine with more memory/,
    ],
    [
      'a small container',
      found({ report: report({ machineClass: 'below minimum' }, { limitedBy: group, totalBytes: 4 * GiB }) }),
      /raise the limit of \/pod/,
    ],
    [
      'a group that is killed as a whole',
      found({ report: report({ oomGroup: '/sys/fs/cgroup/pod' }) }),
      /ends one process in \/sys\/fs\/cgroup\/pod .*`singleProcessOOMKill: true` .*`OOMPolicy=continue` .*write 0 to \/sys\/fs\/cgroup\/pod\/memory\.oom\.group\.$/,
    ],
    [
      'a group that stalls',
      found({ report: report({}, { scopes: [host, { ...group, highBytes: 3 * GiB }] }) }),
      /\/pod has `memory\.high` at 3\.0 GiB/,
    ],
  ])('for %s is one sentence', (_what, findings, sentence) => {
    const advice = giveAdvice(findings);
    expect(advice).toHaveLength(1);
    expect(advice[0]).toMatch(sentence);
    expect(advice[0]).toMatch(/\.$/);
  });
});
