import { describe, expect, it } from 'vitest';
import type { LoadNeed, Quantization } from '../../src/core/types.ts';
import { type Candidate, judgeCandidates } from '../../src/policy/choose-candidate.ts';
import {
  type AdmissionRequest,
  canBeFreed,
  describeChoice,
  findRefusalReason,
  formatModelName,
  leastMissing,
  listSteps,
  makeDecision,
  nearestCandidate,
} from '../../src/policy/decision.ts';

const need = (anonymousBytes: number): LoadNeed => ({ mappedBytes: 0, anonymousBytes, basis: 'given' });
const candidate = (bytes: number, quantization?: Quantization, more: Partial<Candidate> = {}): Candidate => ({
  ...(quantization && { quantization }),
  need: need(bytes),
  minFreeBytes: 10,
  ...more,
});
const request = (...candidates: Candidate[]): AdmissionRequest => ({
  model: 'm',
  ...(candidates[0]?.quantization && { askedQuantization: candidates[0].quantization }),
  candidates,
  downgrade: true,
});

/** The decision on a machine of 1000 bytes of which 100 can be taken. */
function decide(asked: AdmissionRequest, waitingBytes = 0) {
  const view = { totalBytes: 1000, availableBytes: 120, headroomBytes: 100, promisedAnonymousBytes: 0, waitingBytes };
  const verdicts = judgeCandidates(listSteps(asked), view, 0);
  return makeDecision(asked, { view, verdicts, chosen: verdicts.find(({ admitted }) => admitted) });
}

const bytesOf = (steps: readonly Candidate[]) => steps.map((step) => step.need.anonymousBytes);

describe('the steps of a request', () => {
  const ladder = [candidate(50, 'Q5_K_M'), candidate(40, 'Q4_K_M'), candidate(30, 'Q4_0')];

  it('are all candidates that save memory, in their order', () => {
    expect(bytesOf(listSteps(request(...ladder)))).toEqual([50, 40, 30]);
    expect(
      bytesOf(listSteps(request(candidate(50, 'Q5_K_M'), candidate(50, 'Q4_K_M'), candidate(30, 'Q4_0')))),
    ).toEqual([50, 30]);
  });

  it('are of the first quantization alone without a downgrade, in all the shapes that the caller allows', () => {
    const shapes = [candidate(60, 'Q5_K_M', { kvCacheType: 'f16' }), candidate(50, 'Q5_K_M', { kvCacheType: 'q8_0' })];
    expect(bytesOf(listSteps({ ...request(...shapes, candidate(40, 'Q4_K_M')), downgrade: false }))).toEqual([60, 50]);
    expect(bytesOf(listSteps({ ...request(...ladder), downgrade: false }))).toEqual([50]);
  });
});

describe('a decision', () => {
  it('admits what was asked for, in whatever shape', () => {
    expect(decide(request(candidate(90, 'Q4_0')))).toMatchObject({ verdict: 'admit', quantization: 'Q4_0' });
    const shapes = [candidate(200, 'Q4_0', { kvCacheType: 'f16' }), candidate(90, 'Q4_0', { kvCacheType: 'q8_0' })];
    expect(decide(request(...shapes))).toMatchObject({ verdict: 'admit', kvCacheType: 'q8_0' });
    expect(decide(request(candidate(90)))).toMatchObject({ verdict: 'admit', need: need(90) });
  });

  it('downgrades if another quantization is loaded', () => {
    expect(decide(request(candidate(200, 'Q5_K_M'), candidate(90, 'Q4_0')))).toMatchObject({
      verdict: 'downgrade',
      askedQuantization: 'Q5_K_M',
      quantization: 'Q4_0',
    });
  });

  it('refuses if no candidate fits, and then says nothing of a choice', () => {
    const refused = decide(request(candidate(200, 'Q5_K_M'), candidate(91, 'Q4_0')));
    expect(refused).toMatchObject({ verdict: 'refuse', askedQuantization: 'Q5_K_M', candidates: { length: 2 } });
    for (const key of ['quantization', 'need', 'contextSize', 'kvCacheType']) expect(refused).not.toHaveProperty(key);
  });

  it('has every number it was made from, and what is kept for others only if something is', () => {
    const numbers = { totalBytes: 1000, availableBytes: 120, headroomBytes: 100 };
    expect(decide(request(candidate(90)), 7)).toMatchObject({ ...numbers, waitingBytes: 7 });
    expect(decide(request(candidate(90)))).toMatchObject(numbers);
    expect(decide(request(candidate(90)))).not.toHaveProperty('waitingBytes');
  });
});

