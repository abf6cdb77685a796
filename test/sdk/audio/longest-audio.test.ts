import { describe, expect, test } from 'vitest';
import type { GgufFile } from '../../../src/gguf/read-gguf.ts';
import { getLongestAudio, limitAudio, refuseLongAudio } from '../../../src/sdk/audio/longest-audio.ts';

const projector = (metadata: Record<string, string | number>) =>
  ({ metadata: new Map(Object.entries(metadata)) }) as unknown as GgufFile;

describe('the longest sound', () => {
  test.each([
    [{ 'clip.projector_type': 'qwen2a' }, 2048, 81 + 30],
    [{ 'clip.audio.projector_type': 'qwen2a', 'clip.projector_type': 'other' }, 8192, 327 + 30],
    [{ 'clip.projector_type': 'voxtral', 'clip.audio.projector.stack_factor': 4 }, 2048, 327 + 30],
    [{ 'clip.projector_type': 'ultravox', 'clip.audio.projector.stack_factor': 8 }, 2048, 327 + 30],
    [{ 'clip.projector_type': 'ultravox' }, 2048, 341 + 30],
    [{ 'clip.projector_type': 'lfm2a' }, 2048, 163 + 30],
    [{ 'clip.projector_type': 'unheard-of' }, 2048, 341 + 30],
    [{}, 2048, 341 + 30],
    [{ 'clip.projector_type': 'qwen2a' }, 1_000_000, 3600],
    [{ 'clip.projector_type': 'ultravox', 'clip.audio.projector.stack_factor': 1e9 }, 2048, 3600],
    [{ 'clip.projector_type': 'ultravox', 'clip.audio.projector.stack_factor': 0 }, 2048, 341 + 30],
  ])('of %j in a context of %d tokens has %d s', (metadata, contextSize, seconds) => {
    expect(getLongestAudio(projector(metadata), contextSize)).toBe(seconds);
  });

  test('has none without a projector', () => {
    expect(getLongestAudio(undefined, 2048)).toBe(0);
  });
});

describe('sounds of one text', () => {
  test('may last as long together as the model takes', () => {
    expect(() => refuseLongAudio([40, 41, 30], limitAudio(111))).not.toThrow();
    expect(() => refuseLongAudio([], limitAudio(0))).not.toThrow();
    expect(() => refuseLongAudio([3600])).not.toThrow();
  });

  test('are refused beyond it, with what helps', () => {
    expect(() => refuseLongAudio([40, 41, 30.2], limitAudio(111))).toThrow(
      'Expected `audio` to last 111 s at most in one text, got 112 s; load the model with a larger `contextSize`, or cut it.',
    );
    expect(() => refuseLongAudio([61], limitAudio(111, 60))).toThrow(
      'Expected `audio` to last 60 s at most in one text, got 61 s; load the model with a larger `maxAudioSeconds`, or cut it.',
    );
    expect(() => refuseLongAudio([1, 3600])).toThrow(
      'Expected `audio` to last 3600 s at most in one text, got 3601 s; cut it.',
    );
  });
});
