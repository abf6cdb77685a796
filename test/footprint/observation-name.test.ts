import { describe, expect, it } from 'vitest';
import { readObservationName, writeObservationName } from '../../src/footprint/observation-name.ts';

const KEY = '9f86d081884c7d659a2feaa0c55ad015';
const LOAD = '3c4d5e6f7a8b';
const plain = { load: LOAD, mappedBytes: 1, anonymousAfterLoadBytes: 2, full: false, heard: false };

describe('the name of an observation', () => {
  it.each([
    [plain],
    [{ ...plain, anonymousAfterCallBytes: 3, full: true }],
    [{ ...plain, anonymousAfterCallBytes: 0, heard: true, fatalBytes: 4 }],
    [{ ...plain, anonymousAfterCallBytes: 5, elements: 7_680_000, full: true }],
    [{ ...plain, mappedBytes: Number.MAX_SAFE_INTEGER, fatalBytes: 0, full: true, heard: true }],
  ])('says all of it', (observation) => {
    const name = writeObservationName(KEY, 1_769_412_345_678_901, observation);
    expect(readObservationName(name)).toEqual({ name, key: KEY, atUs: 1_769_412_345_678_901, observation });
  });

  it('is one that every file system takes', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const sizes = { mappedBytes: most, anonymousAfterLoadBytes: most, anonymousAfterCallBytes: most, fatalBytes: most };
    const name = writeObservationName(KEY, 8e15, { ...plain, ...sizes, full: true, heard: true });
    expect(name).toMatch(/^[0-9a-z.-]{1,143}$/);
    expect(writeObservationName(KEY, 5, plain)).toBe(`${KEY}.0000000000000005.${LOAD}.m1-l2-`);
  });

  it.each([
    ['', 'nothing'],
    [`${KEY}.0000000000000005.${LOAD}.m1-l2`, 'no end'],
    [`${KEY}.0000000000000005.${LOAD}.m1-l2-x`, 'an unknown flag'],
    [`${KEY}.0000000000000005.${LOAD}.m1-l2-e9999999999999999-`, 'no number of elements'],
    [`${KEY}.0000000000000005.${LOAD}.m-1-l2-`, 'a negative size'],
    [`${KEY}.0000000000000005.${LOAD}.m9999999999999999-l2-`, 'no size that can be counted'],
    [`${KEY}.9999999999999999.${LOAD}.m1-l2-`, 'a time that no clock shows'],
    [`${KEY.toUpperCase()}.0000000000000005.${LOAD}.m1-l2-`, 'no key'],
    ['calibration.json', 'another file'],
  ])('is not read from `%s`: %s', (name) => {
    expect(readObservationName(name)).toBeUndefined();
  });
});
