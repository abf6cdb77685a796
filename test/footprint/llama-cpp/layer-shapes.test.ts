/** What each layer keeps, by keys and by tensors. */
import { afterAll, describe, expect, it } from 'vitest';
import { findArchitecture } from '../../../src/footprint/llama-cpp/architectures.ts';
import { type LayerShape, readLayers, readSlidingWindow } from '../../../src/footprint/llama-cpp/layer-shapes.ts';
import { readModelShape } from '../../../src/footprint/llama-cpp/model-shape.ts';
import type { GgufValue } from '../../../src/gguf/gguf-metadata.ts';
import { HeaderKeys } from '../../../src/gguf/header-keys.ts';
import { readGguf } from '../../../src/gguf/read-gguf.ts';
import { type Shape, SMALL } from '../../../tools/architectures.mjs';
import { makeModels } from '../../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const HEADS = { 'attention.head_count': 4, 'attention.head_count_kv': 2 };

/** The layers of a header 256 wide with these keys. Weights are in every layer, or in the one that they name. */
function read(name: string, keys: Record<string, GgufValue>, count: number, weights: readonly string[] = []) {
  const architecture = findArchitecture(name);
  const metadata = new Map(Object.entries({ ...HEADS, ...keys }).map(([key, value]) => [`${name}.${key}`, value]));
  const header = new HeaderKeys({ path: 'm.gguf', metadata }, name);
  const findDims = (weight: string) =>
    weights.some((each) => weight === each || weight.replace(/^blk\.\d+\./, '') === each) ? [1] : undefined;
  const slidingWindow = readSlidingWindow(header, architecture);
  return readLayers({ keys: header, architecture, count, embedding: 256, slidingWindow, findDims });
}

const show = (layers: readonly LayerShape[], part: 'sliding' | 'recurrent') =>
  layers.map((layer) => Number(layer[part])).join('');
const window = (more: Record<string, GgufValue> = {}) => ({ 'attention.sliding_window': 512, ...more });

describe('the layers with a sliding window', () => {
  it('are all but the last of each six in gemma3, and none without a window', async () => {
    const { window, ...plain } = { architecture: 'gemma3', ...SMALL['gemma3'] };
    const sliding = async (shape: Shape) => show(readModelShape(await readGguf(models.model(shape))).layers, 'sliding');
    expect(await sliding({ ...plain, window: window! })).toBe('11111011');
    expect(await sliding(plain)).toBe('00000000');
  });

  it('are those of the group that the header names, or that it lists as truth values or as numbers', () => {
    const sliding = (pattern: GgufValue) =>
      show(read('gemma3', window({ 'attention.sliding_window_pattern': pattern }), 4), 'sliding');
    expect(sliding(3)).toBe('1101');
    expect(sliding([true, false, true, true])).toBe('1011');
    expect(sliding([0, 1, 1, 0])).toBe('0110');
    // What a list leaves out sees everything.
    expect(sliding([1, 1])).toBe('1100');
  });

  it('are all but the first of each group in laguna, and all in lfm2', () => {
    expect(show(read('laguna', window(), 5), 'sliding')).toBe('01110');
    expect(show(read('lfm2', window(), 5), 'sliding')).toBe('11111');
  });

  it('are none where the engine takes no notice of the window, as in phi3, or of the architecture', () => {
    expect(show(read('phi3', window(), 4), 'sliding')).toBe('0000');
    expect(show(read('mystery', window({ 'attention.sliding_window_pattern': [true, true] }), 2), 'sliding')).toBe(
      '00',
    );
  });

  it('have the window that the engine assumes, or keeps whatever the header says', () => {
    const size = (name: string, keys: Record<string, GgufValue>) => {
      const metadata = new Map(Object.entries(keys).map(([key, value]) => [`${name}.${key}`, value]));
      return readSlidingWindow(new HeaderKeys({ path: 'm.gguf', metadata }, name), findArchitecture(name));
    };
    expect([size('gemma2', {}), size('gemma2', window())]).toEqual([4096, 512]);
    expect([size('smallthinker', {}), size('smallthinker', window())]).toEqual([0, 4096]);
    expect(size('llama4', { 'attention.sliding_window': 0 })).toBe(0);
    expect([size('llama4', {}), size('llama4', window())]).toEqual([8192, 8192]);
  });

  it('have heads of a length of their own if the header names one', () => {
    const layers = read('gemma3', { ...window(), 'attention.key_length': 128, 'attention.key_length_swa': 64 }, 6);
    expect(layers.map(({ keyLength }) => keyLength)).toEqual([64, 64, 64, 64, 64, 128]);
    expect(layers[5]).toMatchObject({ valueLength: 64 });
  });
});

describe('the layers that keep a state', () => {
  it('are those with the weights of one', async () => {
    const hybrid = readModelShape(await readGguf(models.model({ architecture: 'lfm2', ...SMALL['lfm2'] })));
    expect(show(hybrid.layers, 'recurrent')).toBe('110101');
    expect(hybrid.layers.map(({ cached }) => cached === 'nothing')).toEqual([true, true, false, true, false, true]);
    expect(show(read('rwkv9', {}, 2, ['time_mix_output.weight']), 'recurrent')).toBe('11');
    expect(show(read('mamba9', {}, 2, ['blk.1.ssm_a']), 'recurrent')).toBe('01');
  });

  it('attend as well if they have keys beside it', () => {
    const cached = (...weights: string[]) => read('falcon-h1', {}, 1, ['ssm_a', ...weights])[0]?.cached;
    expect([cached('attn_k.weight'), cached('attn_qkv.weight')]).toEqual(['keys-and-values', 'nothing']);
    expect(read('kimi-linear', { 'attention.head_count_kv': 0 }, 1, ['ssm_a', 'attn_k.weight'])[0]?.cached).toBe(
      'nothing',
    );
  });

  it('have layers between them that only feed forward', () => {
    const kv = { 'attention.head_count_kv': [0, 0, 2] };
    const cached = (weights: string[]) => read('mystery', kv, 3, weights).map((layer) => layer.cached === 'nothing');
    expect(cached(['blk.0.ssm_a'])).toEqual([true, true, false]);
    expect(cached([])).toEqual([false, false, false]);
  });
});

describe('what layers keep of each token', () => {
  const cached = (name: string, keys: Record<string, GgufValue>, count: number) =>
    read(name, keys, count).map((layer) => layer.cached);

  it('is nothing in encoders, and keys alone with latent attention', () => {
    expect(cached('bert', {}, 1)).toEqual(['nothing']);
    expect(read('bert', {}, 1)[0]?.encodes).toBe(true);
    const latent = { 'attention.key_length_mla': 96, 'attention.value_length_mla': 64 };
    expect(cached('mystery', latent, 1)).toEqual(['keys']);
  });

  it('is read from the layers before in the last ones of gemma3n and where the header says so', () => {
    expect(cached('gemma3n', {}, 22).filter((each) => each === 'nothing')).toHaveLength(2);
    expect(cached('gemma4', { 'attention.shared_kv_layers': 3 }, 5).indexOf('nothing')).toBe(2);
  });

  it('is nothing in a layer for drafts, if the cache leaves that out', () => {
    const drafts = { nextn_predict_layers: 1 };
    expect(cached('qwen35', drafts, 2)).toEqual(['keys-and-values', 'nothing']);
    expect(cached('glm4moe', drafts, 2)).toEqual(['keys-and-values', 'keys-and-values']);
  });
});
