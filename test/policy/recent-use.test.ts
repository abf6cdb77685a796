import { describe, expect, it } from 'vitest';
import { noteUse, noteUseEnd, rateUse, type UseTimes } from '../../src/policy/recent-use.ts';

const useAt = (...times: readonly number[]) => times.reduce<UseTimes>((uses, atMs) => noteUse(uses, atMs), []);

describe('how often a model was used of late', () => {
  it('falls by half when a use becomes twice as old', () => {
    const uses = useAt(0);
    expect(rateUse(uses, 20_000)).toBe(rateUse(uses, 10_000) / 2);
  });

  it('is more for more uses, and for later ones', () => {
    const now = 100_000;
    expect(rateUse(useAt(10_000, 50_000), now)).toBeGreaterThan(rateUse(useAt(50_000), now));
    expect(rateUse(useAt(60_000), now)).toBeGreaterThan(rateUse(useAt(50_000), now));
  });

  it('is nothing for what was never used', () => {
    expect(rateUse([], 5)).toBe(0);
  });

  it('counts uses within a second as one, and a use that lasts as one that was just now', () => {
    expect(useAt(5000, 5001, 5900)).toEqual([5900]);
    expect(useAt(5000, 6000)).toEqual([6000, 5000]);
    expect(noteUseEnd(useAt(1000, 5000), 90_000)).toEqual([90_000, 1000]);
  });

  it('counts a use of this moment as a second old, also if the clock goes back', () => {
    expect(rateUse(useAt(5000), 5000)).toBe(1 / 1000);
    expect(rateUse(useAt(5000), 1000)).toBe(1 / 1000);
    expect(useAt(5000, 1000)).toEqual([5000]);
  });

  it('remembers eight uses', () => {
    const many = Array.from({ length: 20 }, (_, index) => index * 2000);
    expect(useAt(...many)).toEqual(many.slice(-8).reverse());
  });
});
