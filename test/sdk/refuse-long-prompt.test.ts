/** Prompts that can't fit, on the header of a real file. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cutPrompt, isSuspect, refuseLongPrompt } from '../../src/sdk/refuse-long-prompt.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

describe('a prompt', () => {
  let files: TinyModels;
  beforeAll(() => {
    files = makeTinyModels();
  });
  afterAll(() => files.remove());
  const refuse = (text: string, hasMedia = false) =>
    refuseLongPrompt(text, { modelPath: files.model(), contextSize: 256, hasMedia });

  it('that takes more tokens than the context has is refused, of letters and of blanks', async () => {
    const error = {
      code: 'ERR_CONTEXT_FULL',
      message: expect.stringMatching(/at least \d+ tokens, but the context has 256/),
    };
    await expect(refuse('x'.repeat(300))).rejects.toMatchObject(error);
    await expect(refuse(' '.repeat(256 * 256 + 1))).rejects.toMatchObject(error);
    await expect(refuse('x'.repeat(300), true)).rejects.toMatchObject({
      message: expect.stringContaining('with its media'),
    });
  });

  it('that may fit is left to the tokenizer', async () => {
    await refuse('x'.repeat(200));
    await refuse(' '.repeat(256 * 256));
  });

  it('is looked at only if it is longer than ordinary text that fits', () => {
    expect([isSuspect(1024, 256), isSuspect(1025, 256)]).toEqual([false, true]);
  });

  it('whose start may be dropped keeps all that can be in the context', () => {
    expect(cutPrompt('short', 256)).toBe('short');
    expect(cutPrompt(`${'a'.repeat(100)}${'b'.repeat(256 * 256)}`, 256)).toBe('b'.repeat(256 * 256));
  });
});
