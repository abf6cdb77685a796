import { expect, test } from 'vitest';
import { countAudioBytes } from '../../src/core/audio-bytes.ts';
import { countSoundBytes } from '../../src/footprint/sound-bytes.ts';

const projector = (hears: boolean) => ({
  metadata: new Map<string, string | boolean>([
    ['clip.has_audio_encoder', hears],
    ['clip.projector_type', 'qwen2a'],
  ]),
});

test('the longest sound is what the context holds, and no longer than is allowed', () => {
  const count = (audioSeconds: number, contextSize: number) =>
    countSoundBytes(projector(true), { part: 'all', contextSize, audioSeconds });
  expect(count(3600, 2048)).toBe(countAudioBytes(111));
  expect(count(3600, 8192)).toBe(countAudioBytes(357));
  expect(count(60, 8192)).toBe(countAudioBytes(60));
});

test('what hears nothing, and a context by itself, takes nothing', () => {
  const load = { part: 'all', contextSize: 2048, audioSeconds: 60 };
  expect(countSoundBytes(projector(false), load)).toBe(0);
  expect(countSoundBytes(undefined, load)).toBe(0);
  expect(countSoundBytes(projector(true), { ...load, part: 'context' })).toBe(0);
  expect(countSoundBytes(projector(true), { part: 'all', contextSize: 2048 })).toBe(0);
});
