/** What only the embedded runtime offers and refuses, on its real engine. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Llama, LlamaContext } from '../../../src/sdk/llama/llama-engine.ts';
import { openLlamaRuntime } from '../../../src/sdk/llama/llama-runtime.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import type { Runtime, RuntimeLoad, RuntimeModel } from '../../../src/sdk/runtime.ts';
import { writeAudioProjector } from '../../../tools/synthetic-model.mjs';
import { makeTinyModels, TINY_PROJECTOR, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
let runtime: Runtime;
beforeAll(async () => {
  files = makeTinyModels();
  runtime = await openLlamaRuntime();
});
afterAll(async () => {
  await runtime.close();
  files.remove();
});

function load(request: Partial<RuntimeLoad> = {}): Promise<RuntimeModel> {
  return runtime.load({ ...readLoadOptions({}), modelPath: files.model(), ...request });
}

const request = { prompt: 'What is said?', audioPaths: [] as string[], maxTokens: 5, stop: [], seed: 1 };

test('refuses a projector of another width before the engine sees it, and lives on', async () => {
  await expect(load({ projectorPath: otherWidth() })).rejects.toMatchObject({
    code: 'ERR_MODEL_FILE',
    message: expect.stringContaining('to give vectors of 256 elements'),
  });
  const model = await load();
  expect(await model.generate(request, () => {})).toMatchObject({ generatedTokens: 5 });
  await model.dispose();
});

// What fails inside the real engine may end its process: that is tested in test/sdk/isolation/explain-ended-load.test.ts.
describe('a load that fails in the engine', () => {
  const loads = (loadModel: Llama['loadModel']) =>
    openLlamaRuntime(async () => ({
      llama: { loadModel, initLlama: async () => {}, BuildInfo: { number: '1' } },
      version: '1',
    }));
  const request = (more: Partial<RuntimeLoad> = {}) => ({ ...readLoadOptions({}), modelPath: files.model(), ...more });

  test('is an error about the file, and the load behind it is not held up', async () => {
    let calls = 0;
    const context = {} as LlamaContext;
    const failing = await loads(() => (calls++ === 0 ? Promise.reject('no reason') : Promise.resolve(context)));
    const [first, second] = [failing.load(request()), failing.load(request())];
    await expect(first).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: `The engine could not load the model ${JSON.stringify(files.model())}: no reason.`,
      cause: 'no reason',
    });
    expect((await second).capabilities).toEqual({ audio: false, vision: false });
  });

  test('over its projector lets go of its model', async () => {
    let released = 0;
    const context = {
      initMultimodal: () => {
        throw new Error('bad projector');
      },
      release: async () => {
        released += 1;
      },
    } as Partial<LlamaContext> as LlamaContext;
    const failing = await loads(async () => context);
    await expect(failing.load(request({ projectorPath: files.projector }))).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: `The engine could not load the projector ${JSON.stringify(files.projector)}: bad projector.`,
    });
    expect(released).toBe(1);
  });
});

test('forgets a conversation, and the next text is as the first', async () => {
  const model = await load();
  const first = await model.generate(request, () => {});
  await model.reset();
  expect((await model.generate(request, () => {})).text).toBe(first.text);
  await model.dispose();
});

test('takes every shape that the options offer', async () => {
  const shape = { batchSize: 64, microBatchSize: 32, threads: 1, mmap: false, kvCacheType: 'q8_0' } as const;
  const model = await load({ ...shape, flashAttention: 'on' });
  expect(await model.generate(request, () => {})).toMatchObject({ generatedTokens: 5 });
  await model.dispose();
});

test.each(['pluginId', 'deviceId'])('has no %s', async (option) => {
  await expect(load({ [option]: 'cpu' })).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
    message: `\`${option}\` is an option of the SDK's own library, and this SDK runs on the embedded runtime; leave it out.`,
  });
});

test('says by how many tokens a prompt is too long', async () => {
  const model = await load({ contextSize: 256, projectorPath: files.projector });
  const generate = (more: object) => model.generate({ ...request, ...more }, () => {});
  await expect(generate({ prompt: 'x'.repeat(300) })).rejects.toThrow(
    /^The prompt takes 3\d\d tokens, but the context has 256; shorten it, pass `truncate: true`, or load/,
  );
  await expect(generate({ audioPaths: [files.tone] })).rejects.toThrow(
    /^The prompt with its media takes 1\d\d\d tokens, but the context has 256; shorten it or load/,
  );
  await model.dispose();
});

test('keeps the end of a prompt that may be shortened, and says so', async () => {
  const model = await load({ contextSize: 256 });
  const generate = (more: object) => model.generate({ ...request, raw: true, truncate: true, ...more }, () => {});
  const whole = await generate({ prompt: 'y'.repeat(200), maxTokens: 4 });
  expect(whole).toMatchObject({ truncated: false, promptTokens: 200 });
  const cut = await generate({ prompt: `${'x'.repeat(1000)}${'y'.repeat(300)}`, maxTokens: 55 });
  expect(cut).toMatchObject({ truncated: true, promptTokens: 200, finishReason: 'length' });
  // 256 less one less room for the answer: it is the end that was kept.
  expect((await generate({ prompt: 'y'.repeat(200), maxTokens: 4, temperature: 0 })).text).toBe(
    (await generate({ prompt: `${'x'.repeat(1000)}${'y'.repeat(300)}`, maxTokens: 55, temperature: 0 })).text.slice(
      0,
      4,
    ),
  );
  // Half of the context is the most that an answer is given room.
  expect(await generate({ prompt: 'y'.repeat(300), maxTokens: 5000 })).toMatchObject({ promptTokens: 127 });
  await model.dispose();
});

test('says what it could not decode, and takes the mark of audio as text where there is none', async () => {
  const model = await load({ projectorPath: files.projector });
  const path = files.path('broken.mp3');
  writeFileSync(path, Buffer.concat([Buffer.from('ID3'), Buffer.alloc(500, 7)]));
  await expect(model.generate({ ...request, audioPaths: [path] }, () => {})).rejects.toMatchObject({
    message: expect.stringContaining('could not read the prompt and its audio'),
    cause: expect.any(Error),
  });
  const marked = { ...request, prompt: 'What is <__media__>?' };
  expect(await model.generate(marked, () => {})).toMatchObject({ finishReason: 'length' });
  await model.dispose();
});

test('says why a template refuses a conversation, and formats the next one', async () => {
  const chatTemplate =
    "{% for m in messages %}{% if m.role == 'critic' %}{{ raise_exception('no critics') }}{% endif %}{{ m.content }}{% endfor %}";
  const model = await load({ chatTemplate });
  const turns = (role: string) => [{ role, parts: [{ type: 'text' as const, text: 'Hi' }] }];
  await expect(model.format(turns('critic'), {})).rejects.toMatchObject({
    code: 'ERR_RUNTIME',
    message: expect.stringMatching(/^The engine could not format the conversation: .*no critics/s),
    cause: expect.any(Error),
  });
  expect(await model.format(turns('user'), {})).toContain('Hi');
  await model.dispose();
});

test('hands tools, thinking and a grammar to the engine', async () => {
  const model = await load({ modelPath: files.model('F32') });
  const tools = JSON.stringify([
    { type: 'function', function: { name: 'now', description: 'The time.', parameters: { type: 'object' } } },
  ]);
  expect(await model.generate({ ...request, tools, thinking: false }, () => {})).toMatchObject({ generatedTokens: 5 });
  const only = await model.generate({ ...request, grammar: 'root ::= "a" "a" "a"' }, () => {});
  expect(only.text).toBe('aaa');
  await model.dispose();
});

function otherWidth(): string {
  const path = files.path('mmproj-narrow.gguf');
  writeAudioProjector(path, { ...TINY_PROJECTOR, projection: 128 });
  return path;
}
