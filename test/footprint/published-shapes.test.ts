import { expect, it } from 'vitest';
import { findPublishedShape } from '../../src/footprint/published-shapes.ts';
import { fullLanguage, fullProjector } from '../../tools/synthetic-model.mjs';

it('has the shape of Qwen2-Audio 7B that synthetic models are written with', () => {
  const { language, audio } = findPublishedShape('qwen2audio')!;
  const { vocab, ...decoder } = fullLanguage;
  expect(language).toMatchObject({ ...decoder, vocabulary: vocab });
  const { projection, ...encoder } = fullProjector;
  expect(audio).toMatchObject(encoder);
  expect(language.hidden).toBe(projection);
});

it('has none of another model', () => {
  expect(findPublishedShape('another')).toBeUndefined();
  expect(findPublishedShape('constructor')).toBeUndefined();
});
