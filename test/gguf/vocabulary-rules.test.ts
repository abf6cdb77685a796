import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GgufFile, readGguf } from '../../src/gguf/read-gguf.ts';
import { readVocabulary } from '../../src/gguf/vocabulary.ts';
import { refuseUnsoundTokens, refuseUnsoundVocabulary } from '../../src/gguf/vocabulary-rules.ts';
import { editHeader, type KeyEdits } from '../support/edit-header.ts';
import { writeGguf } from '../support/gguf-writer.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
let model: GgufFile;
beforeAll(async () => {
  files = makeTinyModels();
  model = await readGguf(files.model());
});
afterAll(() => files.remove());

test('the vocabulary of a sound model passes', async () => {
  expect(() => refuseUnsoundVocabulary(model)).not.toThrow();
  const vocabulary = (await readVocabulary(model))!;
  expect(() => refuseUnsoundTokens(model, vocabulary)).not.toThrow();
});

describe('a vocabulary', () => {
  test.each<[string, KeyEdits, string]>([
    [
      'a model that is no text',
      { 'tokenizer.ggml.model': ['u32', 1] },
      'a value of type string in tokenizer.ggml.model',
    ],
    ['tokens that are numbers', { 'tokenizer.ggml.tokens': ['u32[]', [1]] }, 'elements of type string[]'],
    ['fewer tokens than special ones', { 'tokenizer.ggml.tokens': ['string[]', ['a']] }, 'at least 12 elements'],
    [
      'no token',
      { 'tokenizer.ggml.model': ['string', 'none'], 'tokenizer.ggml.tokens': ['string[]', []] },
      'at least 1 elements',
    ],
    ['types as texts', { 'tokenizer.ggml.token_type': ['string[]', ['a']] }, 'of type i32[] or u32[]'],
    ['scores as texts', { 'tokenizer.ggml.scores': ['string[]', ['a']] }, 'of type f32[]'],
    ['merges as numbers', { 'tokenizer.ggml.merges': ['u32[]', [1]] }, 'of type string[]'],
    ['a map of 32 bits', { 'tokenizer.ggml.precompiled_charsmap': ['u32[]', [1]] }, 'of type i8[] or u8[]'],
    [
      'more tokens than any has',
      { 'tokenizer.ggml.tokens': ['string[]', { length: 3_000_000, elementType: 'string', offset: 0 }] },
      'at most 2097152 tokens in tokenizer.ggml.tokens, found 3000000',
    ],
  ])('with %s is refused', (_what, keys, sentence) => {
    expect(() => refuseUnsoundVocabulary(editHeader(model, keys))).toThrow(sentence);
  });

  test.each([
    [
      'a token twice',
      ['ab', 'c', 'ab'],
      "have each token once in tokenizer.ggml.tokens, found 'ab' twice, the second time as 2",
    ],
    ['a token that is another one up to its NUL', ['ab', 'ab\0c'], 'twice, the second time as 1'],
    ['only empty tokens', ['', ''], 'have a token in tokenizer.ggml.tokens, found 2 empty ones'],
  ])('with %s is refused', async (_what, tokens, sentence) => {
    const filled = [...tokens, ...Array.from({ length: tokens[0] === '' ? 0 : 100 }, (_, index) => `t${index}`)];
    const path = files.path('tokens.gguf');
    const entries = [
      ['general.architecture', 'string', 'qwen2'],
      ['tokenizer.ggml.tokens', 'string[]', [...filled, ...(tokens[0] === '' ? Array(100).fill('') : [])]],
    ] as const;
    const file = await readGguf(writeGguf(path, { entries }));
    const vocabulary = (await readVocabulary(file))!;
    expect(() => refuseUnsoundTokens(file, vocabulary)).toThrow(sentence.replace('2 empty', '102 empty'));
  });

  test('with several empty tokens passes', async () => {
    const entries = [
      ['general.architecture', 'string', 'qwen2'],
      ['tokenizer.ggml.tokens', 'string[]', ['', 'a', '', ...Array.from({ length: 100 }, (_, index) => `t${index}`)]],
    ] as const;
    const file = await readGguf(writeGguf(files.path('empty.gguf'), { entries }));
    const vocabulary = (await readVocabulary(file))!;
    expect(() => refuseUnsoundTokens(file, vocabulary)).not.toThrow();
  });
});
