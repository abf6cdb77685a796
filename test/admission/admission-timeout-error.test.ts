import { describe, expect, it } from 'vitest';
import { AdmissionTimeoutError } from '../../src/admission/admission-timeout-error.ts';
import { InsufficientMemoryError } from '../../src/admission/insufficient-memory-error.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { judgeCandidates } from '../../src/policy/choose-candidate.ts';

const situation = { totalBytes: 1000, availableBytes: 100, headroomBytes: 90, promisedAnonymousBytes: 0 };
const candidates = judgeCandidates(
  [{ need: { mappedBytes: 40, anonymousBytes: 60, basis: 'given' }, minFreeBytes: 5 }],
  situation,
  0,
);
const refusal = new InsufficientMemoryError({ verdict: 'refuse', model: 'm', ...situation, candidates }, 'Too large.');

describe('the error of a load that waited for too long', () => {
  it('carries the same numbers as the refusal of its last look, and how long it waited', () => {
    const error = new AdmissionTimeoutError('Waited.', 1500, refusal);
    const { requiredBytes, headroomBytes, availableBytes, shortfallBytes, refusedBy, plan } = refusal;
    expect(error).toMatchObject({ code: 'ERR_ADMISSION_TIMEOUT', message: 'Waited.', waitedMs: 1500, cause: refusal });
    expect(error).toMatchObject({ requiredBytes, headroomBytes, availableBytes, shortfallBytes, refusedBy, plan });
    expect(error.shortfallBytes).toBe(15);
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect(error).not.toBeInstanceOf(InsufficientMemoryError);
  });

  it('says whether trying again may help, and when, as that refusal does', () => {
    const busy = new InsufficientMemoryError({ ...refusal.plan, reason: 'busy' }, 'Busy.', 5000);
    expect(new AdmissionTimeoutError('Waited.', 1500, busy)).toMatchObject({ reason: 'busy', retryAfterMs: 5000 });
    expect(Object.keys(new AdmissionTimeoutError('Waited.', 1500, refusal))).not.toContain('retryAfterMs');
  });

  it('has another error as its cause, and no numbers, if that kept it from being looked at', () => {
    const stuck = new MemoryGuardError('ERR_ADMISSION_TIMEOUT', 'The ledger is locked.');
    const error = new AdmissionTimeoutError('The ledger is locked.', 2000, stuck);
    expect(error).toMatchObject({ cause: stuck, waitedMs: 2000 });
    expect(Object.keys(error).sort()).toEqual(['code', 'name', 'waitedMs']);
  });

  it('has no numbers if it was never looked at', () => {
    const error = new AdmissionTimeoutError('Waited.', 10, undefined);
    expect(Object.keys(error).sort()).toEqual(['code', 'name', 'waitedMs']);
    expect(error.cause).toBeUndefined();
  });
});
