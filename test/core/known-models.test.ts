import { expect, it } from 'vitest';
import { isKnownModel, KNOWN_MODELS, QWEN2_AUDIO } from '../../src/core/known-models.ts';

it('a model is known by its exact name', () => {
  expect(KNOWN_MODELS).toEqual(['qwen2audio']);
  expect(isKnownModel(QWEN2_AUDIO)).toBe(true);
});

it('another name, or the same in other letters, is not known', () => {
  for (const name of ['Qwen2Audio', 'qwen2', 'qwen2audio.gguf', '']) expect(isKnownModel(name)).toBe(false);
});
