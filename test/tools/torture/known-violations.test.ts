/** Known violations are narrow: another invariant or other words are no known ones. */
import { describe, expect, it } from 'vitest';
import { findKnown, KNOWN_VIOLATIONS } from '../../../tools/torture/known-violations.mjs';

const OPEN = {
  invariant: 'no-descriptor-after-close',
  found: 'the process still has 21 /a/lock, 22 /a/12-0123456789ab open',
};

describe('a known violation', () => {
  it('is known by its invariant and its words', () => {
    expect(findKnown(OPEN)).toBe(KNOWN_VIOLATIONS[0]);
  });

  it('is not known in other words, or of another invariant', () => {
    expect(findKnown({ ...OPEN, found: 'the process still has 21 /a/else open' })).toBeUndefined();
    expect(findKnown({ ...OPEN, invariant: 'process-survives' })).toBeUndefined();
  });
});
