import { truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { readsBosFirst, readVocabulary } from '../../src/gguf/vocabulary.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { makeTinyModels, TINY } from '../support/tiny-models.ts';

describe('a vocabulary', () => {
  it.each([300, 2000])('of %i tokens is read as it stands in the file', async (vocab) => {
    using files = disposable();
    const path = files.path('model.gguf');
    writeLanguageModel(path, { ...TINY, vocab, quantization: 'F32' });
    const vocabulary = await readVocabulary(await readGguf(path));
    expect(vocabulary?.size).toBe(vocab);
    expect(vocabulary?.token(0).toString()).toBe('!');
    expect(vocabulary?.token(257).toString()).toBe('<|im_start|>');
    expect(vocabulary?.token(vocab - 1).toString()).toBe(`t${vocab - 1}`);
    expect(vocabulary?.listSpecialTokens()).toEqual([
      '<|endoftext|>',
      '<|im_start|>',
      '<|im_end|>',
      '<|AUDIO|>',
      '<|audio_bos|>',
      '<|audio_eos|>',
    ]);
  });

  it.each([
    ['was cut', (path: string) => truncateSync(path, 3000)],
    ['has a token that is longer than the header', (path: string) => writeFileSync(path, Buffer.alloc(200_000, 0x7f))],
  ])('of a file that %s since its header was read is refused', async (_what, change) => {
    using files = disposable();
    const path = files.path('model.gguf');
    writeLanguageModel(path, { ...TINY, vocab: 600, quantization: 'F32' });
    const model = await readGguf(path);
    change(path);
    await expect(readVocabulary(model)).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringContaining('it has changed meanwhile'),
    });
  });

  it('is absent where the header has none', async () => {
    using files = disposable();
    expect(await readVocabulary(await readGguf(files.projector))).toBeUndefined();
  });
});

describe('whether a token stands before every prompt', () => {
  it.each([
    [{ 'tokenizer.ggml.add_bos_token': true }, true],
    [{ 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.add_bos_token': false }, false],
    [{ 'tokenizer.ggml.model': 'llama' }, true],
    [{ 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'qwen2' }, false],
    [{ 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'of tomorrow' }, undefined],
    [{ 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.add_bos_token': 1 }, undefined],
    [{}, undefined],
  ] as const)('is read from %j: %j', (header, expected) => {
    expect(readsBosFirst({ metadata: new Map(Object.entries(header)) })).toBe(expected);
  });
});

function disposable() {
  const files = makeTinyModels();
  return { ...files, [Symbol.dispose]: () => files.remove() };
}
