import { describe, expect, it } from 'vitest';
import { chooseVictims } from '../../src/policy/choose-victims.ts';

const choose = (sizes: readonly number[], missing: number) => chooseVictims(sizes, (size) => size, missing);

describe('the models that go', () => {
  it('are the largest, and no more than are needed', () => {
    expect(choose([1, 5, 3], 5)).toEqual([5]);
    expect(choose([1, 5, 3], 6)).toEqual([5, 3]);
    expect(choose([1, 5, 3], 9)).toEqual([5, 3, 1]);
  });

  it('are none if all of them are not enough, or none is there', () => {
    expect(choose([1, 5, 3], 10)).toBeUndefined();
    expect(choose([], 0)).toBeUndefined();
  });
});
