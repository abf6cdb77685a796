import { expect, it } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import { computeWhisperParts } from '../../../src/footprint/whisper-cpp/whisper-footprint.ts';
import { findGgmlTypeByName } from '../../../src/gguf/ggml-types.ts';

const base = {
  path: '/models/ggml-base.bin',
  vocabulary: 51865,
  audioContext: 1500,
  width: 512,
  audioHeads: 8,
  audioLayers: 6,
  textContext: 448,
  textHeads: 8,
  textLayers: 6,
  mels: 80,
  type: findGgmlTypeByName('F16')!,
  fileType: 1,
  textBytes: 400_000,
  identity: { device: 0, inode: 0, sizeBytes: 0, mtimeMs: 0 },
};

it('caches are what the engine says: 6.29, 18.87 and 3.15 MB', () => {
  const { kvCacheBytes } = computeWhisperParts(base, { flashAttention: false });
  expect(kvCacheBytes / 1e6).toBeCloseTo(6.29 + 18.87 + 3.15, 1);
});

it('logits of tokens that no text has are not counted', () => {
  const parts = computeWhisperParts(base, { flashAttention: false });
  const whole = (16.28 + 85.88 + 4.66 + 96.37 - 4 * 1.59 + 36) * 1e6;
  expect(parts.computeBytes).toBeLessThan(whole - 40 * MiB);
  expect(parts.computeBytes).toBeGreaterThan(whole - 50 * MiB);
  expect(parts.outputBytes).toBe(228 * 51865 * 4 + 51865 * 28);
});
