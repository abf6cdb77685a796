/** What the embedded engine itself does with files and templates that the checks refuse: it ends the process, so each case has one of its own. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkModelFiles } from '../../src/sdk/check-model-files.ts';
import { findTemplateFault } from '../../src/sdk/check-template.ts';
import { openLlamaRuntime } from '../../src/sdk/llama/llama-runtime.ts';
import { readLoadOptions } from '../../src/sdk/read-sdk-options.ts';
import type { Runtime } from '../../src/sdk/runtime.ts';
import { editGguf } from '../support/edit-gguf.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

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

/** The engine without this package: loads, and formats a conversation if there is a template. */
const PROGRAM = `
  const { loadModel } = require('@fugood/llama.node');
  const [model, template] = process.argv.slice(1);
  loadModel({ model, n_ctx: 256, chat_template: 'chatml' }).then((context) => {
    if (template) context.getFormattedChat([{ role: 'user', content: 'Hi' }], template);
    console.log('lives');
  });`;

function runEngine(model: string, template = '') {
  const { stdout, signal } = spawnSync(process.execPath, ['-e', PROGRAM, model, template], {
    encoding: 'utf8',
    env: { ...process.env, GGML_NO_BACKTRACE: '1' },
  });
  return { lives: stdout.includes('lives'), signal };
}

test.each<[string, Parameters<typeof editGguf>[2]]>([
  ['a token twice', { replace: ['t400', 't401'] }],
  ['a scaling that no engine knows', { entry: ['qwen2.rope.scaling.type', 'string', 'bogus'] }],
  ['experts that are not used', { entry: ['qwen2.expert_count', 'u32', 8] }],
])('the engine dies of %s, which is refused, and a sound model loads afterwards', async (_what, edit) => {
  const path = files.path('edited.gguf');
  editGguf(files.model(), path, edit);
  expect(runEngine(path)).toEqual({ lives: false, signal: 'SIGABRT' });
  await expect(checkModelFiles({ modelPath: path })).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  const load = { ...readLoadOptions({}), contextSize: 256 };
  await expect(runtime.load({ ...load, modelPath: path })).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  await (await runtime.load({ ...load, modelPath: files.model() })).dispose();
});

test('the engine lives with a template that is nested up to the limit, and dies of one that is not', () => {
  const write = (levels: number) => `{{ ${'('.repeat(levels)}1${')'.repeat(levels)} }}`;
  expect(findTemplateFault(write(128))).toBeUndefined();
  expect(runEngine(files.model(), write(128))).toEqual({ lives: true, signal: null });
  expect(findTemplateFault(write(129))).toBeDefined();
  expect(runEngine(files.model(), write(20_000))).toEqual({ lives: false, signal: 'SIGSEGV' });
});

test.each([
  ['can not be parsed', '{% for'],
  ['is empty', ''],
])('a model whose template %s loads, and only a whole prompt is taken', async (_what, template) => {
  const path = files.path('template.gguf');
  editGguf(files.model(), path, { entry: ['tokenizer.chat_template', 'string', template] });
  const model = await runtime.load({ ...readLoadOptions({}), contextSize: 256, modelPath: path });
  const request = { prompt: 'Hi', audioPaths: [] as string[], maxTokens: 2, stop: [], seed: 1 };
  await expect(model.generate(request, () => {})).rejects.toMatchObject({
    code: 'ERR_RUNTIME',
    message: `The engine can't parse the chat template in ${JSON.stringify(path)}; give the whole prompt with \`raw: true\`.`,
  });
  expect(await model.generate({ ...request, raw: true }, () => {})).toMatchObject({ generatedTokens: 2 });
  await model.dispose();
});
