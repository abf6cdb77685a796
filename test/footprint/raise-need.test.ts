import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import type { Observation } from '../../src/footprint/apply-observations.ts';
import { measureNeed, raiseNeed } from '../../src/footprint/raise-need.ts';

const seen = (mapped: number, afterLoad: number, more: Partial<Observation> = {}): Observation => ({
  load: 'a',
  mappedBytes: mapped * GiB,
  anonymousAfterLoadBytes: afterLoad * GiB,
  full: false,
  heard: false,
  ...more,
});
const given = (mapped: number, anonymous: number): LoadNeed => ({
  mappedBytes: mapped * GiB,
  anonymousBytes: anonymous * GiB,
  basis: 'given',
});
const measured = (mapped: number, anonymous: number) => ({ ...given(mapped, anonymous), basis: 'measured' });

describe('what was measured', () => {
  it('is the most that was seen, at whichever time and in whichever load', () => {
    expect(measureNeed([seen(4, 1), seen(4, 1, { anonymousAfterCallBytes: 2 * GiB })])).toEqual(measured(4, 2));
    expect(measureNeed([seen(0, 1, { fatalBytes: 3 * GiB })])).toEqual(measured(0, 3));
    expect(measureNeed([seen(4, 1), seen(0, 4)])).toEqual(measured(1, 4));
  });

  it('is nothing if nothing was seen', () => {
    expect(measureNeed([])).toBeUndefined();
  });
});

describe('a need that no file tells', () => {
  it.each([
    ['more anonymous memory', given(0, 4), seen(0, 5), measured(0, 5)],
    ['more mapped memory', given(4, 1), seen(5, 1), measured(5, 1)],
    ['mapped memory that was anonymous, once', given(4, 1), seen(0, 5), measured(0, 5)],
    ['both', given(4, 1), seen(4, 2), measured(4, 2)],
  ])('rises for %s', (_what, need, observation, raised) => {
    expect(raiseNeed(need, [observation])).toEqual(raised);
  });

  it.each([
    ['less was seen', given(4, 1), seen(1, 0.5)],
    ['as much was seen', given(0, 4), seen(0, 4)],
    ['anonymous memory that was given was mapped', given(0, 5), seen(4, 1)],
    ['mapped memory was as much less as anonymous memory was more than noise', given(4, 1), seen(3.9, 1 + 8 / 1024)],
  ])('stays as it is if %s', (_what, need, observation) => {
    expect(raiseNeed(need, [observation])).toBe(need);
  });

  it('does not rise by noise', () => {
    const noise = seen(0, 4, { anonymousAfterCallBytes: 4 * GiB + 8 * MiB });
    expect(raiseNeed(given(0, 4), [noise])).toEqual(given(0, 4));
    const more = seen(0, 4, { anonymousAfterCallBytes: 4 * GiB + 8 * MiB + 1 });
    expect(raiseNeed(given(0, 4), [more])).toMatchObject({ basis: 'measured' });
  });

  it('stays as it is if nothing was seen', () => {
    const need = given(0, 4);
    expect(raiseNeed(need, [])).toBe(need);
  });
});
