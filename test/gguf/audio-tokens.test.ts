import { expect, test } from 'vitest';
import { countHeldSeconds } from '../../src/gguf/audio-tokens.ts';

test.each([
  [{ 'clip.projector_type': 'qwen2a' }, 2048, 81 + 30],
  [{ 'clip.projector_type': 'qwen2a' }, 1_000_000, 40_000 + 30],
  [{ 'clip.projector_type': 'voxtral', 'clip.audio.projector.stack_factor': 4 }, 2048, 327 + 30],
  [{ 'clip.projector_type': 'unheard-of' }, 2048, 341 + 30],
])('with %j a context of %d tokens holds %d s and a window', (metadata, contextSize, seconds) => {
  expect(countHeldSeconds({ metadata: new Map<string, string | number>(Object.entries(metadata)) }, contextSize)).toBe(
    seconds,
  );
});
