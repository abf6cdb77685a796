import { describe, expect, it } from 'vitest';
import { InsufficientMemoryError } from '../../src/admission/insufficient-memory-error.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { judgeCandidates } from '../../src/policy/choose-candidate.ts';
import type { Decision } from '../../src/policy/decision.ts';

const situation = { totalBytes: 1000, availableBytes: 100, headroomBytes: 90, promisedAnonymousBytes: 10 };
const decision: Decision = {
  verdict: 'refuse',
  model: 'm',
  ...situation,
  candidates: judgeCandidates(
    [
      { quantization: 'Q5_K_M', need: { mappedBytes: 40, anonymousBytes: 80, basis: 'given' }, minFreeBytes: 5 },
      { quantization: 'Q4_0', need: { mappedBytes: 40, anonymousBytes: 47, basis: 'given' }, minFreeBytes: 5 },
    ],
    situation,
    0,
  ),
};

describe('the error of a refused load', () => {
  const error = new InsufficientMemoryError(decision, 'Too large.');

  it('carries the numbers of the step that came nearest', () => {
    expect(error).toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
      message: 'Too large.',
      requiredBytes: 87,
      headroomBytes: 90,
      availableBytes: 100,
      shortfallBytes: 2,
      refusedBy: ['min-free'],
    });
    expect(error).toBeInstanceOf(MemoryGuardError);
  });

  it('says whether trying again may help, and when, if that is known', () => {
    expect(Object.keys(error)).not.toContain('reason');
    expect(Object.keys(error)).not.toContain('retryAfterMs');
    const busy = new InsufficientMemoryError({ ...decision, reason: 'busy' }, 'Too large.', 5000);
    expect(busy).toMatchObject({ reason: 'busy', retryAfterMs: 5000 });
  });

  it('carries the whole decision', () => {
    expect(error.plan).toBe(decision);
  });
});
