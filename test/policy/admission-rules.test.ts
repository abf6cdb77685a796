import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import {
  type AdmissionRule,
  judgeRules,
  type MemorySituation,
  shortfallBytes,
} from '../../src/policy/admission-rules.ts';

const reserves = { minFreeBytes: 512 * MiB, minFreeRatioAfterLoad: 0.25 };
const anonymous = (bytes: number): LoadNeed => ({ mappedBytes: 0, anonymousBytes: bytes, basis: 'table' });

function situation(totalBytes: number, availableBytes: number, less: Partial<MemorySituation> = {}): MemorySituation {
  return { totalBytes, availableBytes, headroomBytes: availableBytes, promisedAnonymousBytes: 0, ...less };
}

function refusedBy(need: LoadNeed, at: MemorySituation): AdmissionRule[] {
  return judgeRules(need, at, reserves)
    .filter((rule) => !rule.passed)
    .map((rule) => rule.rule);
}

describe('the three rules of admission', () => {
  it('admit a load that leaves exactly 25 % of the total and the bytes to keep free', () => {
    expect(refusedBy(anonymous(4 * GiB), situation(8 * GiB, 6 * GiB))).toEqual([]);
  });

  it('refuse the same load if one byte less stays available', () => {
    expect(refusedBy(anonymous(4 * GiB), situation(8 * GiB, 6 * GiB - 1))).toEqual(['free-ratio-after-load']);
  });

  it('ask for the 25 % after the load, not before it', () => {
    // 5 GiB of 16 are 31 % before a load of 4 GiB and 6 % after it.
    expect(refusedBy(anonymous(4 * GiB), situation(16 * GiB, 5 * GiB))).toEqual(['free-ratio-after-load']);
  });

  it('name every rule that refuses, not only the first', () => {
    expect(refusedBy(anonymous(4 * GiB), situation(16 * GiB, 3 * GiB))).toEqual([
      'headroom',
      'free-ratio-after-load',
      'min-free',
    ]);
  });

  it('refuse by the bytes to keep free alone if the ratio is met', () => {
    expect(refusedBy(anonymous(600 * MiB), situation(1 * GiB, 1 * GiB))).toEqual(['min-free']);
    expect(refusedBy(anonymous(512 * MiB), situation(1 * GiB, 1 * GiB))).toEqual([]);
  });

  it('leave mapped weights available to the system and take only anonymous bytes off', () => {
    const need: LoadNeed = { mappedBytes: 4 * GiB, anonymousBytes: 1 * GiB, basis: 'gguf' };
    expect(refusedBy(need, situation(8 * GiB, 6 * GiB))).toEqual([]);
    expect(refusedBy(anonymous(5 * GiB), situation(8 * GiB, 6 * GiB))).toEqual(['free-ratio-after-load']);
  });

  it('take promises of others off what stays available', () => {
    const at = situation(8 * GiB, 6 * GiB, { headroomBytes: 5 * GiB, promisedAnonymousBytes: 1 * GiB });
    expect(refusedBy(anonymous(3 * GiB), at)).toEqual([]);
    expect(refusedBy(anonymous(3 * GiB + 1), at)).toEqual(['free-ratio-after-load']);
  });

  it('tell how many bytes are missing until the last rule would pass', () => {
    const rules = judgeRules(anonymous(4 * GiB), situation(16 * GiB, 3 * GiB), reserves);
    expect(shortfallBytes(rules)).toBe(5 * GiB);
    expect(shortfallBytes(judgeRules(anonymous(1), situation(16 * GiB, 16 * GiB), reserves))).toBe(0);
  });
});
