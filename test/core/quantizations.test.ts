import { describe, expect, it } from 'vitest';
import {
  checkQuantization,
  DEFAULT_QUANTIZATION,
  isQuantization,
  QUANTIZATIONS,
} from '../../src/core/quantizations.ts';

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

describe('a quantization', () => {
  it.each(['Q4_0', 'Q4_K_M', 'Q5_K_M'])('%s is known', (quantization) => {
    expect(checkQuantization(quantization)).toBe(quantization);
  });

  it.each(['Q8_0', 'q4_0', '', null, undefined, 4, {}, ['Q4_0']])('%o is not known', (quantization) => {
    expect(() => checkQuantization(quantization)).toThrow(
      expect.objectContaining({
        code: 'ERR_UNKNOWN_QUANTIZATION',
        message: expect.stringContaining('Expected `quantization` to be one of Q5_K_M, Q4_K_M, Q4_0, got '),
      }),
    );
  });
});
