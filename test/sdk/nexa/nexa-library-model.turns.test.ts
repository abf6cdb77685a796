/** What a model of the SDK's library keeps from one text to the next, on its test double: turns, conversations, the KV cache. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LAYOUTS } from '../../../src/addon/nexa-binding.ts';
import { writeKvCacheNote } from '../../../src/sdk/nexa/kv-cache-note.ts';
import type { NexaModel } from '../../../src/sdk/nexa-model.ts';
import type { GenerateOptions } from '../../../src/sdk/sdk-options.ts';
import { writeTone } from '../../../tools/synthetic-model.mjs';
import { createProjectorEntries, writeGguf } from '../../support/gguf-writer.ts';
import { recordCalls, say } from '../../support/nexa/libraries.ts';
import { orders, pieces, useDouble } from '../../support/nexa/models.ts';
import { TINY_PROJECTOR } from '../../support/tiny-models.ts';

const subject = useDouble();

describe('turns', () => {
  /** A file that a text waits for, as for an encoder that can't be interrupted. */
  function gate(): { order: string; open(): void } {
    const path = subject.files.path(`gate-${Math.random()}`);
    return { order: `hang=${path}`, open: () => writeFileSync(path, '') };
  }

  test('two handles generate at the same time', async () => {
    const [one, two] = [await subject.load(), await subject.load()];
    const closed = gate();
    const waiting = pieces(one, orders(closed.order, say('one')));
    expect((await pieces(two, orders(say('two')))).join('')).toBe('two');
    closed.open();
    expect((await waiting).join('')).toBe('one');
  });

  test('one handle generates one text after the other, and forgets in between', async () => {
    const calls = recordCalls();
    const model = await subject.load();
    const closed = gate();
    const first = pieces(model, orders(closed.order, say('one')));
    const formatted = model.applyChatTemplate([{ role: 'user', content: 'x' }]);
    const second = pieces(model, orders(say('two')));
    await expect.poll(() => calls().some(({ call }) => call === 'llm_apply_chat_template')).toBe(true);
    closed.open();
    expect([(await first).join(''), (await second).join('')]).toEqual(['one', 'two']);
    expect(await formatted).toContain('x<|im_end|>');
    const texts = calls().filter(({ call }) => call === 'llm_generate');
    expect(texts.map(({ prompt }) => /say=(\w+)/.exec(String(prompt))?.[1])).toEqual(['6f6e65', '74776f']);
  });

  test('the event loop turns while a prompt is read', async () => {
    const model = await subject.load();
    const closed = gate();
    const text = pieces(model, orders(closed.order, say('one')));
    for (let tick = 0; tick < 20; tick++) await new Promise((resolve) => setTimeout(resolve, 1));
    closed.open();
    expect((await text).join('')).toBe('one');
  });

  test('a text that is aborted stops at its next token, whoever waits', async () => {
    const model = await subject.load();
    const controller = new AbortController();
    const stream = model.generate({ prompt: 'Go on.', maxTokens: 1900, signal: controller.signal });
    await stream.next();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(stream.next()).rejects.toBe(reason);
    // The engine ends behind the reader, and before what is asked next.
    await model.reset();
    expect(model.lastResult).toMatchObject({ finishReason: 'stopped' });
    expect(model.lastResult?.generatedTokens).toBeLessThan(1500);
    for await (const _piece of model.generate({ prompt: 'Go on.', maxTokens: 1900 })) break;
    expect(model.lastResult?.generatedTokens).toBeLessThan(1500);
  });

  test('a model that is disposed in the middle of a prompt goes once the prompt is read', async () => {
    const calls = recordCalls();
    const model = await subject.load();
    const closed = gate();
    const failure = expect(pieces(model, orders(closed.order, say('one')))).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
    });
    await expect.poll(() => calls().some(({ call }) => call === 'llm_apply_chat_template')).toBe(true);
    const disposal = model.dispose();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(calls().some(({ call }) => call === 'llm_destroy')).toBe(false);
    closed.open();
    await Promise.all([failure, disposal]);
    expect(calls().at(-1)?.call).toBe('llm_destroy');
  });
});

