import { describe, expect, it } from 'vitest';
import { findPoint, findPoints, sumPoints } from '../../../src/footprint/engine/context-points.ts';
import type { ContextPoint } from '../../../src/footprint/engine/engine-question.ts';

const point = (tokens: number, cacheBytes: number, computeBytes = 0): ContextPoint => ({
  tokens,
  cacheBytes,
  stateBytes: 0,
  computeBytes,
  outputBytes: 0,
  runtimeBytes: tokens,
  straight: true,
});

function ask(leastTokens: number, mostTokens: number, cacheBytes: (tokens: number) => number) {
  const asked: number[] = [];
  const points = findPoints({ values: {}, leastTokens, mostTokens, stepTokens: 256 }, (tokens) => {
    asked.push(tokens);
    return point(tokens, cacheBytes(tokens));
  });
  return { asked, points };
}

describe('points of contexts', () => {
  it('is one where one is asked for', () => {
    const { asked, points } = ask(4096, 4096, (tokens) => tokens * 1000);
    expect(asked).toEqual([4096]);
    expect(points).toEqual([point(4096, 4_096_000)]);
  });

  it('are summed up for contexts that lie beside each other', () => {
    const [one, other] = [point(256, 100, 7), point(256, 20, 3)];
    expect(sumPoints([one, other])).toEqual({
      tokens: 256,
      cacheBytes: 120,
      stateBytes: 0,
      computeBytes: 10,
      outputBytes: 0,
      runtimeBytes: 512,
    });
    expect(sumPoints([one])).toBe(one);
    expect(sumPoints([])).toBeUndefined();
  });

  it('are three on a straight line', () => {
    const { asked, points } = ask(256, 32_768, (tokens) => 5_000_000 + tokens * 1000);
    expect(asked).toEqual([32_768, 256, 16_640]);
    expect(points.map(({ tokens }) => tokens)).toEqual([256, 16_640, 32_768]);
    expect(findPoint(points, 10_000)?.cacheBytes).toBe(15_000_000);
  });

  it.each([
    ['the end of a sliding window', (tokens: number) => Math.min(tokens, 1536) * 50_000 + tokens * 1000],
    ['a buffer that grows late', (tokens: number) => Math.max(tokens, 40_000) * 50_000],
    ['both', (tokens: number) => Math.min(tokens, 1536) * 50_000 + Math.max(tokens, 40_000) * 5000],
  ])('are never too low around %s, and seldom too high', (_, bytes) => {
    const { asked, points } = ask(256, 65_536, bytes);
    expect(asked.length).toBeLessThanOrEqual(24);
    const ratios = Array.from({ length: 256 }, (_, index) => (index + 1) * 256).map(
      (tokens) => (findPoint(points, tokens)?.cacheBytes ?? 0) / bytes(tokens),
    );
    expect(Math.min(...ratios)).toBeGreaterThan(0.99);
    expect(ratios.filter((ratio) => ratio > 1.01).length).toBeLessThanOrEqual(4);
  });

  it('know nothing outside of them', () => {
    const { points } = ask(2048, 4096, (tokens) => tokens);
    expect(findPoint(points, 2047)).toBeUndefined();
    expect(findPoint(points, 4097)).toBeUndefined();
    expect(findPoint(points, 2048)).toMatchObject({ tokens: 2048, cacheBytes: 2048 });
    expect(findPoint([], 2048)).toBeUndefined();
  });
});
