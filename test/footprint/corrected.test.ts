import { describe, expect, it } from 'vitest';
import { corrected, type Observation } from '../../src/footprint/corrected.ts';
import type { Footprint } from '../../src/footprint/estimate.ts';

/** 100 mapped; 50 of KV cache, 20 of projector, 5 of weights beside the mapped ones, 60 of compute and runtime. */
const footprint = {
  anonymousBytes: 135,
  mappedBytes: 100,
  weightsBytes: 105,
  kvCacheBytes: 50,
  projectorBytes: 20,
  basis: 'gguf',
} as Footprint;

const seen = (anonymousAfterLoadBytes: number, anonymousAfterCallBytes: number, full: boolean): Observation => ({
  mappedBytes: 100,
  anonymousAfterLoadBytes,
  anonymousAfterCallBytes,
  full,
});

describe('an estimate beside observations', () => {
  it('stays as it is where there are none', () => {
    expect(corrected(footprint, [])).toEqual({ anonymousBytes: 135, basis: 'gguf' });
  });

  it('is corrected either way by a call that filled a micro-batch', () => {
    expect(corrected(footprint, [seen(70, 90, true)])).toEqual({ anonymousBytes: 90, basis: 'measured' });
    expect(corrected(footprint, [seen(70, 190, true)])).toEqual({ anonymousBytes: 190, basis: 'measured' });
  });

  it('is only raised by shorter calls', () => {
    expect(corrected(footprint, [seen(70, 90, false)]).anonymousBytes).toBe(135);
    expect(corrected(footprint, [seen(70, 190, false)]).anonymousBytes).toBe(190);
  });

  it('never goes below weights, KV cache and projector', () => {
    expect(corrected(footprint, [seen(10, 12, true)]).anonymousBytes).toBe(75);
  });

  it('goes by the largest of several, and by full ones alone where there are any', () => {
    expect(corrected(footprint, [seen(70, 90, true), seen(70, 95, true)]).anonymousBytes).toBe(95);
    expect(corrected(footprint, [seen(70, 90, true), seen(70, 500, false)]).anonymousBytes).toBe(90);
  });

  it('counts the peak, also where a load takes more for a moment than its calls', () => {
    expect(corrected(footprint, [seen(120, 90, true)]).anonymousBytes).toBe(120);
  });
});
