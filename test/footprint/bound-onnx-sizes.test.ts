import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { boundOnnxSizes } from '../../src/footprint/bound-onnx-sizes.ts';

const NONE = { graphBytes: 0, dataBytes: 0, tokenizerBytes: 0, halves: false };
const count = (sizes: Partial<typeof NONE>) => boundOnnxSizes({ ...NONE, ...sizes }).anonymousBytes;

describe('the most that an ONNX model takes by the sizes of its files', () => {
  it('is more than the most that was measured of files of that kind', () => {
    // Peaks and what stays with the file in array buffers, as docs/transformers.md has them.
    expect(count({ graphBytes: 128 * MiB })).toBeGreaterThan((242 + 128) * MiB);
    expect(count({ graphBytes: 64 * MiB, halves: true })).toBeGreaterThan(312 * MiB);
    expect(count({ graphBytes: 27.6 * MiB })).toBeGreaterThan(100 * MiB);
    expect(count({ dataBytes: 128 * MiB })).toBeGreaterThan(259 * MiB);
    expect(count({ dataBytes: 64 * MiB, halves: true })).toBeGreaterThan((164 + 64) * MiB);
    expect(count({ tokenizerBytes: 5.09 * MiB })).toBeGreaterThan(168 * MiB);
  });

  it('is never nothing, and says what it is', () => {
    expect(boundOnnxSizes(NONE)).toEqual({ mappedBytes: 0, anonymousBytes: 32 * MiB, basis: 'sizes' });
    expect(count({ graphBytes: 1.5 })).toBe(32 * MiB + 5);
  });
});
