import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { NexaModel } from '../../src/sdk/nexa-model.ts';
import { writeTone } from '../../tools/synthetic-model.mjs';
import { makeModel, read, ScriptedModel, settle } from '../support/scripted-model.ts';

describe('a conversation', () => {
  test('goes to the runtime with absolute paths, its media in order', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-talk-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [one, two] = [join(folder, 'one.wav'), join(folder, 'two.wav')];
    for (const path of [one, two]) writeTone(path, 0.1);
    const { raw, model } = makeModel();
    const near = relative(process.cwd(), two);
    const text = read(
      model.generate({
        messages: [
          { role: 'system', content: 'Listen.' },
          {
            role: 'user',
            content: [
              { type: 'audio', path: one },
              { type: 'text', text: 'And' },
            ],
          },
          { role: 'user', content: [{ type: 'audio', path: near }] },
        ],
        tools: [{ type: 'function' }],
        thinking: false,
      }),
    );
    await expect.poll(() => raw.requests.length).toBe(1);
    expect(raw.requests[0]).toEqual({
      prompt: '',
      audioPaths: [one, two],
      messages: [
        { role: 'system', parts: [{ type: 'text', text: 'Listen.' }] },
        {
          role: 'user',
          parts: [
            { type: 'audio', path: one },
            { type: 'text', text: 'And' },
          ],
        },
        { role: 'user', parts: [{ type: 'audio', path: two }] },
      ],
      tools: '[{"type":"function"}]',
      thinking: false,
      maxTokens: 512,
      stop: [],
    });
    raw.end();
    await text;
  });

  test('is formatted and forgotten in its turn', async () => {
    const { raw, model } = makeModel();
    const text = read(model.generate({ prompt: 'Hello' }));
    await settle();
    const formatted = model.applyChatTemplate([{ role: 'user', content: 'Hi' }], { tools: '[{}]' });
    const forgotten = model.reset();
    await settle();
    expect(raw.resets).toBe(0);
    raw.end();
    expect(await formatted).toBe('[[{"role":"user","parts":[{"type":"text","text":"Hi"}]}],{"tools":"[{}]"}]');
    await forgotten;
    expect(raw.resets).toBe(1);
    await text;
    await model.dispose();
    expect(() => model.reset()).toThrow('is disposed');
  });

  test('that waits when the model is disposed is refused, and what fails holds up nothing', async () => {
    const { raw, model } = makeModel();
    raw.format = () => Promise.reject(new Error('no template'));
    await expect(model.applyChatTemplate([{ role: 'user', content: 'Hi' }])).rejects.toThrow('no template');
    await model.reset();
    const text = read(model.generate({ prompt: 'Hello' }));
    const failure = expect(text).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await settle();
    const late = expect(model.reset()).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await model.dispose();
    await Promise.all([failure, late]);
  });

  test.each([
    [undefined],
    [[{ role: 'user' }]],
    [[{ role: '', content: 'x' }]],
    [[{ role: 'user', content: 'a\0b' }]],
    [[{ role: 'user', content: [] }]],
    [[{ role: 'user', content: [{ type: 'video', path: 'x' }] }]],
    [[{ role: 'user', content: [{ type: 'audio' }] }]],
    [[{ role: null, content: 'x' }]],
  ])('is not %j', (messages) => {
    const { model } = makeModel();
    expect(() => model.applyChatTemplate(messages as never)).toThrow(/^Expected `messages` to be a list of messages/);
    if (messages) expect(() => model.generate({ messages } as never)).toThrow(/^Expected `messages` to be a list/);
  });

  test.each([
    [
      { tools: 'not json' },
      "Expected `tools` to be a list of tools, or the same as JSON text, got 'not json' (string).",
    ],
    [{ tools: {} }, 'Expected `tools` to be a list of tools'],
    [{ thinking: 'yes' }, "Expected `thinking` to be true or false, got 'yes' (string)."],
    [{ thinkng: true }, 'Unknown option `thinkng` of `applyChatTemplate`; did you mean `thinking`?'],
    [{ prompt: 'Hi' }, 'Unknown option `prompt` of `applyChatTemplate`; its options are tools, thinking.'],
    [null, 'Expected `options` to be an object, got null.'],
  ])('is not formatted with %j', (options, sentence) => {
    const { model } = makeModel();
    const apply = () => model.applyChatTemplate([{ role: 'user', content: 'Hi' }], options as never);
    expect(apply).toThrow(sentence);
    expect(apply).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  test('is formatted with every option, and with options that are undefined', async () => {
    const { model } = makeModel();
    const messages = [{ role: 'user', content: 'Hi' }];
    const settings = async (options: Parameters<typeof model.applyChatTemplate>[1]) =>
      JSON.parse(await model.applyChatTemplate(messages, options))[1];
    expect(await settings({ tools: [{ type: 'function' }], thinking: false })).toEqual({
      tools: '[{"type":"function"}]',
      thinking: false,
    });
    expect(await settings(undefined)).toEqual({});
    expect(await settings({ tools: undefined, thinking: undefined } as object)).toEqual({});
  });

  test('needs a model that hears and sees what is in it', () => {
    const { model } = makeModel();
    const image = [{ role: 'user', content: [{ type: 'image', path: 'x.png' }] }] as const;
    expect(() => model.generate({ messages: image })).toThrow('takes no `images`');
    expect(() => model.generate({ prompt: 'What?', images: 'x.png' })).toThrow('takes no `images`');
    expect(() => model.applyChatTemplate(image)).toThrow('takes no `images`');
  });
});

describe('audio', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nexa-heard-'));
    writeTone(join(folder, 'tone.wav'), 0.1);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('goes to the runtime by absolute paths, one or several', async () => {
    const { raw, model } = makeModel();
    const tone = join(folder, 'tone.wav');
    for (const audio of [tone, [tone, tone]]) {
      const text = read(model.generate({ prompt: 'Hello', audio }));
      await expect.poll(() => raw.requests.at(-1)?.audioPaths).toEqual([audio].flat());
      raw.end();
      await text;
    }
  });

  test('that is none is refused before the engine hears of it', async () => {
    const { raw, model } = makeModel();
    const text = read(model.generate({ prompt: 'Hello', audio: join(folder, 'gone.wav') }));
    await expect(text).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(raw.requests).toEqual([]);
  });

  test('goes with images that are some', async () => {
    const seeing = Object.assign(new ScriptedModel(), { capabilities: { audio: true, vision: true } });
    const model = new NexaModel({ name: 'm', contextSize: 2048, microBatchSize: 512, modelPath: '/m.gguf' }, seeing);
    const png = join(folder, 'dot.png');
    writeFileSync(png, Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010800', 'hex'));
    const text = read(model.generate({ prompt: 'What?', images: png }));
    await expect.poll(() => seeing.requests.at(-1)?.imagePaths).toEqual([png]);
    seeing.end();
    await text;
    const none = read(model.generate({ prompt: 'What?', images: join(folder, 'tone.wav') }));
    await expect(none).rejects.toThrow(
      /^Expected `images` to be PNG, JPEG, BMP or GIF files, got .*first bytes 52494646/,
    );
  });

  test('needs a projector that hears', () => {
    const deaf = Object.assign(new ScriptedModel(), { capabilities: { audio: false, vision: true } });
    const facts = { name: 'm', contextSize: 2048, microBatchSize: 512, modelPath: '/m.gguf' };
    const audio = { prompt: 'Hello', audio: join(folder, 'tone.wav') };
    expect(() => new NexaModel(facts, deaf).generate(audio)).toThrow(
      'The model "m" takes no `audio`: it was loaded without a projector; put its mmproj file beside it or pass `projectorPath`.',
    );
    expect(() => new NexaModel({ ...facts, projectorPath: '/p.gguf' }, deaf).generate(audio)).toThrow(
      'The model "m" takes no `audio`: its projector "/p.gguf" hears nothing.',
    );
  });
});
