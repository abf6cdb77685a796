import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkModelFiles } from '../../src/sdk/check-model-files.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { writeGguf } from '../support/gguf-writer.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

test('a model passes alone, and with its projector, whose header is returned', async () => {
  const alone = await checkModelFiles({ modelPath: files.model() });
  expect(alone).toMatchObject({ projector: undefined, model: { path: files.model() } });
  expect(alone.specialTokens).toContain('<|im_start|>');
  expect([...alone.templates.keys()]).toEqual(['']);
  const { projector } = await checkModelFiles({ modelPath: files.model(), projectorPath: files.projector });
  expect(projector).toMatchObject({ path: files.projector, architecture: 'clip' });
});

test.each([
  ['a projector as the model', () => ({ modelPath: files.projector }), 'to be a model, found a projector;'],
  ['a model as the projector', () => ({ projectorPath: files.model('F32') }), 'to be a projector, found a model'],
  ['a model that is not there', () => ({ modelPath: files.path('gone.gguf') }), 'found no file there'],
  ['a projector that is not there', () => ({ projectorPath: files.path('gone.gguf') }), 'found no file there'],
  ['a sound as the model', () => ({ modelPath: files.tone }), 'to be a GGUF file'],
])('%s does not pass', async (_what, given, sentence) => {
  await expect(checkModelFiles({ modelPath: files.model(), ...given() })).rejects.toMatchObject({
    code: 'ERR_MODEL_FILE',
    message: expect.stringContaining(sentence),
  });
});

test('templates are read by their names, and one that is nested too deep is refused', async () => {
  const write = (text: string) =>
    writeGguf(files.path('templates.gguf'), {
      entries: [
        ['general.architecture', 'string', 'qwen2'],
        ['tokenizer.chat_template', 'string', 'a'],
        ['tokenizer.chat_templates', 'string[]', ['tool_use']],
        ['tokenizer.chat_template.tool_use', 'string', text],
        ['tokenizer.chat_template.number', 'u32', 1],
      ],
    });
  const { templates } = await checkModelFiles({ modelPath: write('b') });
  expect([...templates]).toEqual([
    ['', 'a'],
    ['tool_use', 'b'],
  ]);
  const deep = checkModelFiles({ modelPath: write(`{{ ${'('.repeat(200)} }}`) });
  expect(await expectRefusal(deep)).toMatch(
    /have a chat template in tokenizer\.chat_template\.tool_use that engines can parse, found that its brackets are nested deeper than 128;/,
  );
});
