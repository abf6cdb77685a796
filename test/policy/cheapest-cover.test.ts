import { describe, expect, it } from 'vitest';
import { type CoverItem, EXACT_ITEMS, findCheapestCover } from '../../src/policy/cheapest-cover.ts';
import { createRandom } from '../../tools/random.mjs';

const costOf = (items: readonly CoverItem[] | undefined) => items?.reduce((sum, { cost }) => sum + cost, 0);
const yieldOf = (items: readonly CoverItem[], index: number) =>
  items.reduce((sum, { yields }) => sum + yields[index]!, 0);

function makeItems(random: () => number, count: number, things: number): CoverItem[] {
  const number = (most: number) => Math.floor(random() * most);
  return Array.from({ length: count }, () => ({
    yields: Array.from({ length: things }, () => number(100)),
    cost: number(3) === 0 ? number(3) : number(1000) / 7,
  }));
}

/** The least cost of all sets, by adding up what each set of the items before yields. */
function findLeastCost(items: readonly CoverItem[], missing: readonly number[]): number {
  const [first, second = 0] = missing;
  const least = Array.from({ length: first! + 1 }, () => new Float64Array(second + 1).fill(Number.POSITIVE_INFINITY));
  least[0]![0] = 0;
  for (const { yields, cost } of items) {
    for (let a = first!; a >= 0; a--) {
      for (let b = second; b >= 0; b--) {
        const [nextA, nextB] = [Math.min(first!, a + yields[0]!), Math.min(second, b + (yields[1] ?? 0))];
        const with_ = least[a]![b]! + cost;
        if (with_ < least[nextA]![nextB]!) least[nextA]![nextB] = with_;
      }
    }
  }
  return least[first!]![second]!;
}

describe('the cheapest set that is enough', () => {
  it('is one costly item or several cheap ones, whichever costs less', () => {
    const [a, b, c] = [
      { yields: [5], cost: 10 },
      { yields: [3], cost: 4 },
      { yields: [2], cost: 4 },
    ] as const;
    expect(findCheapestCover([a, b, c], [5])).toEqual([b, c]);
    expect(findCheapestCover([{ ...a, cost: 7 }, b, c], [5])).toEqual([{ ...a, cost: 7 }]);
  });

  it('is of the fewest items if several cost the same', () => {
    const items = [1, 1, 2, 1].map((bytes) => ({ yields: [bytes], cost: 0 }));
    expect(findCheapestCover(items, [2])).toEqual([items[2]]);
  });

  it('is none if all together are not enough, and empty if nothing is missing', () => {
    const items = [{ yields: [5, 0], cost: 1 }];
    expect(findCheapestCover(items, [6, 0])).toBeUndefined();
    expect(findCheapestCover(items, [5, 1])).toBeUndefined();
    expect(findCheapestCover(items, [0, 0])).toEqual([]);
    expect(findCheapestCover([], [1])).toBeUndefined();
  });

  it.each([1, 2])('is the very cheapest up to the bound of exactness (%i missing)', (things) => {
    const random = createRandom(things);
    for (let round = 0; round < 200; round++) {
      const items = makeItems(random, 1 + Math.floor(random() * EXACT_ITEMS), things);
      const missing = Array.from({ length: things }, (_, index) => Math.floor(random() * (1 + yieldOf(items, index))));
      expect(costOf(findCheapestCover(items, missing))).toBeCloseTo(findLeastCost(items, missing), 6);
    }
  });

  it.each([1, 2])('costs at most twice the least for each thing beyond it (%i missing)', (things) => {
    const random = createRandom(100 + things);
    for (let round = 0; round < 40; round++) {
      const items = makeItems(random, EXACT_ITEMS + 1 + Math.floor(random() * 30), things);
      const missing = Array.from({ length: things }, (_, index) => Math.floor(random() ** 2 * yieldOf(items, index)));
      const found = findCheapestCover(items, missing)!;
      for (const [index, amount] of missing.entries()) expect(yieldOf(found, index)).toBeGreaterThanOrEqual(amount);
      expect(costOf(found)).toBeLessThanOrEqual(2 * things * findLeastCost(items, missing) + 1e-6);
      for (const item of found) {
        const others = found.filter((other) => other !== item);
        expect(missing.every((amount, index) => yieldOf(others, index) >= amount)).toBe(false);
      }
    }
  });
});