describe('a choice', () => {
  it('is told whole, also a cache whose keys and values differ', () => {
    const chosen = candidate(5, 'Q4_0', { contextSize: 512, kvCacheType: { k: 'q8_0', v: 'f16' } });
    expect(describeChoice(chosen)).toEqual({
      quantization: 'Q4_0',
      contextSize: 512,
      kvCacheType: { k: 'q8_0', v: 'f16' },
      need: need(5),
    });
    expect(decide(request(chosen))).toMatchObject({ kvCacheType: { k: 'q8_0', v: 'f16' } });
  });

  it('has only what was chosen', () => {
    expect(describeChoice(candidate(5))).toEqual({ need: need(5) });
  });
});

describe('what came nearest', () => {
  const refused = decide(request(candidate(300, 'Q5_K_M'), candidate(150, 'Q4_0')));

  it('is the candidate that misses least', () => {
    expect(nearestCandidate(refused).quantization).toBe('Q4_0');
    expect(leastMissing(refused.candidates)).toBe(60);
  });

  it('is the better of two that miss as much', () => {
    const [first, second] = [candidate(150, 'Q5_K_M'), candidate(150, 'Q4_0')];
    const view = { totalBytes: 1000, availableBytes: 100, headroomBytes: 100, promisedAnonymousBytes: 0 };
    expect(nearestCandidate({ candidates: judgeCandidates([first, second], view, 0) }).quantization).toBe('Q5_K_M');
  });
});

describe('freeing memory', () => {
  it('can help a load that an empty machine would admit', () => {
    expect(canBeFreed(decide(request(candidate(990))))).toBe(true);
  });

  it('can’t help a load that is too large for the machine', () => {
    expect(canBeFreed(decide(request(candidate(991))))).toBe(false);
  });
});

describe('the reason of a refusal', () => {
  const reasonOf = (...candidates: Candidate[]) => decide(request(...candidates)).reason;

  it('is that the machine is busy, if the load would fit with nothing else on it', () => {
    expect(reasonOf(candidate(990))).toBe('busy');
    expect(reasonOf(candidate(991))).toBe('too-large');
  });

  it('is none of a load that is admitted', () => {
    expect(decide(request(candidate(90)))).not.toHaveProperty('reason');
  });

  it('is that it is busy if any step would fit', () => {
    expect(reasonOf(candidate(5000, 'Q5_K_M'), candidate(900, 'Q4_0'))).toBe('busy');
    expect(reasonOf(candidate(5000, 'Q5_K_M'), candidate(4000, 'Q4_0'))).toBe('too-large');
  });

  it('looks at the share that must stay available, which nobody else can give back', () => {
    // 750 of 1000 bytes are mapped by others, so that all of them are available to the system and few can be taken.
    const view = { totalBytes: 1000, availableBytes: 950, headroomBytes: 200, promisedAnonymousBytes: 0 };
    const judged = (bytes: number) => ({
      totalBytes: 1000,
      candidates: judgeCandidates([candidate(bytes)], view, 0.25),
    });
    expect(findRefusalReason(judged(750))).toBe('busy');
    expect(findRefusalReason(judged(751))).toBe('too-large');
  });

  it('counts what others keep mapped of the same file, since it would have to be mapped anew', () => {
    const shared = (heldBytes: number) => candidate(600, undefined, { heldBytes });
    expect(reasonOf(shared(390))).toBe('busy');
    expect(reasonOf(shared(391))).toBe('too-large');
  });

  it('is none if nobody knows what the load needs, unless not even nothing would fit', () => {
    const unknown = (minFreeBytes: number) => ({
      need: { mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' } as const,
      minFreeBytes,
    });
    expect(decide(request(unknown(500)))).not.toHaveProperty('reason');
    expect(reasonOf(unknown(1001))).toBe('too-large');
  });
});

describe('the name of a model', () => {
  it('has its quantization beside it if it has one', () => {
    expect(formatModelName('m', 'Q4_0')).toBe('m Q4_0');
    expect(formatModelName('m', undefined)).toBe('m');
  });
});
