import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { LONGEST_MS, nextReadingMs, WATCHED_MS } from '../../src/monitor/reading-interval.ts';

describe('the time until the next reading', () => {
  it('is what the fastest known machine needs to fill the distance', () => {
    expect(nextReadingMs(600 * MiB)).toBe(100);
    expect(nextReadingMs(3000 * MiB)).toBe(500);
  });

  it.each([0, -1 * GiB, 59 * MiB])('is 10 ms at the least: with %d bytes', (distanceBytes) => {
    expect(nextReadingMs(distanceBytes)).toBe(10);
  });

  it.each([6000 * MiB, 100 * GiB, Number.POSITIVE_INFINITY])('is 1 s at the most: with %d bytes', (distanceBytes) => {
    expect(nextReadingMs(distanceBytes)).toBe(LONGEST_MS);
  });

  it('is longer than that only if the addon reads in between', () => {
    expect(LONGEST_MS).toBe(1000);
    expect(WATCHED_MS).toBeGreaterThan(LONGEST_MS);
  });
});
