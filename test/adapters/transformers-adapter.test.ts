import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { isTransformers, transformersAdapter } from '../../src/adapters/transformers-adapter.ts';
import { checkSdk } from '../../src/wrap-sdk.ts';
import { fakeTransformers } from '../support/fake-transformers.ts';

/** How calls of this path are read. */
function readingOf(path: string): Adapter {
  return checkSdk(fakeTransformers()).loads.get(path)!;
}
const classes = () => readingOf('AutoModel.from_pretrained');
const pipelines = () => readingOf('pipeline');

describe('the module of transformers.js', () => {
  it('is known by its names', () => {
    expect(isTransformers(fakeTransformers())).toBe(true);
    const { PreTrainedModel: _missing, ...other } = fakeTransformers();
    expect(isTransformers(other)).toBe(false);
  });

  it('loads by `pipeline` and by every class of models, and `plan` asks `AutoModel`', () => {
    expect([...checkSdk(fakeTransformers()).loads.keys()]).toEqual([
      'AutoModel.from_pretrained',
      'BertModel.from_pretrained',
      'CLIPTextModel.from_pretrained',
      'PreTrainedModel.from_pretrained',
      'pipeline',
    ]);
  });

  it('reads the classes that load the same file in the same way', () => {
    const { loads } = checkSdk(fakeTransformers());
    expect(loads.get('BertModel.from_pretrained')).toBe(loads.get('AutoModel.from_pretrained'));
    expect(loads.get('CLIPTextModel.from_pretrained')).not.toBe(loads.get('AutoModel.from_pretrained'));
  });

  it('tells its versions, a ladder of its own, and which calls compute', () => {
    const adapter = transformersAdapter(fakeTransformers());
    expect(adapter.runtime).toBe('@huggingface/transformers 4.3.2 (onnxruntime 1.30.0)');
    expect(adapter.ownLadder).toBe(true);
    const computing = ['', 'forward', '_call', 'generate', 'generate_speech', 'get_image_features', 'decode'];
    expect(computing.every((name) => adapter.isInference(name))).toBe(true);
    expect(['dispose', 'tokenizer', 'supports'].some((name) => adapter.isInference(name))).toBe(false);
  });
});

describe('a load', () => {
  it('is named by its model, and on another device than the CPU by that as well', () => {
    expect(pipelines().readRequest(['ner', 'org/m', { dtype: 'q8', memoryGuard: { pin: true } }])).toEqual({
      name: 'org/m',
      quantization: 'q8',
      memoryGuard: { pin: true },
    });
    expect(classes().readRequest(['org/m'])).toEqual({ name: 'org/m' });
    expect(classes().readRequest(['org/m', { device: 'cpu', dtype: 'auto' }])).toEqual({ name: 'org/m' });
    expect(classes().readRequest(['org/m', { device: { model: 'cuda' } }])).toMatchObject({ name: 'org/m on cuda' });
    const session_options = { executionProviders: ['cpu', { name: 'dml' }] };
    expect(classes().readRequest(['org/m', { device: 'cpu', session_options }])).toMatchObject({
      name: 'org/m on dml',
    });
    expect(pipelines().readRequest(['ner', null])).toEqual({ name: 'the default model of ner' });
  });

  it('has a dtype for each part as one text', () => {
    const dtype = { encoder_model: 'fp32', decoder_model_merged: 'q4' };
    expect(classes().readRequest(['org/m', { dtype }])).toMatchObject({
      quantization: 'encoder_model fp32, decoder_model_merged q4',
    });
  });

  it.each([
    [classes, [], 'ERR_UNKNOWN_MODEL', /name of a model such as 'org\/model'.*got undefined/],
    [classes, [''], 'ERR_UNKNOWN_MODEL', /path of its folder/],
    [classes, ['org/m', 'q8'], 'ERR_INVALID_OPTION', /`options` to be an object/],
    [classes, ['org/m', null], 'ERR_INVALID_OPTION', /`options` to be an object/],
    [pipelines, [], 'ERR_UNKNOWN_MODEL', /task of a pipeline/],
    [pipelines, ['ner', 7], 'ERR_UNKNOWN_MODEL', /got 7/],
    [pipelines, ['ner', 'org/m', 7], 'ERR_INVALID_OPTION', /`options`/],
  ] as const)('is refused with bad arguments (%#)', (adapter, args, code, message) => {
    expect(() => adapter().readRequest(args)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('is handed on as it was written if nothing changes', () => {
    for (const args of [['ner'], ['ner', 'org/m'], ['ner', 'org/m', { dtype: 'q8' }]]) {
      expect(pipelines().withQuantization(args, undefined, undefined)).toBe(args);
    }
    const asked = ['org/m', { dtype: 'q8' }];
    expect(classes().withQuantization(asked, 'q8', undefined)).toBe(asked);
    const parts = ['org/m', { dtype: { model: 'q4' } }];
    expect(classes().withQuantization(parts, 'model q4', undefined)).toBe(parts);
  });

  it('gets the dtype that was chosen and loses `memoryGuard`, and its own options stay', () => {
    expect(pipelines().withQuantization(['ner', 'org/m'], 'q4', undefined)).toEqual(['ner', 'org/m', { dtype: 'q4' }]);
    expect(classes().withQuantization(['org/m'], 'q4', undefined)).toEqual(['org/m', { dtype: 'q4' }]);
    const options = { dtype: 'fp32', revision: 'r', memoryGuard: {} };
    expect(classes().withQuantization(['org/m', options], 'q8', undefined)).toEqual([
      'org/m',
      { dtype: 'q8', revision: 'r' },
    ]);
    expect(options).toEqual({ dtype: 'fp32', revision: 'r', memoryGuard: {} });
    expect(pipelines().withQuantization(['ner', undefined, { memoryGuard: {} }], undefined, undefined)).toEqual([
      'ner',
      undefined,
      {},
    ]);
  });

  it('of a class that loads one part of a repository is of the file of that part', async () => {
    const sdk = fakeTransformers({ 'onnx/text_model.onnx': 10, 'onnx/model.onnx': 1000, 'onnx/other.onnx': 100 });
    const sizesOf = async (path: string, options?: object) => {
      const [offer] = await checkSdk(sdk).loads.get(path)!.listOffers!(['org/m', ...(options ? [options] : [])]);
      return offer?.sizes?.graphBytes;
    };
    expect(await sizesOf('CLIPTextModel.from_pretrained')).toBe(10);
    expect(await sizesOf('BertModel.from_pretrained')).toBe(1000);
    expect(await sizesOf('CLIPTextModel.from_pretrained', { model_file_name: 'other' })).toBe(100);
  });
});
