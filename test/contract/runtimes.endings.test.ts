/** Why and where a text ends, with every runtime, and that the next one works. */
import { expect, test } from 'vitest';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { TINY } from '../support/tiny-models.ts';
import { describeRuntimes, generate, useRuntime } from './runtime-rows.ts';

describeRuntimes((row) => {
  const subject = useRuntime(row);

  test('ends where the model ends', async () => {
    const greedy = { temperature: 0, maxTokens: 3 };
    const first = await subject.withModel({ modelPath: subject.files.model('F32') }, (model) =>
      generate(model, greedy),
    );
    const modelPath = subject.files.path('ends.gguf');
    // Tokens 0 to 93 are the printable characters from ! on.
    writeLanguageModel(modelPath, { ...TINY, quantization: 'F32', endToken: first.text.charCodeAt(1) - 33 });
    await subject.withModel({ modelPath }, async (model) => {
      expect(await generate(model, greedy)).toMatchObject({ text: first.text[0], finishReason: 'end' });
    });
  });

  test('ends before a stop text and hands on what was held back for it', async () => {
    await subject.withModel({}, async (model) => {
      const whole = await generate(model, { maxTokens: 12 });
      const stop = whole.text.slice(4, 6);
      const pieces: string[] = [];
      const stopped = await generate(model, { maxTokens: 12, stop: [stop] }, (text) => pieces.push(text));
      expect(stopped).toMatchObject({ finishReason: 'stop', text: whole.text.slice(0, whole.text.indexOf(stop)) });
      expect(pieces.join('')).toBe(stopped.text);
      // The last character could begin a stop text that never comes.
      const held = await generate(model, { maxTokens: 12, stop: [`${whole.text.at(-1)}never`] });
      expect(held).toMatchObject({ finishReason: 'length', text: whole.text });
    });
  });

  test('ends where the context is full', async () => {
    await subject.withModel({ contextSize: 256 }, async (model) => {
      const result = await generate(model, { maxTokens: 1000 });
      expect(result.finishReason).toBe('context');
      expect(result.promptTokens + result.generatedTokens).toBeGreaterThanOrEqual(255);
    });
  });

  test('stops at the next token, and works after that', async () => {
    await subject.withModel({}, async (model) => {
      let pieces = 0;
      const stopped = await generate(model, { maxTokens: 2000 }, () => {
        pieces += 1;
        if (pieces === 3) model.stop();
      });
      expect(stopped.finishReason).toBe('stopped');
      expect(stopped.generatedTokens).toBeLessThan(1500);
      expect(await generate(model)).toMatchObject({ finishReason: 'length', generatedTokens: 5 });
    });
  });

  test('stops before it has begun, and nothing when nothing runs', async () => {
    await subject.withModel({}, async (model) => {
      model.stop();
      const early = generate(model, { maxTokens: 2000 });
      model.stop();
      expect(await early).toMatchObject({ finishReason: 'stopped', text: '', generatedTokens: 0 });
      expect(await generate(model)).toMatchObject({ finishReason: 'length' });
    });
  });

  test('refuses a prompt that is longer than the context, and works after that', async () => {
    await subject.withModel({ contextSize: 256, projectorPath: subject.files.projector }, async (model) => {
      await expect(generate(model, { prompt: 'x'.repeat(300) })).rejects.toMatchObject({
        code: 'ERR_CONTEXT_FULL',
        message: expect.stringMatching(
          / context .*256.*; shorten it.* or load the model with a larger `contextSize`\.$/,
        ),
      });
      await expect(generate(model, { audioPaths: [subject.files.tone] })).rejects.toMatchObject({
        code: 'ERR_CONTEXT_FULL',
        message: expect.stringMatching(/ context .*256.*; shorten it or load the model with a larger `contextSize`\.$/),
      });
      expect(await generate(model)).toMatchObject({ finishReason: 'length', generatedTokens: 5 });
    });
  });

  test('takes every prompt that the context can hold', async () => {
    await subject.withModel({ contextSize: 256 }, async (model) => {
      const { promptTokens } = await generate(model, { prompt: 'x' });
      const longest = 'x'.repeat(256 - promptTokens);
      // Some give a single token where the prompt fills the context to its last place.
      await expect(generate(model, { prompt: `${longest}xx` })).rejects.toMatchObject({ code: 'ERR_CONTEXT_FULL' });
      const result = await generate(model, { prompt: longest });
      expect(result).toMatchObject({ promptTokens: 255, finishReason: 'context' });
      expect(await generate(model)).toMatchObject({ finishReason: 'length' });
    });
  });
});
