import { describe, expect, it } from 'vitest';
import { type EdgeState, nextEdge } from '../../src/monitor/status-edges.ts';

const rules = { warningFactor: 2, hysteresisRatio: 0.05, dwellMs: 1000 };

/** Levels told over a series of [time, free bytes], with 100 bytes to keep free. */
function levels(series: readonly (readonly [number, number])[]): string[] {
  let state: EdgeState = { level: 'ok' };
  const told: string[] = [];
  for (const [nowMs, free] of series) {
    const next = nextEdge(state, free, 100, nowMs, rules);
    if (next.level !== state.level) told.push(next.level);
    state = next;
  }
  return told;
}

describe('an edge', () => {
  it('to the worse is told at once, also over two levels', () => {
    expect(
      levels([
        [0, 500],
        [1, 199],
        [2, 99],
      ]),
    ).toEqual(['warning', 'critical']);
    expect(
      levels([
        [0, 500],
        [1, 50],
      ]),
    ).toEqual(['critical']);
  });

  it('to the better is told after memory stayed above the threshold by the margin for the dwell time', () => {
    expect(
      levels([
        [0, 50],
        [10, 150],
        [1009, 150],
      ]),
    ).toEqual(['critical']);
    expect(
      levels([
        [0, 50],
        [10, 150],
        [1010, 150],
      ]),
    ).toEqual(['critical', 'warning']);
    expect(
      levels([
        [0, 50],
        [10, 300],
        [1010, 300],
      ]),
    ).toEqual(['critical', 'ok']);
  });

  it('to the better is not told inside the margin, however long', () => {
    expect(
      levels([
        [0, 50],
        [10, 104],
        [100_000, 104],
      ]),
    ).toEqual(['critical']);
  });

  it('starts its dwell time anew when memory falls back', () => {
    expect(
      levels([
        [0, 50],
        [10, 150],
        [900, 90],
        [910, 150],
        [1500, 150],
      ]),
    ).toEqual(['critical']);
  });

  it('is told once for a value that swings by 1 % around the threshold', () => {
    const swinging = Array.from({ length: 600 }, (_, i) => [i * 100, 100 + (i % 2 ? 1 : -1)] as const);
    expect(levels(swinging)).toEqual(['critical']);
  });
});
