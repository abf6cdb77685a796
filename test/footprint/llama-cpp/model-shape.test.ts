/** Headers of language models that are read or refused. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type EstimateFootprintOptions, estimateFootprint } from '../../../src/estimate-footprint.ts';
import { readModelShape } from '../../../src/footprint/llama-cpp/model-shape.ts';
import { readGguf } from '../../../src/gguf/read-gguf.ts';
import { type Shape, SMALL } from '../../../tools/architectures.mjs';
import { type Entry, writeGguf } from '../../support/gguf-writer.ts';
import { makeModels } from '../../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('the shape of a model', () => {
  const read = async (shape: Shape) => readModelShape(await readGguf(models.model(shape)));

  it('is what the header says', async () => {
    const shape = await read({ architecture: 'llama', hidden: 512, heads: 8, kvHeads: 2, layers: 3, vocab: 512 });
    expect(shape).toMatchObject({ embedding: 512, vocabulary: 512, slidingWindow: 0, experts: 0, widestRows: 1408 });
    const layer = { heads: 8, kvHeads: 2, keyLength: 64, valueLength: 64, sliding: false, recurrent: false };
    const whole = { ...layer, encodes: false, cached: 'keys-and-values' };
    expect(shape.layers).toEqual([whole, whole, whole]);
    expect([shape.state, shape.ssm]).toEqual([undefined, undefined]);
    expect(shape.findDims('blk.2.ffn_down.weight')).toEqual([1408, 512]);
    expect(shape.findDims('blk.3.ffn_down.weight')).toBeUndefined();
  });

  it('has heads of a length of their own if the header names one', async () => {
    const { layers } = await read({ architecture: 'qwen3', ...SMALL['qwen3'] });
    expect(layers[0]).toMatchObject({ keyLength: 128, valueLength: 128 });
  });

  it('norms the weights of experts if the architecture does, or the header says so', async () => {
    const shape: Shape = { architecture: 'qwen2moe', ...SMALL['qwen2moe'] };
    expect((await read(shape)).normalizesExpertWeights).toBe(false);
    expect((await read({ architecture: 'qwen3moe', ...SMALL['qwen3moe'] })).normalizesExpertWeights).toBe(true);
    const file = await readGguf(models.model(shape));
    const metadata = new Map([...file.metadata, ['qwen2moe.expert_weights_norm', true] as const]);
    expect(readModelShape({ ...file, metadata }).normalizesExpertWeights).toBe(true);
  });

  it('has a dense part beside experts, and vectors of layers, if there are weights for it', async () => {
    const file = await readGguf(models.model({ architecture: 'qwen3moe', ...SMALL['qwen3moe'] }));
    const plain = readModelShape(file);
    expect([plain.denseBesideExperts, plain.layerVectors]).toEqual([false, 0]);
    const find = (name: string) => {
      if (name === 'per_layer_token_embd.weight')
        return { ...file.tensors.find('token_embd.weight')!, dims: [640, 100] };
      return file.tensors.find(name === 'blk.1.ffn_down.weight' ? 'blk.1.ffn_down_exps.weight' : name);
    };
    const more = readModelShape({ ...file, tensors: { ...file.tensors, find } });
    expect([more.denseBesideExperts, more.layerVectors]).toEqual([true, 640]);
  });

  it('has experts if their weights are there', async () => {
    expect(await read({ architecture: 'qwen2moe', ...SMALL['qwen2moe'] })).toMatchObject({
      experts: 8,
      expertsUsed: 2,
    });
  });
});

describe('files that are refused', () => {
  const shape: Entry[] = [
    ['general.architecture', 'string', 'llama'],
    ['llama.embedding_length', 'u32', 64],
    ['llama.block_count', 'u32', 2],
    ['llama.attention.head_count', 'u32', 4],
    ['llama.vocab_size', 'u32', 100],
  ];
  const changed = (key: string, entry?: Entry) => [
    ...shape.filter(([name]) => name !== key),
    ...(entry ? [entry] : []),
  ];
  const bad: [string, Entry[], RegExp][] = [
    ['no heads', changed('llama.attention.head_count', ['llama.attention.head_count', 'u32', 0]), /from 1 .* found 0/],
    ['a missing width', changed('llama.embedding_length'), /llama\.embedding_length, found nothing/],
    ['a missing depth', changed('llama.block_count'), /llama\.block_count, found nothing/],
    ['too many layers', changed('llama.block_count', ['llama.block_count', 'u32', 100_000]), /from 1 to 512/],
    ['too many experts', [...shape, ['llama.expert_count', 'u32', 2 ** 24]], /from 0 to 512 in llama\.expert_count/],
    [
      'more used experts than there are',
      [...shape, ['llama.expert_count', 'u32', 4], ['llama.expert_used_count', 'u32', 5]],
      /from 0 to 4 in llama\.expert_used_count, found 5/,
    ],
    [
      'more used experts than a graph has room for',
      [...shape, ['llama.expert_count', 'u32', 512], ['llama.expert_used_count', 'u32', 512]],
      /from 0 to 64 in llama\.expert_used_count/,
    ],
    ['a fraction', changed('llama.block_count', ['llama.block_count', 'f32', 1.5]), /found 1\.5/],
    ['NaN', changed('llama.block_count', ['llama.block_count', 'f32', Number.NaN]), /found NaN/],
    ['a text for a number', changed('llama.block_count', ['llama.block_count', 'string', 'many']), /found many/],
    ['no vocabulary', changed('llama.vocab_size'), /llama\.vocab_size, found nothing/],
    [
      'too few per-layer heads',
      changed('llama.attention.head_count', ['llama.attention.head_count', 'u32[]', [4]]),
      /2 numbers in llama\.attention\.head_count, found 1/,
    ],
  ];

  it('does not refuse the shape that they are made from', async () => {
    const path = writeGguf(join(models.folder, 'least.gguf'), { entries: shape });
    // 256 cells at the least, 2 layers, 64 wide, keys and values, 2 bytes.
    expect((await footprint(path, { contextSize: 1 })).kvCacheBytes).toBe(256 * 2 * 64 * 2 * 2);
  });

  for (const [name, entries, message] of bad) {
    it(`names ${name}`, async () => {
      const path = writeGguf(join(models.folder, 'bad.gguf'), { entries });
      await expect(footprint(path)).rejects.toMatchObject({
        code: 'ERR_MODEL_FILE',
        message: expect.stringMatching(message),
      });
    });
  }
});
