/**
 * The contract of a runtime: the embedded one on its real engine, the SDK's library on its test double in every layout.
 * Another runtime is one more row of `RUNTIMES`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAYOUTS } from '../../src/addon/nexa-binding.ts';
import { trimHeap } from '../../src/machine/release-memory.ts';
import { openLlamaRuntime } from '../../src/sdk/llama/llama-runtime.ts';
import { openNexaRuntime } from '../../src/sdk/nexa/nexa-runtime.ts';
import { readLoadOptions } from '../../src/sdk/read-sdk-options.ts';
import type { Runtime, RuntimeGenerate, RuntimeLoad, RuntimeModel } from '../../src/sdk/runtime.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { doubleLibrary } from '../support/nexa/libraries.ts';
import { makeTinyModels, TINY, TINY_QUANTIZATIONS, type TinyModels } from '../support/tiny-models.ts';

interface Row {
  readonly row: string;
  readonly name: Runtime['name'];
  readonly projector: 'F32' | 'F16';
  open(): Promise<Runtime>;
}

const RUNTIMES: readonly Row[] = [
  { row: 'llama', name: 'llama', projector: 'F32', open: () => openLlamaRuntime() },
  ...LAYOUTS.map((layout): Row => {
    const projector = layout === 'nexa-1.0' ? 'F16' : 'F32';
    const open = () => openNexaRuntime({ libraryPath: doubleLibrary(layout) });
    return { row: `nexa on the double of ${layout}`, name: 'nexa', projector, open };
  }),
];

const MiB = 2 ** 20;

describe.each(RUNTIMES)('the runtime $row', ({ name, projector, open }) => {
  let runtime: Runtime;
  let files: TinyModels;
  beforeAll(async () => {
    files = makeTinyModels({ projector });
    runtime = await open();
  });
  afterAll(async () => {
    await runtime.close();
    files.remove();
  });

  function load(request: Partial<RuntimeLoad> = {}): Promise<RuntimeModel> {
    return runtime.load({ ...readLoadOptions({}), modelPath: files.model(), ...request });
  }

  function generate(model: RuntimeModel, request: Partial<RuntimeGenerate> = {}, onText = (_text: string) => {}) {
    const whole = { prompt: 'What is said?', audioPaths: [], maxTokens: 5, stop: [], seed: 1, ...request };
    return model.generate(whole, onText);
  }

  async function withModel<T>(request: Partial<RuntimeLoad>, run: (model: RuntimeModel) => Promise<T>): Promise<T> {
    const model = await load(request);
    try {
      return await run(model);
    } finally {
      await model.dispose();
    }
  }

  test('says what it is', () => {
    expect(runtime.name).toBe(name);
    expect(runtime.version).toMatch(/\d/);
  });

  test.each(TINY_QUANTIZATIONS)('hears a WAV in %s and answers in pieces', async (quantization) => {
    const request = { modelPath: files.model(quantization), projectorPath: files.projector };
    await withModel(request, async (model) => {
      expect(model.capabilities).toEqual({ audio: true, vision: false });
      const pieces: string[] = [];
      const result = await generate(model, { audioPaths: [files.tone], maxTokens: 300 }, (text) => pieces.push(text));
      expect(pieces.length).toBeGreaterThan(1);
      expect(pieces.join('')).toBe(result.text);
      expect(result).toMatchObject({ finishReason: 'length', generatedTokens: 300 });
      expect(result.text).toMatch(/^[\x21-\x7e]{300}$/);
      expect(result.promptTokens).toBeGreaterThan(1000);
      expect(result.firstTextMs).toBeGreaterThan(0);
      expect(result.totalMs).toBeGreaterThanOrEqual(result.firstTextMs ?? Number.NaN);
    });
  });

  test('hears the audio: another sound gives another text', async () => {
    const request = { modelPath: files.model('F32'), projectorPath: files.projector };
    await withModel(request, async (model) => {
      const other = files.path('silence.wav');
      const silence = readFileSync(files.tone);
      writeFileSync(other, silence.fill(0, 44));
      const lively = { temperature: 2, maxTokens: 60 };
      const tone = await generate(model, { ...lively, audioPaths: [files.tone] });
      const again = await generate(model, { ...lively, audioPaths: [files.tone] });
      const quiet = await generate(model, { ...lively, audioPaths: [other] });
      expect(again.text).toBe(tone.text);
      expect(quiet.text).not.toBe(tone.text);
    });
  });

  test('hears nothing without a projector', async () => {
    await withModel({}, async (model) => expect(model.capabilities).toEqual({ audio: false, vision: false }));
  });

  test('gives the same text for the same seed and another for another one', async () => {
    await withModel({ modelPath: files.model('F32') }, async (model) => {
      const texts: string[] = [];
      for (const seed of [7, 8, 7]) texts.push((await generate(model, { seed, maxTokens: 20 })).text);
      expect(texts[2]).toBe(texts[0]);
      expect(texts[1]).not.toBe(texts[0]);
    });
  });

  test('always takes the likeliest token at temperature 0', async () => {
    await withModel({ modelPath: files.model('F32') }, async (model) => {
      const [first, second] = [
        await generate(model, { temperature: 0, seed: 1, maxTokens: 12 }),
        await generate(model, { temperature: 0, seed: 2, maxTokens: 12 }),
      ];
      expect(second.text).toBe(first.text);
    });
  });

  test('ends where the model ends', async () => {
    const greedy = { temperature: 0, maxTokens: 3 };
    const first = await withModel({ modelPath: files.model('F32') }, (model) => generate(model, greedy));
    const modelPath = files.path('ends.gguf');
    // Tokens 0 to 93 are the printable characters from ! on.
    writeLanguageModel(modelPath, { ...TINY, quantization: 'F32', endToken: first.text.charCodeAt(1) - 33 });
    await withModel({ modelPath }, async (model) => {
      expect(await generate(model, greedy)).toMatchObject({ text: first.text[0], finishReason: 'end' });
    });
  });

  test('ends before a stop text and hands on what was held back for it', async () => {
    await withModel({}, async (model) => {
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
    await withModel({ contextSize: 256 }, async (model) => {
      const result = await generate(model, { maxTokens: 1000 });
      expect(result.finishReason).toBe('context');
      expect(result.promptTokens + result.generatedTokens).toBeGreaterThanOrEqual(255);
    });
  });

  test('stops at the next token, and works after that', async () => {
    await withModel({}, async (model) => {
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
    await withModel({}, async (model) => {
      model.stop();
      const early = generate(model, { maxTokens: 2000 });
      model.stop();
      expect(await early).toMatchObject({ finishReason: 'stopped', text: '', generatedTokens: 0 });
      expect(await generate(model)).toMatchObject({ finishReason: 'length' });
    });
  });

  test('refuses a prompt that is longer than the context, and works after that', async () => {
    await withModel({ contextSize: 256, projectorPath: files.projector }, async (model) => {
      await expect(generate(model, { prompt: 'x'.repeat(300) })).rejects.toMatchObject({
        code: 'ERR_RUNTIME',
        message: expect.stringMatching(/ context .*256.*; shorten it or load the model with a larger `contextSize`\.$/),
      });
      await expect(generate(model, { audioPaths: [files.tone] })).rejects.toMatchObject({
        code: 'ERR_RUNTIME',
        message: expect.stringMatching(/ context .*256.*; shorten it or load the model with a larger `contextSize`\.$/),
      });
      expect(await generate(model)).toMatchObject({ finishReason: 'length', generatedTokens: 5 });
    });
  });

  test('takes every prompt that the context can hold', async () => {
    await withModel({ contextSize: 256 }, async (model) => {
      const { promptTokens } = await generate(model, { prompt: 'x' });
      const longest = 'x'.repeat(256 - promptTokens);
      await expect(generate(model, { prompt: `${longest}x` })).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
      const result = await generate(model, { prompt: longest });
      expect(result).toMatchObject({ promptTokens: 255, finishReason: 'context' });
      expect(await generate(model)).toMatchObject({ finishReason: 'length' });
    });
  });

  test('survives audio that it cannot decode', async () => {
    await withModel({ projectorPath: files.projector }, async (model) => {
      const path = files.path('broken.mp3');
      writeFileSync(path, Buffer.concat([Buffer.from('ID3'), Buffer.alloc(500, 7)]));
      await expect(generate(model, { audioPaths: [path] })).rejects.toMatchObject({
        code: 'ERR_RUNTIME',
        cause: expect.any(Object),
      });
      expect(await generate(model)).toMatchObject({ finishReason: 'length' });
    });
  });

  test('refuses the mark that stands for audio in a prompt with audio', async () => {
    await withModel({ projectorPath: files.projector }, async (model) => {
      const prompt = 'What is <__media__>?';
      await expect(generate(model, { prompt, audioPaths: [files.tone] })).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringContaining('<__media__>'),
      });
      expect(await generate(model)).toMatchObject({ finishReason: 'length' });
    });
  });

  test('takes a conversation, and forgets it', async () => {
    await withModel({ modelPath: files.model('F32') }, async (model) => {
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
    const request = { modelPath: files.model('F32'), projectorPath: files.projector };
    await withModel(request, async (model) => {
      const parts = [{ type: 'audio', path: files.tone } as const, { type: 'text', text: 'And now?' } as const];
      const messages = [{ role: 'user', parts }];
      const result = await generate(model, { prompt: '', messages, audioPaths: [files.tone] });
      expect(result).toMatchObject({ finishReason: 'length', generatedTokens: 5 });
      expect(result.promptTokens).toBeGreaterThan(1000);
    });
  });

  test('draws as it is told', async () => {
    await withModel({ modelPath: files.model('F32') }, async (model) => {
      const drawing = { minP: 0.2, repetitionPenalty: 1.2, presencePenalty: 0.3, frequencyPenalty: -0.3, topK: 20 };
      const [one, again] = [await generate(model, drawing), await generate(model, drawing)];
      expect(again.text).toBe(one.text);
    });
  });

  test("puts the caller's chat template in place of the model's", async () => {
    const chatTemplate = '{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}';
    await withModel({ chatTemplate }, async (model) => {
      const messages = [{ role: 'user', parts: [{ type: 'text', text: 'Hi' } as const] }];
      expect(await model.format(messages, {})).not.toContain('<|im_start|>');
    });
  });

  test('tells the times that the engine measured', async () => {
    await withModel({}, async (model) => {
      const { profile } = await generate(model);
      expect(profile?.promptMs).toBeGreaterThanOrEqual(0);
      expect(profile?.decodeMs).toBeGreaterThan(0);
      expect(profile?.tokensPerSecond).toBeGreaterThan(0);
    });
  });

  test.each([
    ['one that is not there', () => ({ modelPath: files.path('gone.gguf') }), 'found no file there'],
    ['one that is cut off', () => ({ modelPath: cutOff() }), 'cut.gguf'],
    ['a projector as the model', () => ({ modelPath: files.projector }), 'to be a model, found a projector;'],
    [
      'a model as the projector',
      () => ({ projectorPath: files.model() }),
      'to be a projector, found a model of architecture "qwen2"; pass its mmproj file.',
    ],
    ['a projector that is not there', () => ({ projectorPath: files.path('gone.gguf') }), 'found no file there'],
    ['an unknown architecture', () => ({ modelPath: unknownArchitecture() }), "unknown model architecture: 'qwen9'"],
  ])('refuses %s and lives on', async (_what, request, sentence) => {
    await expect(load(request())).rejects.toMatchObject({
      name: 'MemoryGuardError',
      code: 'ERR_MODEL_FILE',
      message: expect.stringContaining(sentence),
    });
    await withModel({}, async (model) => expect(await generate(model)).toMatchObject({ generatedTokens: 5 }));
  });

  test('takes every shape that both offer', async () => {
    const shape = { batchSize: 64, microBatchSize: 32, threads: 1 };
    await withModel(shape, async (model) => expect(await generate(model)).toMatchObject({ generatedTokens: 5 }));
  });

  test('reports progress in whole percents that rise to 100', async () => {
    const percents: number[] = [];
    await withModel({ onProgress: (percent) => percents.push(percent) }, async () => {
      expect(percents.at(-1)).toBe(100);
      expect(percents).toEqual([...new Set(percents)].sort((a, b) => a - b));
      expect(percents.every(Number.isInteger)).toBe(true);
    });
  });

  test('gives up a load when it is aborted, before and during it', async () => {
    const reason = new Error('changed my mind');
    await expect(load({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const during = load({ signal: controller.signal, onProgress: () => controller.abort(reason) });
    await expect(during).rejects.toBe(reason);
  });

  test('a progress listener that throws is a warning and no failed load', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on('warning', listen);
    await withModel(
      {
        onProgress: (percent) => {
          if (percent === 100) throw new Error('mine');
        },
      },
      async () => {},
    );
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off('warning', listen);
    expect(warnings).toContain('mine');
  });

  test('loads several models at once and keeps them apart', async () => {
    const models = await Promise.all([load(), load({ modelPath: files.model('F32') }), load()]);
    const results = await Promise.all(models.map((model) => generate(model, { maxTokens: 30 })));
    expect(results[2]?.text).toBe(results[0]?.text);
    expect(results[1]?.text).not.toBe(results[0]?.text);
    await Promise.all(models.map((model) => model.dispose()));
  });

  test('refuses work after it is disposed, which happens once', async () => {
    const model = await load();
    await model.dispose();
    await model.dispose();
    await expect(generate(model)).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringContaining('is disposed'),
    });
  });

  test('gives the memory back', async () => {
    // 64 MiB of KV cache. glibc keeps freed blocks of up to 32 MiB for later, until it is told to trim.
    const request = { contextSize: 65_536, projectorPath: files.projector };
    await withModel(request, (model) => generate(model));
    await trimHeap(); // what earlier tests freed must not serve this one
    const before = anonymousBytes();
    const model = await load(request);
    await generate(model);
    const taken = anonymousBytes() - before;
    await model.dispose();
    await trimHeap();
    expect(taken).toBeGreaterThan(48 * MiB);
    expect(anonymousBytes() - before).toBeLessThan(16 * MiB);
  });

  test('does not grow over 30 loads', async () => {
    const cycle = () => withModel({ projectorPath: files.projector, contextSize: 512 }, (model) => generate(model));
    for (let i = 0; i < 5; i++) await cycle();
    const before = anonymousBytes();
    for (let i = 0; i < 30; i++) await cycle();
    // One forgotten KV cache of 1 MiB a time would be 30 MiB.
    expect(anonymousBytes() - before).toBeLessThan(12 * MiB);
  }, 60_000);

  function anonymousBytes(): number {
    globalThis.gc?.();
    const [, kib] = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return Number(kib) * 1024;
  }

  function cutOff(): string {
    const path = files.path('cut.gguf');
    writeFileSync(path, readFileSync(files.model()).subarray(0, 100_000));
    return path;
  }

  function unknownArchitecture(): string {
    const path = files.path('qwen9.gguf');
    writeLanguageModel(path, { ...TINY, quantization: 'Q4_0', architecture: 'qwen9' });
    return path;
  }
});
