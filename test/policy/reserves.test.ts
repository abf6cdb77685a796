import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { largestMinFree, MIN_FREE_BY_TOTAL, minFreeBytesByTotal, minFreeBytesOf } from '../../src/policy/reserves.ts';

describe('what a model without a documented row keeps free', () => {
  it.each([
    [256 * MiB, 64],
    [512 * MiB, 64],
    [1 * GiB, 64],
    [2 * GiB, 128],
    [4 * GiB, 256],
    [8 * GiB, 512],
    [64 * GiB, 512],
    [Number.POSITIVE_INFINITY, 512],
  ])('is of %i bytes %i MiB', (totalBytes, expected) => {
    expect(minFreeBytesByTotal(totalBytes)).toBe(expected * MiB);
  });
});

describe('what several models keep free', () => {
  it('is the largest of what was said and of what goes by the total', () => {
    const both = largestMinFree([{ minFreeBytes: 100 * MiB }, MIN_FREE_BY_TOTAL, { minFreeBytes: 80 * MiB }]);
    expect(minFreeBytesOf(both, GiB)).toBe(100 * MiB);
    expect(minFreeBytesOf(both, 4 * GiB)).toBe(256 * MiB);
    expect(minFreeBytesOf(largestMinFree([{ minFreeBytes: 100 * MiB }]), 4 * GiB)).toBe(100 * MiB);
  });

  it('is nothing if there are none', () => {
    expect(minFreeBytesOf(largestMinFree([]), GiB)).toBe(0);
  });
});
