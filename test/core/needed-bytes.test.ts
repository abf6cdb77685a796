import { expect, it } from 'vitest';
import { neededBytes } from '../../src/core/needed-bytes.ts';

it('adds what is mapped and what is anonymous', () => {
  expect(neededBytes({ mappedBytes: 3, anonymousBytes: 4 })).toBe(7);
  expect(neededBytes({ mappedBytes: 0, anonymousBytes: 0 })).toBe(0);
});
