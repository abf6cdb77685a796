/** The share that stays available after a load, of models without a row in the documented table. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { judgeRules, type Reserves } from '../../src/policy/admission-rules.ts';
import { minFreeBytesByTotal } from '../../src/policy/reserves.ts';

function judgeShare(totalBytes: number, availableBytes: number, anonymousBytes: number, more: Partial<Reserves> = {}) {
  const situation = { totalBytes, availableBytes, headroomBytes: availableBytes, promisedAnonymousBytes: 0 };
  const reserves = { minFreeBytes: minFreeBytesByTotal(totalBytes), ...more };
  const rules = judgeRules({ mappedBytes: 0, anonymousBytes, basis: 'given' }, situation, reserves);
  return rules.find(({ rule }) => rule === 'free-ratio-after-load')!;
}

describe('the share that stays available after a small load', () => {
  it('is no quarter of a large machine that is nearly full', () => {
    expect(judgeShare(32 * GiB, 7 * GiB, 35 * MiB)).toMatchObject({ requiredBytes: 512 * MiB, passed: true });
  });

  it('is as much again as the load takes, if that is more than what is kept free', () => {
    expect(judgeShare(32 * GiB, 7 * GiB, 3 * GiB)).toMatchObject({ requiredBytes: 3 * GiB, passed: true });
    expect(judgeShare(32 * GiB, 7 * GiB, 4 * GiB)).toMatchObject({ requiredBytes: 4 * GiB, passed: false });
  });

  it('is never more than a quarter', () => {
    expect(judgeShare(32 * GiB, 30 * GiB, 20 * GiB)).toMatchObject({ requiredBytes: 8 * GiB, passed: true });
    expect(judgeShare(GiB, 900 * MiB, 240 * MiB).requiredBytes).toBe(240 * MiB);
    expect(judgeShare(512 * MiB, 440 * MiB, 260 * MiB)).toMatchObject({ requiredBytes: 128 * MiB, passed: true });
  });

  it('is the documented one for a documented row, and what the user says if that says one', () => {
    expect(judgeShare(32 * GiB, 7 * GiB, 35 * MiB, { documented: true }).requiredBytes).toBe(8 * GiB);
    expect(judgeShare(32 * GiB, 7 * GiB, 35 * MiB, { minFreeRatioAfterLoad: 0.5 }).requiredBytes).toBe(16 * GiB);
    expect(judgeShare(32 * GiB, 7 * GiB, 35 * MiB, { minFreeRatioAfterLoad: 0 }).requiredBytes).toBe(0);
  });
});
