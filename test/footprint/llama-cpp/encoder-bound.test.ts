/** How much more is counted for an encoder that isn't mirrored. */
import { describe, expect, it } from 'vitest';
import { boundEncoderBytes, describeEncoderBound, isExact } from '../../../src/footprint/llama-cpp/encoder-bound.ts';
import { createVisionShape } from '../../support/encoder-shapes.ts';

describe('the bound of an encoder', () => {
  it('is the usual graph and more', () => {
    expect(boundEncoderBytes(createVisionShape('mlp'), 10, 1000)).toBe(1750);
    expect(boundEncoderBytes(createVisionShape('newer'), 10, 1000)).toBe(2700);
  });

  it('has masks in F32 and F16 for windows', () => {
    expect(boundEncoderBytes(createVisionShape('qwen2.5vl_merger', { windowed: true }), 10, 1000)).toBe(
      1750 + 10 * 10 * 6,
    );
  });

  it('has the planes of a convolution over time and pitch', () => {
    const shape = createVisionShape('qwen3a', { kind: 'audio', mels: 128, planes: 96 });
    const first = 96 * 64 * 1500;
    expect(boundEncoderBytes(shape, 1500, 1000)).toBe(2100 + 2 * first * 4 + (first / 4) * 9 * 2);
  });
});

it('a type that was compared at one size of image is exact at that', () => {
  expect([isExact(createVisionShape('gemma3')), isExact(createVisionShape('gemma3', { imageSize: 224 }))]).toEqual([
    true,
    false,
  ]);
  expect([isExact(createVisionShape('idefics3', { imageSize: 224 })), isExact(createVisionShape('mlp'))]).toEqual([
    true,
    false,
  ]);
});

it('a bound says for which images, and how it was found', () => {
  expect(describeEncoderBound(createVisionShape('mlp'), 4096)).toMatch(
    /"mlp" is bounded, for images of up to 896 × 896 pixels: in \d+ files/,
  );
  expect(describeEncoderBound(createVisionShape('qwen3a', { kind: 'audio' }), 1500)).toMatch(
    /"qwen3a" is bounded: in \d+ files/,
  );
  expect(describeEncoderBound(createVisionShape('newer'), 100)).toMatch(
    /"newer" was never compared .* up to 140 × 140 pixels$/,
  );
});
