/** The documented table, as the document has it. */
import { describe, expect, it } from 'vitest';
import { QUANTIZATIONS } from '../../src/core/quantizations.ts';
import { AUDIO_CALL_BYTES, createTableNeed, getRequirements } from '../../src/footprint/documented-requirements.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;

describe('the documented table', () => {
  it.each([
    ['Q4_K_M', 4.2, 'edge_optimized', 512],
    ['Q4_0', 3.8, 'edge_optimized', 512],
    ['Q5_K_M', 4.8, 'quality_optimized', 768],
  ] as const)('has the row %s: %f GB, %s, %d MB to keep free', (quantization, gigabytes, type, minFreeMegabytes) => {
    expect(getRequirements(quantization)).toEqual({
      ramNeeded: Math.ceil(gigabytes * GiB),
      type,
      minFreeMemory: minFreeMegabytes * MiB,
    });
  });

  it('has a row for each step of the ladder, and its rows can not be changed', () => {
    for (const step of QUANTIZATIONS) expect(Object.isFrozen(getRequirements(step))).toBe(true);
  });

  it('takes 100 MiB for audio', () => {
    expect(AUDIO_CALL_BYTES).toBe(100 * MiB);
  });
});

it('the need of a row is anonymous, since no mapping was seen', () => {
  expect(createTableNeed('Q4_0')).toEqual({ mappedBytes: 0, anonymousBytes: Math.ceil(3.8 * GiB), basis: 'table' });
});
