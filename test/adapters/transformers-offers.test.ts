import { describe, expect, it } from 'vitest';
import { listDtypeOffers } from '../../src/adapters/transformers-offers.ts';
import { fakeTransformers } from '../support/fake-transformers.ts';

const FILES = {
  'onnx/model.onnx': 1000,
  'onnx/model_fp16.onnx': 500,
  'onnx/model_quantized.onnx': 250,
  'onnx/model_q4.onnx': 150,
  'onnx/model_q2.onnx': 80,
  'tokenizer.json': 7,
};
const list = (options: object = {}, files: Parameters<typeof fakeTransformers>[0] = FILES, told = {}, task?: string) =>
  listDtypeOffers(fakeTransformers(files, told), { id: 'org/m', ...(task && { task }), options: { ...options } });
const dtypes = async (...args: Parameters<typeof list>) =>
  (await list(...args)).map(({ quantization }) => quantization);
const because = async (...args: Parameters<typeof list>) => (await list(...args))[0]?.unknownBecause;

describe('the dtypes of a model', () => {
  it('are those that are there, from fp32 or what is asked for down to four bits', async () => {
    expect(await dtypes()).toEqual(['fp32', 'fp16', 'q8', 'q4']);
    expect(await dtypes({ dtype: 'auto' })).toEqual(['fp32', 'fp16', 'q8', 'q4']);
    expect(await dtypes({ dtype: 'q8' })).toEqual(['q8', 'q4']);
    expect(await dtypes({ dtype: 'q2' })).toEqual(['q2']);
  });

  it('begin with the one that the configuration names, and with what is there if that is missing', async () => {
    const config = { 'transformers.js_config': { dtype: 'q8' } };
    expect(await dtypes({}, FILES, { config })).toEqual(['q8', 'q4']);
    const forCpu = { 'transformers.js_config': { dtype: 'fp32', device_config: { cpu: { dtype: 'q4' } } } };
    expect(await dtypes({}, FILES, { config: forCpu })).toEqual(['q4']);
    expect(await dtypes({}, { 'onnx/model_q4.onnx': 1 })).toEqual(['q4']);
    expect(await dtypes({}, { 'onnx/model.onnx': 1 }, { config })).toEqual(['fp32']);
  });

  it('are refused by name if the one that is asked for is not there', async () => {
    for (const dtype of ['bnb4', 'q5']) {
      await expect(list({ dtype })).rejects.toMatchObject({
        code: 'ERR_UNKNOWN_QUANTIZATION',
        message: expect.stringMatching(
          /^Expected `dtype` to be one of fp32, fp16, q8, q4, q2, in which org\/m is there/,
        ),
      });
    }
  });

  it('are one if each part has its own', async () => {
    const [offer, ...others] = await list({ dtype: { model: 'q4' } });
    expect(offer).toMatchObject({ quantization: 'model q4', sizes: { graphBytes: 150, halves: false } });
    expect(others).toEqual([]);
    const config = { 'transformers.js_config': { dtype: { model: 'fp16' } } };
    expect(await list({}, FILES, { config })).toMatchObject([{ sizes: { graphBytes: 500, halves: true } }]);
    expect(await dtypes({}, FILES, { config })).toEqual([undefined]);
  });
});

describe('the sizes of a dtype', () => {
  it('are of its graphs, its files of weights and the tokenizer of a pipeline', async () => {
    const files = { ...FILES, 'onnx/model.onnx_data': 9000 };
    const config = { 'transformers.js_config': { use_external_data_format: true } };
    const [first, second] = await list({}, files, { config }, 'feature-extraction');
    expect(first?.sizes).toEqual({ graphBytes: 1000, dataBytes: 9000, tokenizerBytes: 7, halves: false });
    expect(second?.sizes).toEqual({ graphBytes: 500, dataBytes: 0, tokenizerBytes: 7, halves: true });
    const [asClass] = await list({ use_external_data_format: true }, files);
    expect(asClass?.sizes).toEqual({ graphBytes: 1000, dataBytes: 9000, tokenizerBytes: 0, halves: false });
  });

  it('are told of a repository whose configuration says nothing of this module', async () => {
    const [offer] = await list({}, FILES, { config: { 'transformers.js_config': null } });
    expect(offer?.sizes?.graphBytes).toBe(1000);
  });

  it('are of the folder that is named', async () => {
    const [offer] = await list({ subfolder: 'weights' }, { 'weights/model.onnx': 3 });
    expect(offer?.sizes?.graphBytes).toBe(3);
  });
});

describe('a load that nobody can know', () => {
  it('is offered with its reason, so that it is refused unless the user says otherwise', async () => {
    expect(await because({ device: 'webgpu' })).toBe("what it takes on webgpu can't be told by its files");
    expect(await because({ device: ['cpu', 'cuda'] })).toMatch(/on cuda/);
    const config = { 'transformers.js_config': { device: 'webgpu' } };
    expect(await because({}, FILES, { config })).toMatch(/on webgpu/);
    expect(await because({ device: 'cpu' }, FILES, { config })).toBeUndefined();
    expect(await because({}, FILES, { failing: true })).toMatch(
      /^its config\.json can't be had \(.*no such repository/,
    );
    expect(await because({}, { 'onnx/model.onnx': undefined })).toBe("the hub doesn't tell how large its files are");
    expect(await because({ model_file_name: 'cut' })).toMatch(/^the size of its files can't be had \(.*fetch failed/);
    expect(await because({}, {})).toBe('none of its ONNX files is found');
    expect(await because({ use_external_data_format: 100 })).toBeUndefined();
    const many = 'it is said to have more than 100 files of weights beside a graph';
    for (const told of [101, '1e9', { 'model.onnx': true, 'model_q4.onnx': 1e9 }]) {
      const config = { 'transformers.js_config': { use_external_data_format: told } };
      expect(await because({}, FILES, { config })).toBe(many);
      expect(await because({ use_external_data_format: told })).toBe(many);
    }
    const { ModelRegistry: _none, ...older } = fakeTransformers(FILES);
    const [offer] = await listDtypeOffers(older, { id: 'org/m', options: { dtype: 'q8' } });
    expect(offer).toEqual({ quantization: 'q8', unknownBecause: expect.stringContaining('no `ModelRegistry`') });
    const [unnamed] = await listDtypeOffers(fakeTransformers(FILES), { task: 'ner', options: {} });
    expect(unnamed?.unknownBecause).toContain("`pipeline('ner', 'org/model')`");
  });
});
