import { describe, expect, it } from 'vitest';
import type { LadderStep } from '../../src/core/quantizations.ts';
import {
  isBelowAsked,
  type LadderLimits,
  listAllowedSteps,
  missingStep,
  selectOffers,
} from '../../src/loading/ladder-range.ts';

const LYING: readonly LadderStep[] = ['Q8_0', 'Q4_K_M', 'Q4_0', 'Q3_K_M', 'Q2_K'];

const allow = (quantization?: unknown, limits: Partial<LadderLimits> = {}, lying = LYING) =>
  listAllowedSteps(lying, { name: 'm', quantization }, { ownFloor: undefined, floor: 'Q4_0', ...limits });

const refusalOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    return { code, message };
  }
  throw new Error('nothing was refused');
};

describe('the steps that a load may take', () => {
  it('go from what was asked down to the floor', () => {
    expect(allow('Q8_0')).toEqual(['Q8_0', 'Q4_K_M', 'Q4_0']);
    expect(allow('Q4_0')).toEqual(['Q4_0']);
    expect(allow('Q4_K_M', { floor: 'Q2_K' })).toEqual(['Q4_K_M', 'Q4_0', 'Q3_K_M', 'Q2_K']);
  });

  it('go from the best down to the floor if nothing was asked for', () => {
    expect(allow()).toEqual(['Q8_0', 'Q4_K_M', 'Q4_0']);
    expect(allow(undefined, { floor: 'Q5_0' })).toEqual(['Q8_0']);
  });

  it('go to the floor of the load, above or below that of the guard', () => {
    expect(allow('Q8_0', { ownFloor: 'Q3_K_M' })).toEqual(['Q8_0', 'Q4_K_M', 'Q4_0', 'Q3_K_M']);
    expect(allow('Q8_0', { ownFloor: 'Q6_K' })).toEqual(['Q8_0']);
  });

  it('are what was asked alone if that lies below the floor of the guard', () => {
    expect(allow('Q3_K_M')).toEqual(['Q3_K_M']);
    expect(allow('Q3_K_M', { floor: 'F16' })).toEqual(['Q3_K_M']);
    expect(allow('Q3_K_M', { ownFloor: 'Q2_K' })).toEqual(['Q3_K_M', 'Q2_K']);
  });

  it('hold what was asked also if it is not there, and are no type that nobody knows', () => {
    expect(allow('Q5_0')).toEqual(['Q5_0', 'Q4_K_M', 'Q4_0']);
    expect(refusalOf(() => allow('Q4'))).toMatchObject({ code: 'ERR_UNKNOWN_QUANTIZATION' });
  });

  it('contradict a floor of the load that lies above what it asks for', () => {
    expect(refusalOf(() => allow('Q4_0', { ownFloor: 'Q8_0' }))).toEqual({
      code: 'ERR_INVALID_OPTION',
      message: "Expected `memoryGuard.floor` to be Q4_0, which was asked for, or a type below it, got 'Q8_0' (string).",
    });
    expect(allow('Q4_0', { ownFloor: 'Q4_0' })).toEqual(['Q4_0']);
  });

  it('are none if everything lies below the floor and nothing was asked for', () => {
    expect(refusalOf(() => allow(undefined, {}, ['Q3_K_M', 'IQ3_S', 'Q2_K']))).toEqual({
      code: 'ERR_MODEL_FILE',
      message:
        'Found m only in Q3_K_M, IQ3_S and Q2_K, below the floor Q4_0; ' +
        "set `floor` to 'Q3_K_M' or below, or ask for one of them by `quantization`.",
    });
  });
});

describe('the files that a load may take', () => {
  const offer = (quantization?: LadderStep) => ({
    ...(quantization && { quantization }),
    modelPath: `${quantization}.gguf`,
  });
  const limits = { ownFloor: undefined, floor: 'Q4_0' } as const;

  it('are those of its steps, so that no other header is read', () => {
    const offers = LYING.map(offer);
    const selected = selectOffers(offers, { name: 'm', quantization: 'Q4_K_M' }, limits);
    expect(selected.map(({ quantization }) => quantization)).toEqual(['Q4_K_M', 'Q4_0']);
    expect(selectOffers(offers, { name: 'm' }, limits)).toHaveLength(3);
  });

  it('are all of them if none is a step', () => {
    const offers = [offer()];
    expect(selectOffers(offers, { name: 'm', quantization: 'the SDK’s own word' }, limits)).toBe(offers);
    expect(selectOffers([], { name: 'm' }, limits)).toEqual([]);
  });
});

describe('what a load can do without', () => {
  it('is a step below the one that was asked for, and no other file', () => {
    const offer = { quantization: 'Q4_0', modelPath: 'm.gguf' } as const;
    expect(isBelowAsked(offer, { name: 'm', quantization: 'Q8_0' })).toBe(true);
    expect(isBelowAsked(offer, { name: 'm', quantization: 'Q4_0' })).toBe(false);
    expect(isBelowAsked(offer, { name: 'm' })).toBe(false);
    expect(isBelowAsked({ modelPath: 'm.gguf' }, { name: 'm', quantization: 'Q4_0' })).toBe(false);
  });
});

describe('a step that no file has', () => {
  it('is named with those that are there', () => {
    expect(missingStep('m', 'Q6_K', ['Q8_0', 'Q4_0'])).toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: 'Expected a file of m in Q6_K, found only Q8_0 and Q4_0.',
    });
  });
});
