import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { listCallKeys, nameCallKey, predictCall, readCall, writeCall } from '../../src/footprint/call-memory.ts';

const input = (elements: number) => ({ elements, inputBytes: elements * 4, outputBytes: 0 });
const seen = (elements: number, mebibytes: number) => ({ elements, bytes: mebibytes * MiB });
const predict = (elements: number, ...before: readonly ReturnType<typeof seen>[]) =>
  predictCall(input(elements), before);

describe('what a call takes', () => {
  it('is assumed while none was seen, and says so', () => {
    expect(predict(MiB)).toEqual({ bytes: 32 * 4 * MiB, basis: 'unknown' });
    expect(predict(1)).toEqual({ bytes: 32 * MiB, basis: 'unknown' });
    expect(predictCall({ elements: 1, inputBytes: 8, outputBytes: 100 * MiB }, []).bytes).toBeGreaterThan(400 * MiB);
  });

  it('is what such a call took', () => {
    expect(predict(1000, seen(500, 1), seen(1000, 70), seen(2000, 80))).toEqual({ bytes: 70 * MiB, basis: 'measured' });
  });

  it('grows with the square from one size, and as two sizes have shown from then on', () => {
    expect(predict(2000, seen(1000, 10)).bytes).toBe(40 * MiB);
    const linear = predict(8000, seen(1000, 10), seen(4000, 40)).bytes;
    expect(linear).toBeGreaterThanOrEqual(80 * MiB);
    expect(linear).toBeLessThan(160 * MiB);
    // Two that are next to each other say nothing of the rest.
    expect(predict(2000, seen(990, 10), seen(1000, 10)).bytes).toBe(40 * MiB);
  });

  it('is enough for the detector of PP-OCRv4 at the next size, as it was measured', () => {
    const pixels = (side: number) => 3 * side * side;
    const sizes = [seen(pixels(320), 15), seen(pixels(640), 69), seen(pixels(960), 147), seen(pixels(1600), 495)];
    for (let known = 1; known < sizes.length; known++) {
      const { elements, bytes } = sizes[known]!;
      expect(predict(elements, ...sizes.slice(0, known)).bytes).toBeGreaterThan(bytes);
    }
  });

  it('is never more than a larger call took, nor less than a smaller one', () => {
    expect(predict(2000, seen(1000, 10), seen(3000, 12)).bytes).toBe(12 * MiB);
    expect(predict(500, seen(1000, 10)).bytes).toBe(10 * MiB);
    expect(predict(3000, seen(1000, 50), seen(2000, 10)).bytes).toBeGreaterThanOrEqual(50 * MiB);
  });

  it('is no less than its inputs, though a smaller one seemed to take nothing', () => {
    expect(predict(MiB, seen(1000, 0)).bytes).toBe(16 * MiB);
    expect(Number.isSafeInteger(predict(2 ** 40, seen(0, 100)).bytes)).toBe(true);
  });
});

it('keeps calls under names by size, all of which can be listed', () => {
  for (const elements of [0, 1, 2, 1000, 2 ** 40]) expect(listCallKeys('k')).toContain(nameCallKey('k', elements));
  expect(nameCallKey('k', 1000)).toBe(nameCallKey('k', 600));
  expect(nameCallKey('k', 1000)).not.toBe(nameCallKey('k', 1100));
});

it('reads what it has written, and no load', () => {
  expect(readCall(writeCall({ elements: 7, bytes: 9.5 }))).toEqual([{ elements: 7, bytes: 10 }]);
  const { elements: _elements, ...load } = writeCall({ elements: 7, bytes: 9 });
  expect(readCall(load)).toEqual([]);
  expect(writeCall({ elements: 7, bytes: 1 }).load).toBe(writeCall({ elements: 7, bytes: 2 }).load);
});
