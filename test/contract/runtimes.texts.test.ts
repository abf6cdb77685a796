/** What every runtime makes of a prompt: text in pieces, audio, conversations, sampling. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TINY_QUANTIZATIONS } from '../support/tiny-models.ts';
import { describeRuntimes, generate, useRuntime } from './runtime-rows.ts';

describeRuntimes((row) => {
  const subject = useRuntime(row);

  test.each(TINY_QUANTIZATIONS)('hears a WAV in %s and answers in pieces', async (quantization) => {
    const request = { modelPath: subject.files.model(quantization), projectorPath: subject.files.projector };
    await subject.withModel(request, async (model) => {
      expect(model.capabilities).toEqual({ audio: true, vision: false });
      // The default context has 2048 tokens, of which a second takes 25, and one window of 30 s more.
      expect(model.longestAudioSeconds).toBe(111);
      const pieces: string[] = [];
      const result = await generate(model, { audioPaths: [subject.files.tone], maxTokens: 300 }, (text) =>
        pieces.push(text),
      );
      expect(pieces.length).toBeGreaterThan(1);
      expect(pieces.join('')).toBe(result.text);
      expect(result).toMatchObject({ finishReason: 'length', generatedTokens: 300 });
      expect(result.text).toMatch(/^[\x21-\x7e]{300}$/);
      expect(result.promptTokens).toBeGreaterThan(700);
      expect(result.firstTextMs).toBeGreaterThan(0);
      expect(result.totalMs).toBeGreaterThanOrEqual(result.firstTextMs ?? Number.NaN);
    });
  });

  test.runIf(row.drawsWithProjector)('hears the audio: another sound gives another text', async () => {
    const request = { modelPath: subject.files.model('F32'), projectorPath: subject.files.projector };
    await subject.withModel(request, async (model) => {
      const other = subject.files.path('silence.wav');
      const silence = readFileSync(subject.files.tone);
      writeFileSync(other, silence.fill(0, 44));
      const lively = { temperature: 2, maxTokens: 60, seed: 1 };
      const tone = await generate(model, { ...lively, audioPaths: [subject.files.tone] });
      const again = await generate(model, { ...lively, audioPaths: [subject.files.tone] });
      const quiet = await generate(model, { ...lively, audioPaths: [other] });
      expect(again.text).toBe(tone.text);
      expect(quiet.text).not.toBe(tone.text);
    });
  });

  test('hears nothing without a projector', async () => {
    await subject.withModel({}, async (model) => expect(model.capabilities).toEqual({ audio: false, vision: false }));
  });

  test('gives the same text for the same seed and another for another one', async () => {
    await subject.withModel({ modelPath: subject.files.model('F32') }, async (model) => {
      const texts: string[] = [];
      for (const seed of [7, 8, 7]) texts.push((await generate(model, { seed, maxTokens: 20 })).text);
      expect(texts[2]).toBe(texts[0]);
      expect(texts[1]).not.toBe(texts[0]);
    });
  });

  test('always takes the likeliest token at temperature 0', async () => {
    await subject.withModel({ modelPath: subject.files.model('F32') }, async (model) => {
      const [first, second] = [
        await generate(model, { temperature: 0, seed: 1, maxTokens: 12 }),
        await generate(model, { temperature: 0, seed: 2, maxTokens: 12 }),
      ];
      expect(second.text).toBe(first.text);
    });
  });

  test.runIf(row.drawsWithProjector)('takes the likeliest token with a projector too', async () => {
    const request = { modelPath: subject.files.model('F32'), projectorPath: subject.files.projector };
    await subject.withModel(request, async (model) => {
      const greedy = { temperature: 0, maxTokens: 12 };
      const first = await generate(model, { ...greedy, seed: 1 });
      await model.reset();
      expect((await generate(model, { ...greedy, seed: 2 })).text).toBe(first.text);
    });
  });

  test.runIf(row.followsGrammar)('follows a grammar', async () => {
    await subject.withModel({ modelPath: subject.files.model('F32') }, async (model) => {
      const { text } = await generate(model, { grammar: 'root ::= [ab]+', maxTokens: 12 });
      // Wherever it may end, it may end.
      expect(text).toMatch(/^[ab]{1,12}$/);
    });
  });

  test('keeps a KV cache in a file, or says that it cannot', async () => {
    await subject.withModel({ modelPath: subject.files.model('F32') }, async (model) => {
      expect([model.saveKvCache !== undefined, model.loadKvCache !== undefined]).toEqual([
        row.keepsKvCache,
        row.keepsKvCache,
      ]);
      if (!row.keepsKvCache) return;
      const path = subject.files.path('kv-cache');
      await generate(model);
      await model.saveKvCache?.(path);
      await model.reset();
      await model.loadKvCache?.(path);
      expect(await generate(model)).toMatchObject({ finishReason: 'length', generatedTokens: 5 });
    });
  });

  test('survives audio that it cannot decode', async () => {
    await subject.withModel({ projectorPath: subject.files.projector }, async (model) => {
      const path = subject.files.path('broken.mp3');
      writeFileSync(path, Buffer.concat([Buffer.from('ID3'), Buffer.alloc(500, 7)]));
      await expect(generate(model, { audioPaths: [path] })).rejects.toMatchObject({
        code: 'ERR_RUNTIME',
        cause: expect.any(Object),
      });
      expect(await generate(model)).toMatchObject({ finishReason: 'length' });
    });
  });

  test('refuses the mark that stands for audio in a prompt with audio', async () => {
    await subject.withModel({ projectorPath: subject.files.projector }, async (model) => {
      const prompt = 'What is <__media__>?';
      await expect(generate(model, { prompt, audioPaths: [subject.files.tone] })).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringContaining('<__media__>'),
      });
      expect(await generate(model)).toMatchObject({ finishReason: 'length' });
    });
  });

  test('takes a conversation, and forgets it', async () => {
    await subject.withModel({ modelPath: subject.files.model('F32') }, async (model) => {
      const messages = (question: string) => [
        { role: 'system', parts: [{ type: 'text', text: 'Be brief.' } as const] },
        { role: 'user', parts: [{ type: 'text', text: question } as const] },
      ];
      const ask = (question: string) => generate(model, { prompt: '', messages: messages(question), maxTokens: 12 });
      const one = await ask('One?');
      const two = await ask('Two?');
      await model.reset();
      expect((await ask('One?')).text).toBe(one.text);
      expect(two.text).not.toBe(one.text);
      const formatted = await model.format(messages('One?'), {});
      expect(formatted).toMatch(/Be brief\..*One\?.*assistant/s);
      const raw = await generate(model, { prompt: formatted, raw: true, maxTokens: 12 });
      expect(raw.text).toBe(one.text);
    });
  });

  test('hears audio in the middle of a conversation', async () => {
    const request = { modelPath: subject.files.model('F32'), projectorPath: subject.files.projector };
    await subject.withModel(request, async (model) => {
      const parts = [{ type: 'audio', path: subject.files.tone } as const, { type: 'text', text: 'And now?' } as const];
      const messages = [{ role: 'user', parts }];
      const result = await generate(model, { prompt: '', messages, audioPaths: [subject.files.tone] });
      expect(result).toMatchObject({ finishReason: 'length', generatedTokens: 5 });
      expect(result.promptTokens).toBeGreaterThan(700);
    });
  });

  test('draws as it is told', async () => {
    await subject.withModel({ modelPath: subject.files.model('F32') }, async (model) => {
      const drawing = { minP: 0.2, repetitionPenalty: 1.2, presencePenalty: 0.3, frequencyPenalty: -0.3, topK: 20 };
      const [one, again] = [await generate(model, drawing), await generate(model, drawing)];
      expect(again.text).toBe(one.text);
    });
  });

  test("puts the caller's chat template in place of the model's", async () => {
    const chatTemplate = '{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}';
    await subject.withModel({ chatTemplate }, async (model) => {
      const messages = [{ role: 'user', parts: [{ type: 'text', text: 'Hi' } as const] }];
      expect(await model.format(messages, {})).not.toContain('<|im_start|>');
    });
  });

  test('tells the times that the engine measured', async () => {
    await subject.withModel({}, async (model) => {
      const { profile } = await generate(model);
      expect(profile?.promptMs).toBeGreaterThanOrEqual(0);
      expect(profile?.decodeMs).toBeGreaterThan(0);
      expect(profile?.tokensPerSecond).toBeGreaterThan(0);
    });
  });
});
