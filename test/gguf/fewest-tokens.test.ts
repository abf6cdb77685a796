import { describe, expect, it } from 'vitest';
import { countFewestTokens } from '../../src/gguf/fewest-tokens.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import type { Vocabulary } from '../../src/gguf/vocabulary.ts';
import { readVocabulary } from '../../src/gguf/vocabulary.ts';
import { findEngine } from '../../src/sdk/llama/llama-engine.ts';
import { createRandom } from '../../tools/random.mjs';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { makeTinyModels, TINY } from '../support/tiny-models.ts';

function vocabularyOf(...tokens: string[]): Vocabulary {
  return {
    size: tokens.length,
    token: (id) => Buffer.from(tokens[id]!),
    listSpecialTokens: () => [],
    findRepeatedToken: () => undefined,
  };
}

describe('the fewest tokens of a text', () => {
  it.each([
    ['', 0],
    ['ab', 1],
    ['abab', 1],
    ['ababab', 2],
    ['abcab', 3],
    ['xyz', 3],
    ['ab ab', 2],
    [' \n\t ', 0],
  ])('%j takes %i of ab, abab and c', (text, fewest) => {
    expect(countFewestTokens(text, vocabularyOf('ab', 'abab', 'c'), 100)).toBe(fewest);
  });

  it('are not those of the longest first', () => {
    expect(countFewestTokens('abcde', vocabularyOf('abc', 'ab', 'cde', 'd', 'e'), 100)).toBe(2);
  });

  it('count bytes behind the letters of a byte-level vocabulary, and the mark of a space', () => {
    expect(countFewestTokens(' häuser', vocabularyOf('ĠhÃ¤user'), 100)).toBe(1);
    expect(countFewestTokens(' häuser', vocabularyOf('▁häuser'), 100)).toBe(1);
    expect(countFewestTokens('日本', vocabularyOf('æĹ¥'), 100)).toBe(4);
  });

  it('are found in a vocabulary of thousands of tokens, first and last', () => {
    const words = Array.from({ length: 5000 }, (_, id) => `w${id}w`);
    expect(countFewestTokens('w0ww4999ww2500w', vocabularyOf(...words), 100)).toBe(3);
    expect(countFewestTokens('w5000w', vocabularyOf(...words), 100)).toBe(6);
  });

  it('need not be counted to the end once they are too many', () => {
    const vocabulary = vocabularyOf('ab');
    let asked = 0;
    const text = 'ab'.repeat(5_000_000);
    const token = (id: number) => {
      asked++;
      return vocabulary.token(id);
    };
    const counted = countFewestTokens(text, { ...vocabulary, token }, 50);
    expect(counted).toBe(51);
    expect(asked).toBe(1);
  });

  it('are never more than an engine makes of the text', async () => {
    const files = makeTinyModels();
    const path = files.path('merges.gguf');
    const merges = ['a b', 'ab c', 'Ġ a', 'b c', 'x y'];
    writeLanguageModel(path, { ...TINY, merges, quantization: 'F32' });
    const { llama } = await findEngine();
    const context = await llama.loadModel({ model: path, n_ctx: 512, n_parallel: 1, ctx_shift: false });
    try {
      const vocabulary = (await readVocabulary(await readGguf(path)))!;
      const random = createRandom(7);
      for (let round = 0; round < 300; round++) {
        const letters = Array.from(
          { length: 40 },
          () => ['a', 'b', 'c', 'x', 'y', ' ', 'ab', 'é', '<|im_start|>'][Math.floor(random() * 9)],
        );
        const text = letters.join('');
        const { tokens } = await context.tokenize(text, { media_paths: [] });
        expect(countFewestTokens(text, vocabulary, 1000), text).toBeLessThanOrEqual(tokens.length);
      }
    } finally {
      await context.release();
      files.remove();
    }
  });
});
