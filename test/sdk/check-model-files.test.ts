import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkModelFiles } from '../../src/sdk/check-model-files.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

test('a model passes alone, and with its projector, whose header is returned', async () => {
  expect(await checkModelFiles({ modelPath: files.model() })).toBeUndefined();
  const projector = await checkModelFiles({ modelPath: files.model(), projectorPath: files.projector });
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
