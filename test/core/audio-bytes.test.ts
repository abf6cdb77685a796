import { describe, expect, test } from 'vitest';
import {
  countAudioBytes,
  DEFAULT_AUDIO_SECONDS,
  MAX_AUDIO_FILE_BYTES,
  MAX_AUDIO_SECONDS,
} from '../../src/core/audio-bytes.ts';
import { MiB } from '../../src/core/bytes.ts';

describe('what a sound takes', () => {
  // Measured above the loaded model with both generations of the SDK's library.
  test.each([
    [60, 60 * 32_000, 13],
    [111, 111 * 32_000, 24],
    [MAX_AUDIO_SECONDS, MAX_AUDIO_SECONDS * 32_000, 618],
    [MAX_AUDIO_SECONDS, MAX_AUDIO_FILE_BYTES, 696],
  ])('of %d s in %d bytes is no less than was measured, and hardly more', (seconds, fileBytes, measuredMiB) => {
    const bytes = countAudioBytes(seconds, fileBytes);
    expect(bytes).toBeGreaterThanOrEqual(measuredMiB * MiB);
    expect(bytes).toBeLessThan(measuredMiB * 1.3 * MiB);
  });

  test('is within the documented bytes if nobody says how long it may be', () => {
    expect(countAudioBytes(DEFAULT_AUDIO_SECONDS)).toBeLessThan(100 * MiB);
  });

  test('of no length is nothing, and a file that is not known is as a CD has it', () => {
    expect(countAudioBytes(0)).toBe(0);
    expect(countAudioBytes(10)).toBe(countAudioBytes(10, 1_764_000));
    expect(countAudioBytes(MAX_AUDIO_SECONDS)).toBe(countAudioBytes(MAX_AUDIO_SECONDS, MAX_AUDIO_FILE_BYTES));
  });
});
