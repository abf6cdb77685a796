import { expect, it } from 'vitest';
import { neededBytes, sumFileBytes } from '../../src/core/needed-bytes.ts';

it('adds what is mapped and what is anonymous', () => {
  expect(neededBytes({ mappedBytes: 3, anonymousBytes: 4 })).toBe(7);
  expect(neededBytes({ mappedBytes: 0, anonymousBytes: 0 })).toBe(0);
});

it('adds files up', () => {
  expect(sumFileBytes([])).toBe(0);
  expect(
    sumFileBytes([
      { key: 'a', bytes: 3 },
      { key: 'b', bytes: 4 },
    ]),
  ).toBe(7);
});
