import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listMedia, prepareGenerate, refuseMedia } from '../../src/sdk/prepare-generate.ts';
import { readGenerateOptions } from '../../src/sdk/read-sdk-options.ts';
import { writeTone } from '../../tools/synthetic-model.mjs';

const ROOM = { contextSize: 2048 };

let folder: string;
let tone: string;
let image: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-prepare-'));
  tone = join(folder, 'tone.wav');
  image = join(folder, 'dot.png');
  writeTone(tone, 0.1);
  writeFileSync(image, Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010800', 'hex'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const near = (path: string) => relative(process.cwd(), path);

describe('what a runtime gets of a prompt', () => {
  test('is every option by its own name, without the signal', async () => {
    const sampling = { maxTokens: 7, temperature: 0.5, seed: 3, stop: ['x'], grammar: 'root ::= "g"' };
    const options = readGenerateOptions({ prompt: 'Hi', ...sampling, signal: AbortSignal.timeout(1000) });
    expect(await prepareGenerate(options, ROOM)).toEqual({ prompt: 'Hi', audioPaths: [], ...sampling });
  });

  test('is its media by absolute paths', async () => {
    const options = readGenerateOptions({ prompt: 'Hi', audio: near(tone), images: [near(image)] });
    expect(await prepareGenerate(options, ROOM)).toMatchObject({ audioPaths: [tone], imagePaths: [image] });
  });

  test('has no images if there are none', async () => {
    expect(await prepareGenerate(readGenerateOptions({ prompt: 'Hi' }), ROOM)).not.toHaveProperty('imagePaths');
  });
});

test('sounds that last longer together than the model takes are refused, and as long as that they are not', async () => {
  const options = readGenerateOptions({ prompt: 'Hi', audio: [tone, tone] });
  await expect(prepareGenerate(options, { ...ROOM, longestAudioSeconds: 0.2 })).resolves.toMatchObject({
    audioPaths: [tone, tone],
  });
  await expect(prepareGenerate(options, { ...ROOM, longestAudioSeconds: 0.19 })).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
    message: expect.stringContaining('Expected `audio` to last 0.19 s at most in one text, got 1 s;'),
  });
});

describe('what a runtime gets of a conversation', () => {
  const messages = () =>
    [
      { role: 'system', content: 'Listen.' },
      {
        role: 'user',
        content: [
          { type: 'image', path: near(image) },
          { type: 'audio', path: near(tone) },
        ],
      },
      { role: 'user', content: [{ type: 'audio', path: tone }] },
    ] as const;

  test('is its turns with absolute paths, and the same paths in order', async () => {
    const prepared = await prepareGenerate(readGenerateOptions({ messages: messages(), tools: [{}] }), ROOM);
    expect(prepared).toMatchObject({ prompt: '', audioPaths: [tone, tone], imagePaths: [image], tools: '[{}]' });
    expect(prepared.messages?.[1]?.parts).toEqual([
      { type: 'image', path: image },
      { type: 'audio', path: tone },
    ]);
  });

  test('is known by the paths that were written before any file is looked at', () => {
    const { audio, images } = listMedia(readGenerateOptions({ messages: messages() }));
    expect([audio, images]).toEqual([[near(tone), tone], [near(image)]]);
  });
});

describe('media that a model cannot take', () => {
  const model = (audio: boolean, vision: boolean, projectorPath?: string) => ({
    name: 'm',
    projectorPath,
    capabilities: { audio, vision },
  });

  test('are refused, with the projector that takes none or the hint that there is none', () => {
    expect(() => refuseMedia(model(false, true, '/p.gguf'), [tone], [])).toThrow(
      'The model "m" takes no `audio`: its projector "/p.gguf" hears nothing.',
    );
    expect(() => refuseMedia(model(true, false, '/p.gguf'), [], [image])).toThrow(
      'The model "m" takes no `images`: its projector "/p.gguf" sees nothing.',
    );
    expect(() => refuseMedia(model(false, false), [tone], [])).toThrow('it was loaded without a projector; put its');
  });

  test('are only those that there are', () => {
    expect(() => refuseMedia(model(false, false), [], [])).not.toThrow();
    expect(() => refuseMedia(model(true, false), [tone], [])).not.toThrow();
    expect(() => refuseMedia(model(false, true), [], [image])).not.toThrow();
  });
});

test.each(['audio', 'images'])('%s that are no such file reject', async (option) => {
  const path = option === 'audio' ? image : tone;
  const prepared = prepareGenerate(readGenerateOptions({ prompt: 'Hi', [option]: path }), ROOM);
  await expect(prepared).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
});

test('refuses text that can not fit in any vocabulary, and cuts what may be cut', async () => {
  const room = { contextSize: 8 };
  const prompt = 'x'.repeat(8 * 256 + 1);
  const turns = { messages: [{ role: 'user', content: prompt }] };
  for (const options of [{ prompt }, turns]) {
    await expect(prepareGenerate(readGenerateOptions(options), room)).rejects.toMatchObject({
      code: 'ERR_CONTEXT_FULL',
      message: expect.stringContaining('at least 9 tokens, but the context has 8'),
    });
  }
  const cut = await prepareGenerate(readGenerateOptions({ prompt: `a${prompt}`, truncate: true }), room);
  expect(cut.prompt).toBe('x'.repeat(8 * 256));
});
