import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../../src/core/bytes.ts';
import { snapshotRows } from '../../../src/sensors/scope-rows.ts';
import { interpretWin32Figures, type WIN32 } from '../../../src/sensors/win32/win32-figures.ts';
import { type Figures, pc } from '../../support/system-call-figures.ts';

const makeSnapshot = (figures: Float64Array) => {
  const { scopes, rows, pressure } = interpretWin32Figures(figures);
  return snapshotRows(rows, { scopes, ancestorsHidden: false, swap: false }, 'native', 0, pressure);
};

describe("Windows' figures", () => {
  it('are limited by commit if less of it is left than of physical memory', () => {
    expect(makeSnapshot(pc())).toMatchObject({
      totalBytes: 16 * GiB,
      availableBytes: 5 * GiB,
      limitedBy: { kind: 'commit', limitBytes: 20 * GiB, usedBytes: 15 * GiB, reclaimableBytes: 0 },
      pressure: 'normal',
    });
  });

  it('are limited by the machine if the page file has room', () => {
    const { availableBytes, limitedBy, scopes } = makeSnapshot(pc({ commitAvailableBytes: 10 * GiB }));
    expect(availableBytes).toBe(6 * GiB);
    expect(limitedBy.kind).toBe('host');
    expect(scopes.map(({ kind }) => kind)).toEqual(['host', 'commit']);
  });

  it('are limited by the job, whose processes count together', () => {
    const job = makeSnapshot(pc({ jobLimitBytes: 2 * GiB, jobUsedBytes: 1536 * MiB }));
    expect(job).toMatchObject({ totalBytes: 2 * GiB, availableBytes: 512 * MiB, limitedBy: { kind: 'job' } });
    expect(makeSnapshot(pc({ jobLimitBytes: 2 * GiB, jobUsedBytes: 3 * GiB })).availableBytes).toBe(0);
  });

  it("are limited by what a job's processes may take each", () => {
    const process = makeSnapshot(pc({ processLimitBytes: 1 * GiB }));
    expect(process).toMatchObject({ totalBytes: GiB, availableBytes: 924 * MiB, limitedBy: { kind: 'job-process' } });
  });

  it('tell the notice of low memory apart from the bytes', () => {
    expect(makeSnapshot(pc({ lowMemory: 1 })).pressure).toBe('warning');
    expect(makeSnapshot(pc({ lowMemory: Number.NaN }))).not.toHaveProperty('pressure');
  });

  it.each<[string, Figures<typeof WIN32>]>([
    ['no total', { totalBytes: Number.NaN }],
    ['more available than there is', { availableBytes: 17 * GiB }],
    ['no commit left told', { commitAvailableBytes: Number.NaN }],
    ['more commit left than the limit', { commitAvailableBytes: 21 * GiB }],
    ["a job's limit without its usage", { jobLimitBytes: GiB }],
    ["a process's limit without its usage", { processLimitBytes: GiB, processUsedBytes: Number.NaN }],
  ])('are refused with %s', (_, changed) => {
    expect(() => interpretWin32Figures(pc(changed))).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });
});
