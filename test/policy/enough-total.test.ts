import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { type Candidate, judgeCandidates } from '../../src/policy/choose-candidate.ts';
import { findEnoughTotal } from '../../src/policy/enough-total.ts';

const OTHERS = { minFreeBytes: 0, minFreeByTotal: true };
const DOCUMENTED = { minFreeBytes: 512 * MiB, documented: true };

describe('the limit with which a load fits', () => {
  it.each([
    ['80 MiB for 122 of them', 80 * MiB, 0, 122 * MiB, OTHERS, undefined],
    ['1 GiB for 900 MiB', GiB, 0, 900 * MiB, OTHERS, undefined],
    ['1 GiB with 200 MiB in use', GiB, 200 * MiB, 700 * MiB, OTHERS, undefined],
    ['4 GiB for 7', 4 * GiB, 10 * MiB, 7 * GiB, OTHERS, undefined],
    ['6 GiB for a documented row', 6 * GiB, 300 * MiB, 7 * GiB, DOCUMENTED, undefined],
    ['2 GiB where half is to stay', 2 * GiB, 0, 1.5 * GiB, OTHERS, 0.5],
    ['2 GiB where nothing is to stay', 2 * GiB, 0, 3 * GiB, { minFreeBytes: 0 }, 0],
  ])('is found from %s, and a MiB less is too little', (_name, totalBytes, usedBytes, bytes, reserves, ratio) => {
    const candidate: Candidate = { ...reserves, need: { mappedBytes: 0, anonymousBytes: bytes, basis: 'given' } };
    const judge = (total: number) => {
      const availableBytes = total - usedBytes;
      const situation = { totalBytes: total, availableBytes, headroomBytes: availableBytes, promisedAnonymousBytes: 0 };
      return judgeCandidates([candidate], situation, ratio)[0]!;
    };
    const refused = judge(totalBytes);
    expect(refused.admitted).toBe(false);
    const enough = findEnoughTotal(refused, totalBytes);
    expect(judge(enough).admitted).toBe(true);
    expect(judge(enough - MiB).admitted).toBe(false);
  });
});
