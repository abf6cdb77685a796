import { describe, expect, it } from 'vitest';
import { describeNeed } from '../../src/admission/describe-need.ts';
import { GiB } from '../../src/core/bytes.ts';
import type { FootprintBasis, LoadNeed } from '../../src/core/types.ts';

const need = (basis: FootprintBasis, gib = 4): LoadNeed => ({
  mappedBytes: 1 * GiB,
  anonymousBytes: (gib - 1) * GiB,
  basis,
});

describe('a need in words', () => {
  it.each([
    ['table', '4.0 GiB (by the documented table, which counts weights only)'],
    ['shape', '4.0 GiB (by its published shape)'],
    ['gguf', "4.0 GiB (by its file's header)"],
    ['engine', "4.0 GiB (by the engine's own simulation)"],
    ['measured', '4.0 GiB (as measured here before)'],
    ['given', '4.0 GiB (as given)'],
    ['unknown', 'an amount that nobody knows'],
  ] as const)('names its basis: %s', (basis, words) => {
    expect(describeNeed({ need: need(basis) })).toBe(words);
  });

  it('names what it took the place of', () => {
    expect(describeNeed({ need: need('measured', 5), outgrownNeed: need('given') })).toBe(
      '5.0 GiB (as measured here before, where 4.0 GiB was given)',
    );
    expect(describeNeed({ need: need('measured', 5), outgrownNeed: need('table') })).toBe(
      '5.0 GiB (as measured here before, where the documented table has 4.0 GiB)',
    );
  });
});
