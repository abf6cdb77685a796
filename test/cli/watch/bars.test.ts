import { describe, expect, it } from 'vitest';
import { drawBar, drawSparkline } from '../../../src/cli/watch/bars.ts';

const drawn = (used: number, reclaimable: number, unicode = true) => {
  const {
    kept,
    reclaimable: back,
    free,
  } = drawBar({ usedBytes: used, reclaimableBytes: reclaimable, limitBytes: 100 }, 10, unicode);
  return kept + back + free;
};

describe('a bar', () => {
  it.each([
    [0, 0, '░░░░░░░░░░'],
    [50, 0, '█████░░░░░'],
    [50, 30, '██▒▒▒░░░░░'],
    [50, 50, '▒▒▒▒▒░░░░░'],
    [1, 0, '█░░░░░░░░░'],
    [100, 0, '██████████'],
    [250, 10, '██████████'],
  ])('with %i of 100 used and %i of them reclaimable', (used, reclaimable, expected) => {
    expect(drawn(used, reclaimable)).toBe(expected);
  });

  it('is of letters where there are no blocks', () => {
    expect(drawn(50, 30, false)).toBe('##===.....');
  });
});

describe('a line of values', () => {
  it('goes from the smallest to the largest', () => {
    expect(drawSparkline([0, 50, 100], 10, true)).toBe('▁▅█');
    expect(drawSparkline([0, 50, 100], 10, false)).toBe('_=#');
  });

  it('shows the last ones that fit', () => {
    expect(drawSparkline([1, 2, 3, 100, 0], 2, true)).toBe('█▁');
  });

  it('draws what hardly moves as hardly moving', () => {
    expect(drawSparkline([1000, 999, 1000], 10, true)).toBe('███');
    expect(drawSparkline([0, 0], 10, true)).toBe('██');
    expect(drawSparkline([-5, 5], 10, true)).toBe('▁█');
  });
});
