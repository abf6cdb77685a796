/**
 * A handle that was used before answers as a fresh one, with every runtime: the likeliest text of a prompt depends on the prompt
 * alone. Orders of texts are drawn at random, the same in each run.
 */
import { expect, test } from 'vitest';
import type { GenerateResult, RuntimeGenerate, RuntimeModel } from '../../src/sdk/runtime.ts';
import { createRandom } from '../../tools/random.mjs';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { TINY } from '../support/tiny-models.ts';
import { describeRuntimes, generate, useRuntime } from './runtime-rows.ts';

const CONTEXT_SIZE = 256;
/** Pairs that the model writes as two tokens, and the tokenizer reads as one. */
const MERGES = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).map(
  (letter) => `${letter} ${letter}`,
);
const WORDS = ['sun', 'Moon', 'river', '7', '?', 'tree house', 'stone'];

describeRuntimes((row) => {
  const subject = useRuntime(row);
  const greedy = { raw: true, temperature: 0, maxTokens: 12 };

  function write(name: string, shape: object): string {
    const modelPath = subject.files.path(name);
    writeLanguageModel(modelPath, { ...TINY, quantization: 'F32', ...shape });
    return modelPath;
  }

  const ask = (model: RuntimeModel, request: Partial<RuntimeGenerate>): Promise<Outcome> =>
    generate(model, { ...greedy, ...request }).then(readOutcome, (error) => ({ code: error.code }));

  /** Loads a second model beside the first one, which is fresh for every question. */
  const askFresh = (modelPath: string, request: Partial<RuntimeGenerate>): Promise<Outcome> =>
    subject.withModel({ modelPath, contextSize: CONTEXT_SIZE }, (model) => ask(model, request));

  test.each([
    ['whose texts are read as they were written', 'plain.gguf', {}],
    ['whose texts are read in other tokens than they were written', 'merges.gguf', { merges: MERGES }],
    ['that ends its texts', 'ends.gguf', { endToken: 40 }],
  ])('a handle on a model %s answers as a fresh one', async (_what, name, shape) => {
    const modelPath = write(name, shape);
    const random = createRandom(name.length);
    const draw = (most: number) => Math.floor(random() * most);
    const words = () => Array.from({ length: 2 + draw(6) }, () => WORDS[draw(WORDS.length)]).join(' ');
    const fresh = new Map<string, Outcome>();
    await subject.withModel({ modelPath, contextSize: CONTEXT_SIZE }, async (model) => {
      let last = { prompt: words(), text: '' };
      for (let round = 0; round < 40; round++) {
        const prompt = [
          last.prompt, // the same
          last.prompt.slice(0, 1 + draw(last.prompt.length)), // its beginning
          words(), // another one
          `${last.prompt}${last.text} ${words()}`, // the conversation goes on
          `${last.prompt}${last.text}<|im_end|>${words()}`,
          'x'.repeat(CONTEXT_SIZE - 4), // the context becomes full
          'x'.repeat(CONTEXT_SIZE + 40), // it doesn't fit
        ][draw(7)]!;
        const told = JSON.stringify(prompt);
        fresh.set(prompt, fresh.get(prompt) ?? (await askFresh(modelPath, { prompt })));
        expect(await ask(model, { prompt }), `round ${round}: ${told}`).toEqual(fresh.get(prompt));
        const text = fresh.get(prompt)?.text ?? '';
        last = prompt.length < 150 ? { prompt, text } : { prompt: words(), text: '' };
        if (draw(4) === 0)
          await stopAt(model, { ...greedy, prompt: draw(2) && prompt.length < 150 ? prompt : words(), maxTokens: 100 });
        if (draw(4) === 0 && text.length > 4) await ask(model, { prompt, stop: [text.slice(2, 4)] });
      }
    });
  });

  test('a growing conversation is not read again', async () => {
    const modelPath = write('chat.gguf', {});
    await subject.withModel({ modelPath, contextSize: 1024 }, async (model) => {
      const messages = [{ role: 'user', parts: [{ type: 'text' as const, text: 'x'.repeat(200) }] }];
      for (let turn = 0; turn < 4; turn++) {
        const asked = { prompt: '', raw: false, messages: [...messages] };
        const result = await generate(model, { ...greedy, ...asked });
        const again = await subject.withModel({ modelPath, contextSize: 1024 }, (other) =>
          generate(other, { ...greedy, ...asked }),
        );
        expect(result).toMatchObject({ text: again.text, promptTokens: again.promptTokens });
        // One version must be seen to tell when it drops something, which takes one turn.
        if (row.name === 'nexa' && turn > 1) expect(result.promptTokens - result.cachedPromptTokens!).toBeLessThan(60);
        messages.push({ role: 'assistant', parts: [{ type: 'text', text: result.text }] });
        messages.push({ role: 'user', parts: [{ type: 'text', text: `more ${turn}` }] });
      }
    });
  });

  test.runIf(row.keepsKvCache)('a KV cache from a file takes the whole prompt', async () => {
    const modelPath = write('cache.gguf', {});
    const path = subject.files.path('answers.kv');
    const begin = `<|im_start|>${'x'.repeat(100)}`;
    await subject.withModel({ modelPath, contextSize: CONTEXT_SIZE }, async (model) => {
      const { text } = await ask(model, { prompt: begin });
      await model.saveKvCache?.(path);
      for (const prompt of [`${begin}${text}<|im_end|>and now?`, `${begin}${text} and now?`, begin, 'another one']) {
        const cut = await askFresh(modelPath, { prompt });
        for (const before of [undefined, 'something else', begin]) {
          if (before !== undefined) await ask(model, { prompt: before });
          await model.loadKvCache?.(path);
          const result = await generate(model, { ...greedy, prompt });
          expect(readOutcome(result), `${prompt} after ${before}`).toEqual(cut);
          // Only where a special token follows, its own tokens are surely those of the whole prompt.
          expect((result.cachedPromptTokens ?? 0) > 100, prompt).toBe(prompt.includes('<|im_end|>'));
        }
      }
    });
  });

  test('a prompt that is too long is shortened only if that is asked for, and it is said', async () => {
    const modelPath = write('long.gguf', {});
    await subject.withModel({ modelPath, contextSize: CONTEXT_SIZE }, async (model) => {
      const prompt = 'x'.repeat(300);
      expect(await ask(model, { prompt })).toEqual({ code: 'ERR_CONTEXT_FULL' });
      const result = await generate(model, { ...greedy, prompt, truncate: true });
      expect(result).toMatchObject({ truncated: true, finishReason: 'length' });
      const short = await generate(model, { ...greedy, prompt: 'x', truncate: true });
      expect(readOutcome(short)).toEqual(await askFresh(modelPath, { prompt: 'x' }));
      expect(short.truncated).toBe(false);
    });
  });
});

/** What must not depend on what was asked before. */
type Outcome = Partial<Pick<GenerateResult, 'text' | 'finishReason' | 'promptTokens'>> & {
  readonly code?: string;
};

function readOutcome({ text, finishReason, promptTokens }: GenerateResult): Outcome {
  return { text, finishReason, promptTokens };
}

/** Stops a text at its third piece. */
async function stopAt(model: RuntimeModel, request: Partial<RuntimeGenerate>): Promise<void> {
  let pieces = 0;
  await generate(model, request, () => {
    if (++pieces === 3) model.stop();
  });
}
