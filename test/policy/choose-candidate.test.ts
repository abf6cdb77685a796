import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { LadderStep } from '../../src/core/quantizations.ts';
import {
  type Candidate,
  type CandidateVerdict,
  findSmallerContext,
  judgeCandidates,
  keepSavingSteps,
} from '../../src/policy/choose-candidate.ts';

function candidate(quantization: LadderStep, gib: number): Candidate {
  const need = { mappedBytes: 0, anonymousBytes: gib * GiB, basis: 'table' } as const;
  return { quantization, need, minFreeBytes: 512 * MiB };
}

describe('the ladder', () => {
  it('keeps every step that saves memory', () => {
    const ladder = [candidate('Q5_K_M', 5), candidate('Q4_K_M', 4), candidate('Q4_0', 3)];
    expect(keepSavingSteps(ladder)).toEqual(ladder);
  });

  it('skips a step that needs more than a better one, as repacked weights can', () => {
    const steps = keepSavingSteps([candidate('Q5_K_M', 5), candidate('Q4_K_M', 7), candidate('Q4_0', 4)]);
    expect(steps.map((step) => step.quantization)).toEqual(['Q5_K_M', 'Q4_0']);
  });

  it('skips a step that needs just as much', () => {
    const steps = keepSavingSteps([candidate('Q5_K_M', 5), candidate('Q4_K_M', 5)]);
    expect(steps).toHaveLength(1);
  });

  it('never runs backwards where more bits come below fewer', () => {
    const steps = keepSavingSteps([
      candidate('IQ4_NL', 4.5),
      candidate('IQ4_XS', 4.25),
      candidate('Q4_1', 5),
      candidate('Q4_0', 4.4),
    ]);
    expect(steps.map((step) => step.quantization)).toEqual(['IQ4_NL', 'IQ4_XS']);
  });

  it('keeps a step that needs less in all but more anonymous bytes, which the rules judge', () => {
    const apart = (quantization: LadderStep, mappedGiB: number, anonymousGiB: number): Candidate => ({
      quantization,
      need: { mappedBytes: mappedGiB * GiB, anonymousBytes: anonymousGiB * GiB, basis: 'gguf' },
      minFreeBytes: 0,
    });
    const ladder = [apart('F16', 16, 1), apart('Q4_0', 5, 5)];
    expect(keepSavingSteps(ladder)).toEqual(ladder);
    const on = (freeGiB: number, totalGiB: number) => ({
      totalBytes: totalGiB * GiB,
      availableBytes: freeGiB * GiB,
      headroomBytes: freeGiB * GiB,
      promisedAnonymousBytes: 0,
    });
    const verdicts = (freeGiB: number, totalGiB: number) =>
      judgeCandidates(ladder, on(freeGiB, totalGiB), 0.25).map(({ admitted }) => admitted);
    // Refused for all of its bytes: the repacked one fits.
    expect(verdicts(12, 16)).toEqual([false, true]);
    // Refused for its anonymous bytes alone: then the one that has more of them is refused as well.
    expect(verdicts(18, 70)).toEqual([false, false]);
  });

  it('judges each step with its own bytes to keep free', () => {
    const at = { totalBytes: 4 * GiB, availableBytes: 3 * GiB, headroomBytes: 3 * GiB, promisedAnonymousBytes: 0 };
    const [greedy, modest] = judgeCandidates(
      [{ ...candidate('Q5_K_M', 2), minFreeBytes: 2 * GiB }, candidate('Q4_0', 2)],
      at,
      0.25,
    );
    expect(greedy?.admitted).toBe(false);
    expect(greedy?.shortfallBytes).toBe(1 * GiB);
    expect(modest?.admitted).toBe(true);
  });
});

describe('a range of contexts', () => {
  /** 1 GiB, and 1 MiB for each token of context. */
  function ranged(contextSize: number, leastContextSize: number): Candidate {
    const at = (size: number): Candidate => ({
      contextSize: size,
      minFreeBytes: 0,
      need: { mappedBytes: 0, anonymousBytes: 1 * GiB + size * MiB, basis: 'gguf' },
    });
    return { ...at(contextSize), smaller: { leastContextSize, at } };
  }

  function judged(candidate: Candidate, freeBytes: number): readonly CandidateVerdict[] {
    const at = {
      totalBytes: freeBytes,
      availableBytes: freeBytes,
      headroomBytes: freeBytes,
      promisedAnonymousBytes: 0,
    };
    return judgeCandidates([candidate], at, 0);
  }

  it('is taken whole if its largest size fits', () => {
    const verdicts = judged(ranged(4096, 2048), 5 * GiB);
    expect(verdicts.map(({ contextSize, admitted }) => [contextSize, admitted])).toEqual([[4096, true]]);
  });

  it.each([
    [4095, 3840],
    [3840, 3840],
    [3839, 3584],
    [2304, 2304],
    [2303, 2048],
    [2048, 2048],
  ])('gives the largest one that fits: with room for %d tokens %d', (room, expected) => {
    const verdicts = judged(ranged(4096, 2048), 1 * GiB + room * MiB);
    expect(verdicts.map(({ contextSize, admitted }) => [contextSize, admitted])).toEqual([
      [4096, false],
      [expected, true],
    ]);
  });

  it('is refused if its smallest size is', () => {
    const verdicts = judged(ranged(4096, 2048), 1 * GiB + 2047 * MiB);
    expect(verdicts.map(({ contextSize, admitted }) => [contextSize, admitted])).toEqual([
      [4096, false],
      [2048, false],
    ]);
  });

  it.each([
    [4096, 4095, 3840],
    [4096, 511, 256],
    [2048, 2047, 1792],
  ])('of at least %d tokens, with room for %d, would fit with %d', (least, room, expected) => {
    const free = 1 * GiB + room * MiB;
    const at = { totalBytes: free, availableBytes: free, headroomBytes: free, promisedAnonymousBytes: 0 };
    const large = { ...candidate('Q5_K_M', 99) };
    expect(findSmallerContext([large, ranged(4096, least)], at, 0)).toMatchObject({
      contextSize: expected,
      admitted: true,
    });
  });

  it('would fit with nothing smaller if not even 256 tokens fit, or it may be as small', () => {
    const free = 1 * GiB + 255 * MiB;
    const at = { totalBytes: free, availableBytes: free, headroomBytes: free, promisedAnonymousBytes: 0 };
    expect(findSmallerContext([ranged(4096, 2048)], at, 0)).toBeUndefined();
    expect(findSmallerContext([ranged(4096, 256)], { ...at, headroomBytes: 2 * free }, 0)).toBeUndefined();
  });

  it('with ends that are no multiples of 256 keeps to them', () => {
    const verdicts = judged(ranged(1000, 300), 1 * GiB + 999 * MiB);
    expect(verdicts.at(-1)).toMatchObject({ contextSize: 768, admitted: true });
    expect(judged(ranged(1000, 300), 1 * GiB + 310 * MiB).at(-1)).toMatchObject({ contextSize: 300, admitted: true });
  });

  it('that is one size is that size or nothing', () => {
    expect(judged(ranged(4096, 4096), 2 * GiB).map(({ contextSize }) => contextSize)).toEqual([4096]);
  });

  it('counts at its least for whether a step saves memory', () => {
    const large = ranged(4096, 1024);
    const small = { ...candidate('Q4_0', 4) };
    expect(keepSavingSteps([large, small])).toEqual([large]);
  });
});
