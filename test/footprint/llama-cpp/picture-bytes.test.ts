/** What a picture takes beside the graph of its encoder. */
import { describe, expect, it, test } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import type { EncoderShape } from '../../../src/footprint/llama-cpp/encoder-shape.ts';
import { countPictureBytes } from '../../../src/footprint/llama-cpp/picture-bytes.ts';
import { createVisionShape } from '../../support/encoder-shapes.ts';

const create = (type: string, shape: Partial<EncoderShape> = {}) =>
  createVisionShape(type, { imageSize: 224, merge: 2, ...shape });

describe('what a picture takes', () => {
  // Measured above a text without one, in a process of its own.
  test.each([
    ['a bitmap', 12, 103.3],
    ['a JPEG file', 12, 69.2],
    ['a progressive JPEG file', 12, 158.8],
    ['a PNG file of 16 bits', 12, 184.4],
    ['five bitmaps', 1.05, 36.4],
    ['five bitmaps', 4, 102.1],
    ['five progressive JPEG files', 1.05, 53.7],
    ['five JPEG files', 4, 113.8],
    ['five progressive JPEG files', 4, 130],
  ])('is no less than was measured for %s of %d megapixels', (_what, megapixels, measuredMiB) => {
    expect(countPictureBytes(create('gemma3'), megapixels * 1e6)).toBeGreaterThanOrEqual(measuredMiB * MiB);
  });

  it('grows with its points, and is nothing for an encoder that hears', () => {
    const count = (pixels: number, shape = create('gemma3')) => countPictureBytes(shape, pixels);
    expect(count(2_000_000) - count(1_000_000)).toBe(24_000_000);
    expect(count(1_000_000, create('qwen2a', { kind: 'audio' }))).toBe(0);
  });

  it('is the mask of its windows if that is more, of no more positions than the engine takes', () => {
    const count = (pixels: number, windowed: boolean) =>
      countPictureBytes(create('qwen2.5vl_merger', { windowed }), pixels);
    expect(count(12_000_000, true)).toBe(16_384 ** 2 * 4);
    expect(count(2_000 * 14 ** 2, true)).toBe(count(2_000 * 14 ** 2, false));
    expect(count(12_000_000, false)).toBeLessThan(340 * MiB);
  });
});
