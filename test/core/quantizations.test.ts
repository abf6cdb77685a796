import { describe, expect, it } from 'vitest';
import { DEFAULT_QUANTIZATION, isQuantization, QUANTIZATIONS } from '../../src/core/quantizations.ts';

describe('the ladder of quantizations', () => {
  it('goes from the best quality to the smallest file, and holds the default', () => {
    expect(QUANTIZATIONS).toEqual(['Q5_K_M', 'Q4_K_M', 'Q4_0']);
    expect(QUANTIZATIONS).toContain(DEFAULT_QUANTIZATION);
    expect(Object.isFrozen(QUANTIZATIONS)).toBe(true);
  });

  it('holds a quantization by its exact name, and nothing else', () => {
    expect(QUANTIZATIONS.every(isQuantization)).toBe(true);
    for (const other of ['Q8_0', 'q4_0', '', undefined, null, 4]) expect(isQuantization(other)).toBe(false);
  });
});
