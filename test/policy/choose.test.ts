import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/bytes.ts';
import { type Candidate, judgeAll, stepsThatSave } from '../../src/policy/choose.ts';
import type { Quantization } from '../../src/types.ts';

function candidate(quantization: Quantization, gib: number): Candidate {
  const need = { mappedBytes: 0, anonymousBytes: gib * GiB, basis: 'table' } as const;
  return { quantization, need, minFreeBytes: 512 * MiB };
}

describe('the ladder', () => {
  it('keeps every step that saves memory', () => {
    const ladder = [candidate('Q5_K_M', 5), candidate('Q4_K_M', 4), candidate('Q4_0', 3)];
    expect(stepsThatSave(ladder)).toEqual(ladder);
  });

  it('skips a step that needs more than a better one, as repacked weights can', () => {
    const steps = stepsThatSave([candidate('Q5_K_M', 5), candidate('Q4_K_M', 7), candidate('Q4_0', 4)]);
    expect(steps.map((step) => step.quantization)).toEqual(['Q5_K_M', 'Q4_0']);
  });

  it('skips a step that needs just as much', () => {
    const steps = stepsThatSave([candidate('Q5_K_M', 5), candidate('Q4_K_M', 5)]);
    expect(steps).toHaveLength(1);
  });

  it('judges each step with its own bytes to keep free', () => {
    const at = { totalBytes: 4 * GiB, availableBytes: 3 * GiB, headroomBytes: 3 * GiB, promisedAnonymousBytes: 0 };
    const [greedy, modest] = judgeAll(
      [{ ...candidate('Q5_K_M', 2), minFreeBytes: 2 * GiB }, candidate('Q4_0', 2)],
      at,
      0.25,
    );
    expect(greedy?.admitted).toBe(false);
    expect(greedy?.shortfallBytes).toBe(1 * GiB);
    expect(modest?.admitted).toBe(true);
  });
});