describe('a conversation with audio', () => {
  const question = (text: string) => ({
    role: 'user',
    content: [{ type: 'audio', path: subject.files.tone } as const, { type: 'text', text } as const],
  });

  async function answer(
    model: NexaModel,
    messages: GenerateOptions['messages'],
    drawn: Pick<GenerateOptions, 'seed'> = { seed: 1 },
  ): Promise<string> {
    let text = '';
    for await (const piece of model.generate({ messages: messages ?? [], maxTokens: 4, ...drawn })) text += piece;
    return text;
  }

  const resets = (calls: () => readonly { call: string }[]) =>
    calls().filter(({ call }) => call === 'vlm_reset').length;

  test.each(LAYOUTS)('goes on where it continues, and starts again where it does not (%s)', async (layout) => {
    const calls = recordCalls();
    // The older generation takes no seed with a projector.
    const drawn = layout === 'nexa-1.0' ? {} : { seed: 1 };
    const model = await subject.load({ layout, hears: true, contextSize: 8192 });
    const first = [question('One?')];
    const one = await answer(model, first, drawn);
    const { promptTokens } = model.lastResult!;
    // The older generation is given its first token before the first text.
    const before = resets(calls);
    expect(before).toBe(layout === 'nexa-1.0' ? 1 : 0);
    const second = [...first, { role: 'assistant', content: one }, { role: 'user', content: 'Two?' }];
    await answer(model, second, drawn);
    // The answer's end mark stands where the context ends, so nothing was said again, and nothing heard.
    expect(resets(calls)).toBe(before);
    expect(model.lastResult?.cachedPromptTokens).toBe(promptTokens + 4);
    expect(model.lastResult?.promptTokens).toBeLessThan(promptTokens + 100);
    expect(calls().findLast(({ call }) => call === 'vlm_generate')).toMatchObject({ audio_count: 0, code: 0 });
    await answer(model, first, drawn);
    expect(resets(calls)).toBe(before + 1);
    expect(model.lastResult).toMatchObject({ promptTokens, cachedPromptTokens: 0 });
    await model.reset();
    expect(resets(calls)).toBe(before + 2);
    const again = await answer(model, first, drawn);
    expect(resets(calls)).toBe(before + 2);
    // The older generation draws at random with a projector.
    if (layout !== 'nexa-1.0') expect(again).toBe(one);
  });

  test('starts again where the library sees no continuation, and nobody hears of it', async () => {
    const calls = recordCalls();
    const model = await subject.load({ hears: true, contextSize: 8192 });
    const first = [question('One?')];
    const one = await answer(model, first);
    const second = [...first, { role: 'assistant', content: one }, { role: 'user', content: orders('changed=1') }];
    expect(await answer(model, second)).toHaveLength(4);
    const texts = calls().filter(({ call }) => /vlm_(generate|reset)/.test(call));
    expect(texts.map(({ call, code }) => [call, code])).toEqual([
      ['vlm_generate', 0],
      ['vlm_generate', -201201],
      ['vlm_reset', undefined],
      ['vlm_generate', 0],
    ]);
  });

  test('starts again after a text that was cut short, since nobody knows what the context holds', async () => {
    const calls = recordCalls();
    const model = await subject.load({ hears: true, contextSize: 8192 });
    for await (const _piece of model.generate({ messages: [question('One?')], maxTokens: 900 })) break;
    await answer(model, [question('One?')]);
    expect(resets(calls)).toBe(1);
  });

  test('starts again where the sound is another one', async () => {
    const calls = recordCalls();
    const model = await subject.load({ hears: true, contextSize: 8192 });
    const other = subject.files.path('other.wav');
    writeTone(other, 0.5);
    const one = await answer(model, [question('One?')]);
    const changed = [
      { role: 'user', content: [{ type: 'audio', path: other } as const, { type: 'text', text: 'One?' } as const] },
      { role: 'assistant', content: one },
      { role: 'user', content: 'Two?' },
    ];
    await answer(model, changed);
    expect(resets(calls)).toBe(1);
  });
});

test.each(LAYOUTS)('images go to the library beside audio (%s)', async (layout) => {
  const calls = recordCalls();
  // A type without tensors that this package knows.
  const entries = (['audio', 'vision'] as const).flatMap((kind) => [
    ...createProjectorEntries('gemma3na', kind),
    [`clip.${kind}.projection_dim`, 'u32', TINY_PROJECTOR.projection] as const,
    [`clip.${kind}.attention.layer_norm_epsilon`, 'f32', 1e-6] as const,
  ]);
  const means = ['image_mean', 'image_std'].map((key) => [`clip.vision.${key}`, 'f32[]', [0.5, 0.5, 0.5]] as const);
  const keys = new Map([...entries, ...means].map((entry) => [entry[0], entry]));
  const projectorPath = writeGguf(subject.files.path(`mmproj-sees-${layout}.gguf`), { entries: [...keys.values()] });
  const png = subject.files.path('dot.png');
  writeFileSync(png, Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010800', 'hex'));
  const model = await subject.load({ layout, projectorPath, contextSize: 4096 });
  expect(model.capabilities).toEqual({ audio: true, vision: true });
  await pieces(model, 'What is this?', { images: png, audio: subject.files.tone, maxTokens: 3 });
  const text = calls().findLast(({ call }) => call === 'vlm_generate');
  expect(text).toMatchObject({ images: png, audio: subject.files.tone });
  expect(text?.['prompt']).toMatch(/<__media__><__media__>What is this/);
});

describe('the KV cache', () => {
  test('is kept in a file and taken from it', async () => {
    const model = await subject.load();
    const path = subject.files.path('cache.bin');
    await pieces(model, orders(say('a')));
    await model.saveKvCache(path);
    expect(existsSync(path)).toBe(true);
    await model.reset();
    await model.loadKvCache(path);
    expect((await pieces(model, orders(say('b')))).join('')).toBe('b');
    rmSync(path);
    await expect(model.loadKvCache(path)).rejects.toThrow(/^The file ".*cache\.bin" could not be read/);
    writeFileSync(path, 'no cache');
    const { modelPath } = model;
    await writeKvCacheNote(path, modelPath, { text: Buffer.from('a'), tokens: 1 });
    await expect(model.loadKvCache(path)).rejects.toThrow(
      /^The library failed: .+ \(geniex_llm_load_kv_cache gave -\d+/,
    );
    expect((await pieces(model, orders(say('c')))).join('')).toBe('c');
    rmSync(`${path}.json`);
    await expect(model.loadKvCache(path)).rejects.toThrow(
      /^Expected the note of a KV cache at .*, found no file there/,
    );
    await expect(model.saveKvCache('/nowhere/cache.bin')).rejects.toThrow(/geniex_llm_save_kv_cache gave -\d+/);
  });

  test('of a model with a projector is not kept', async () => {
    const model = await subject.load({ hears: true });
    const sentence = 'The library keeps KV caches of models without a projector only.';
    await expect(model.saveKvCache(subject.files.path('x'))).rejects.toThrow(sentence);
    await expect(model.loadKvCache(subject.files.path('x'))).rejects.toThrow(sentence);
  });
});
