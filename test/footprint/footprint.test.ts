/** The arithmetic by hand, bounds for what is unknown, and what is refused. */
import { copyFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type EstimateFootprintOptions, estimateFootprint } from '../../src/footprint/estimate-footprint.ts';
import { computeFootprint } from '../../src/footprint/footprint.ts';
import { repacksByDefault } from '../../src/footprint/llama-cpp/repacked-weights.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { type Shape, SMALL } from '../../tools/architectures.mjs';
import { fullLanguage, fullProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { type Entry, smallProjector, writeGguf } from '../support/gguf-writer.ts';
import { makeModels } from '../support/model-headers.ts';

const MiB = 2 ** 20;
const models = makeModels();
afterAll(() => models.remove());

const llama = () => models.model({ architecture: 'llama', ...SMALL['llama'] }, 'llama.gguf');
const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('the full shape of Qwen2-Audio', () => {
  const path = join(models.folder, 'full.gguf');

  it('needs what the engine printed for it', async () => {
    writeLanguageModel(path, { ...fullLanguage, quantization: 'Q4_K_M' });
    const estimated = await footprint(path, { projectorPath: models.projector(fullProjector), contextSize: 2048 });
    expect(estimated.weightsBytes / MiB).toBeCloseTo(4562.71, 1);
    expect(estimated.kvCacheBytes).toBe(1024 * MiB);
    // Logits, the place for embeddings, the last norm, and which tokens are answered.
    expect(estimated.computeBytes).toBe(512 * 156_032 * 4 + 2 * 512 * 4096 * 4 + 512 * 4);
    expect(estimated.outputBytes).toBe(156_032 * 4);
    expect(estimated.projectorBytes / MiB).toBeCloseTo(1229.55, 1);
    expect(estimated.projectorComputeBytes / MiB).toBeCloseTo(51.27, 2);
    expect(estimated.mappedBytes).toBe(estimated.weightsBytes);
    expect(estimated.mappedBytes + estimated.anonymousBytes).toBe(estimated.totalBytes);
    expect(estimated).toMatchObject({ basis: 'gguf', upperBound: false, notes: [] });
  });

  it('is a frozen object of safe integers', async () => {
    const estimated = await footprint(path, { contextSize: 2 ** 31 - 1 });
    expect(Object.isFrozen(estimated) && Object.isFrozen(estimated.notes)).toBe(true);
    for (const [part, bytes] of Object.entries(estimated)) {
      if (part.endsWith('Bytes')) expect(Number.isSafeInteger(bytes) && (bytes as number) >= 0, part).toBe(true);
    }
  });

  it('grows by half a MiB for each token of context', async () => {
    const [small, large] = [await footprint(path, { contextSize: 2048 }), await footprint(path, { contextSize: 4096 })];
    expect(large.kvCacheBytes - small.kvCacheBytes).toBe(2048 * 0.5 * MiB);
  });
});

describe('caches', () => {
  it('hold fewer heads with grouped-query attention', async () => {
    const shape = { architecture: 'llama', heads: 8 };
    const all = await footprint(models.model({ ...shape, kvHeads: 8 }));
    const grouped = await footprint(models.model({ ...shape, kvHeads: 2 }));
    expect(all.kvCacheBytes).toBe(4 * grouped.kvCacheBytes);
  });

  it('hold the heads of each layer where they differ', async () => {
    const shape = { architecture: 'llama', heads: 8, layers: 4 };
    const each = await footprint(models.model({ ...shape, kvHeads: [8, 4, 2, 2] }), { contextSize: 1024 });
    // 64 elements a head, keys and values, 2 bytes.
    expect(each.kvCacheBytes).toBe(1024 * (8 + 4 + 2 + 2) * 64 * 2 * 2);
  });

  it('pad values to the widest layer without flash attention', async () => {
    const path = models.model({ architecture: 'llama', heads: 8, layers: 4, kvHeads: [8, 4, 2, 2] });
    const off = await footprint(path, { contextSize: 1024, flashAttention: 'off' });
    expect(off.kvCacheBytes).toBe(1024 * (8 + 4 + 2 + 2 + 4 * 8) * 64 * 2);
  });

  it('count the types of keys and values apart', async () => {
    const [f16, mixed] = [await footprint(llama()), await footprint(llama(), { kvCacheType: { k: 'q8_0', v: 'f16' } })];
    expect(mixed.kvCacheBytes).toBe(f16.kvCacheBytes / 2 + (f16.kvCacheBytes / 2) * (34 / 64));
  });

  it('are rounded up to 256 cells', async () => {
    const [one, full] = [await footprint(llama(), { contextSize: 1 }), await footprint(llama(), { contextSize: 256 })];
    expect(one.kvCacheBytes).toBe(full.kvCacheBytes);
  });

  it('of sliding layers hold the window and a micro-batch', async () => {
    const shape = { architecture: 'gemma3', ...SMALL['gemma3'], window: 512 };
    const sliding = await footprint(models.model(shape), { contextSize: 8192 });
    // 8 layers in a pattern of 6: layers 5 sees everything; 256 elements, keys and values, 2 bytes.
    expect(sliding.kvCacheBytes).toBe((1 * 8192 + 7 * (512 + 512)) * 256 * 2 * 2);
    const whole = await footprint(models.model(shape), { contextSize: 8192, fullSlidingCache: true });
    expect(whole.kvCacheBytes).toBe(8 * 8192 * 256 * 2 * 2);
  });

  it('of sliding layers are no larger than the context', async () => {
    const shape = { architecture: 'gemma3', ...SMALL['gemma3'], window: 4096 };
    const short = await footprint(models.model(shape), { contextSize: 1024 });
    expect(short.kvCacheBytes).toBe(8 * 1024 * 256 * 2 * 2);
  });

  it('of hybrid layers are states that do not grow with the context', async () => {
    const path = models.model({ architecture: 'lfm2', ...SMALL['lfm2'] });
    const [small, large] = [await footprint(path, { contextSize: 1024 }), await footprint(path, { contextSize: 2048 })];
    // Two of six layers attend with two heads; the others keep two columns of 512 floats.
    expect(large.kvCacheBytes - small.kvCacheBytes).toBe(1024 * 2 * 2 * 64 * 2 * 2);
    expect(small.kvCacheBytes - (large.kvCacheBytes - small.kvCacheBytes)).toBe(4 * 2 * 512 * 4);
  });

  it('of recurrent models do not depend on the context at all', async () => {
    const path = models.model({ architecture: 'mamba', ...SMALL['mamba'] });
    const [small, large] = [
      await footprint(path, { contextSize: 1024 }),
      await footprint(path, { contextSize: 65_536 }),
    ];
    expect(large.kvCacheBytes).toBe(small.kvCacheBytes);
  });
});

describe('weights', () => {
  it('are anonymous without mmap', async () => {
    const [mapped, read] = [await footprint(llama()), await footprint(llama(), { mmap: false })];
    expect(mapped.mappedBytes).toBe(mapped.weightsBytes);
    expect(read.mappedBytes).toBe(0);
    expect(read.weightsBytes).toBeGreaterThanOrEqual(mapped.weightsBytes);
  });

  it('are there twice where they are mapped and rearranged, but for the embedding', async () => {
    const file = await readGguf(llama());
    const embedding = file.tensors.find('token_embd.weight')?.bytes as number;
    const matrices = file.tensors.kinds
      .filter(({ dims }) => dims.length > 1)
      .reduce((sum, { bytes, count }) => sum + bytes * count, 0);
    const [plain, twice] = [await footprint(llama()), await footprint(llama(), { repack: true })];
    expect(twice.anonymousBytes - plain.anonymousBytes).toBe(matrices - embedding);
    expect(twice).toMatchObject({ upperBound: true, notes: [expect.stringMatching(/depends on the CPU/)] });
  });

  it('are counted over all shards, each from its first tensor to its last', async () => {
    const whole: Entry[] = [
      ['general.architecture', 'string', 'llama'],
      ['llama.embedding_length', 'u32', 64],
      ['llama.block_count', 'u32', 1],
      ['llama.attention.head_count', 'u32', 4],
      ['llama.vocab_size', 'u32', 100],
    ];
    const tensors = [
      { name: 'token_embd.weight', dims: [64, 100], type: 'F32' as const },
      { name: 'output_norm.weight', dims: [63], type: 'F32' as const },
    ];
    const [first] = [0, 1, 2].map((shard) => {
      const split: Entry[] = [
        ['split.no', 'u16', shard],
        ['split.count', 'u16', 3],
        ['split.tensors.count', 'i32', 2],
      ];
      // The last one has no tensors.
      const path = join(models.folder, `split-0000${shard + 1}-of-00003.gguf`);
      const entries = shard === 0 ? [...whole, ...split] : split;
      return writeGguf(path, { entries, tensors: tensors.slice(shard, shard + 1) });
    });
    const estimated = await footprint(first as string);
    expect(estimated.mappedBytes).toBe(64 * 100 * 4 + 63 * 4);
    expect((await footprint(first as string, { mmap: false })).weightsBytes).toBe(64 * 100 * 4 + 64 * 4);
  });

  it('are rearranged in place where they are not mapped', async () => {
    const [plain, once] = [
      await footprint(llama(), { mmap: false }),
      await footprint(llama(), { mmap: false, repack: true }),
    ];
    expect(once.totalBytes).toBe(plain.totalBytes);
  });

  it('are said to be bounded where nothing is known of the CPU', async () => {
    const options = {
      contextSize: 512,
      batchSize: 512,
      microBatchSize: 512,
      sequences: 1,
      keyType: 'f16',
      valueType: 'f16',
    };
    const guessed = {
      ...options,
      flashAttention: true,
      fullSlidingCache: false,
      embeddings: false,
      mmap: true,
      repack: true,
      repackNote: 'a guess',
      gpuLayers: 0,
      part: 'all' as const,
    };
    expect(computeFootprint(await readGguf(llama()), undefined, guessed)).toMatchObject({
      upperBound: true,
      notes: ['a guess'],
    });
    expect([repacksByDefault('x64'), repacksByDefault('arm64')]).toEqual([false, true]);
  });

  it('on a GPU are counted as if they stayed, and it says so', async () => {
    const [all, offloaded] = [await footprint(llama()), await footprint(llama(), { gpuLayers: 99 })];
    expect(offloaded).toMatchObject({ totalBytes: all.totalBytes, upperBound: true });
    expect(offloaded.notes[0]).toMatch(/GPU/);
  });
});

describe('weights and contexts that are loaded apart', () => {
  it('share what both take together, but for the engine itself', async () => {
    const all = await footprint(llama(), { contextSize: 2048, repack: true });
    const weights = await footprint(llama(), { contextSize: 2048, repack: true, part: 'weights' });
    const context = await footprint(llama(), { contextSize: 2048, repack: true, part: 'context' });
    expect(weights).toMatchObject({ weightsBytes: all.weightsBytes, mappedBytes: all.mappedBytes, kvCacheBytes: 0 });
    expect(context).toMatchObject({ kvCacheBytes: all.kvCacheBytes, computeBytes: all.computeBytes, mappedBytes: 0 });
    expect(context.weightsBytes).toBe(0);
    expect(weights.totalBytes + context.totalBytes - all.totalBytes).toBe(5 * MiB);
  });

  it('grow each by its own: a context by its tokens, weights by none', async () => {
    const at = (contextSize: number, part: 'weights' | 'context') => footprint(llama(), { contextSize, part });
    expect((await at(8192, 'context')).totalBytes).toBeGreaterThan((await at(2048, 'context')).totalBytes);
    expect((await at(8192, 'weights')).totalBytes).toBe((await at(2048, 'weights')).totalBytes);
  });
});

describe('embeddings', () => {
  it('keep the outputs of a whole batch', async () => {
    const [text, embeddings] = [await footprint(llama()), await footprint(llama(), { embeddings: true })];
    expect(text.outputBytes).toBe(2048 * 4);
    expect(embeddings.outputBytes).toBe(512 * (2048 + 512) * 4);
    expect(embeddings.computeBytes).toBe(text.computeBytes);
  });
});

describe('an unknown architecture', () => {
  for (const [architecture, small] of Object.entries(SMALL)) {
    it(`gets an upper bound, and says so: ${architecture} under another name`, async () => {
      for (const flashAttention of ['on', 'off'] as const) {
        const shape: Shape = { architecture, ...small, vocab: 512 };
        const known = await footprint(models.model(shape), { flashAttention });
        const unknown = await footprint(models.model({ ...shape, header: 'mystery' }), { flashAttention });
        for (const part of ['kvCacheBytes', 'computeBytes', 'runtimeBytes', 'totalBytes'] as const) {
          expect(unknown[part], part).toBeGreaterThanOrEqual(known[part]);
        }
        expect(unknown.upperBound).toBe(true);
        expect(unknown.notes[0]).toMatch(/"mystery" is unknown/);
      }
    });
  }
});

describe('an unknown projector', () => {
  const entries = (type: string, kind: 'audio' | 'vision'): Entry[] => [
    ['general.architecture', 'string', 'clip'],
    [`clip.has_${kind}_encoder`, 'bool', true],
    ['clip.projector_type', 'string', type],
    [`clip.${kind}.embedding_length`, 'u32', 64],
    [`clip.${kind}.feed_forward_length`, 'u32', 128],
    [`clip.${kind}.block_count`, 'u32', 2],
    [`clip.${kind}.attention.head_count`, 'u32', 4],
    [`clip.${kind}.projection_dim`, 'u32', 512],
    ...((kind === 'audio'
      ? [['clip.audio.num_mel_bins', 'u32', 128]]
      : [
          ['clip.vision.image_size', 'u32', 448],
          ['clip.vision.patch_size', 'u32', 14],
        ]) as Entry[]),
  ];
  const written = (type: string, kind: 'audio' | 'vision') =>
    writeGguf(join(models.folder, `${type}-${kind}.gguf`), { entries: entries(type, kind), tensors: [] });

  it('gets an upper bound, and says so', async () => {
    const known = await footprint(llama(), { projectorPath: written('qwen2a', 'audio') });
    const unknown = await footprint(llama(), { projectorPath: written('newer', 'audio') });
    expect(unknown.projectorComputeBytes).toBeGreaterThan(known.projectorComputeBytes);
    expect([known.upperBound, unknown.upperBound]).toEqual([false, true]);
    expect(unknown.notes[0]).toMatch(/"newer" is unknown/);
  });

  it('for images has room for all patches that attend to each other', async () => {
    const newer = await footprint(llama(), { projectorPath: written('newer', 'vision') });
    expect(newer.projectorComputeBytes).toBeGreaterThan(16_384 ** 2 * 6);
    const fixed = await footprint(llama(), { projectorPath: written('mlp', 'vision') });
    expect(fixed.projectorComputeBytes).toBeLessThan(newer.projectorComputeBytes / 10);
    expect([newer.upperBound, fixed.upperBound]).toEqual([true, true]);
  });

  it('with more layers than any has is refused', async () => {
    const deep = entries('qwen2a', 'audio').map((entry) =>
      entry[0] === 'clip.audio.block_count' ? (['clip.audio.block_count', 'u32', 2 ** 20] as const) : entry,
    );
    const path = writeGguf(join(models.folder, 'deep.gguf'), { entries: deep });
    await expect(footprint(llama(), { projectorPath: path })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(/from 0 to 512 in clip\.audio\.block_count, found 1048576/),
    });
  });

  it('without an encoder is refused', async () => {
    const path = writeGguf(join(models.folder, 'empty.gguf'), {
      entries: [['general.architecture', 'string', 'clip']],
    });
    await expect(footprint(llama(), { projectorPath: path })).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  });

  it('without its keys is refused', async () => {
    const path = writeGguf(join(models.folder, 'small-projector.gguf'), smallProjector());
    await expect(footprint(llama(), { projectorPath: path })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(/clip\.audio\.\w+/),
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

  it('names a projector given as a model', async () => {
    const path = models.projector({ width: 64 });
    await expect(footprint(path)).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(/found a projector; pass it as `projectorPath`/),
    });
  });

  it('names a model given as a projector', async () => {
    await expect(footprint(llama(), { projectorPath: llama() })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(/found a model of architecture "llama"/),
    });
  });

  it('names a truncated one', async () => {
    const path = join(models.folder, 'truncated.gguf');
    copyFileSync(llama(), path);
    truncateSync(path, 200_000);
    await expect(footprint(path)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  });
});

describe('options that are refused', () => {
  const bad: [object, RegExp][] = [
    [{ contextSize: 2 ** 31 }, /`contextSize` to be a whole number from 1 to 2147483647, got 2147483648/],
    [{ contextSize: Number.NaN }, /`contextSize`.*NaN/],
    [{ contextSize: 0 }, /`contextSize`/],
    [{ microBatchSize: 1.5 }, /`microBatchSize`/],
    [{ batchSize: '512' }, /`batchSize`/],
    [{ sequences: 257 }, /`sequences` to be a whole number from 1 to 256/],
    [{ kvCacheType: 'q3_k' }, /`kvCacheType` to be one of f16, /],
    [{ kvCacheType: { k: 'f16' } }, /`kvCacheType`/],
    [{ kvCacheType: 'q8_0', flashAttention: 'off' }, /not quantized without flash attention/],
    [{ flashAttention: true }, /'auto', 'on' or 'off'/],
    [{ mmap: 'yes' }, /`mmap` to be true or false/],
    [{ repack: 1 }, /`repack` to be 'auto', true or false/],
    [{ gpuLayers: -1 }, /`gpuLayers`/],
    [{ modelPath: '' }, /`modelPath`/],
    [{ projectorPath: 'a\0b' }, /`projectorPath`/],
    [{ contextLength: 1 }, /Unknown option `contextLength`/],
  ];
  for (const [options, message] of bad) {
    it(`refuses ${JSON.stringify(options)}`, async () => {
      await expect(estimateFootprint({ modelPath: llama(), ...options })).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringMatching(message),
      });
    });
  }

  it('refuses to do without a model', async () => {
    await expect(estimateFootprint({} as EstimateFootprintOptions)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
  });

  it('does not refuse a quantized cache of keys without flash attention', async () => {
    const { kvCacheBytes } = await footprint(llama(), { kvCacheType: { k: 'q8_0', v: 'f16' }, flashAttention: 'off' });
    expect(kvCacheBytes).toBeGreaterThan(0);
  });

  it('refuses a context whose cache no number counts exactly', async () => {
    const path = writeGguf(join(models.folder, 'vast.gguf'), {
      entries: [
        ['general.architecture', 'string', 'llama'],
        ['llama.embedding_length', 'u32', 2 ** 20],
        ['llama.block_count', 'u32', 512],
        ['llama.attention.head_count', 'u32', 64],
        ['llama.vocab_size', 'u32', 100],
      ],
    });
    await expect(footprint(path, { contextSize: 2 ** 31 - 1 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});
