import { describe, expect, it } from 'vitest';
import { nodeLlamaCppAdapter } from '../../src/adapters/node-llama-cpp-adapter.ts';
import { contextAdapter, type LlamaModel } from '../../src/adapters/node-llama-cpp-context.ts';

const contextOf = (options: unknown, model: LlamaModel = {}, kind = '') =>
  contextAdapter('runtime', model, kind, '/m.gguf').readRequest([options]);

describe('the options of a context', () => {
  it('are the defaults of the model, and the guard’s own for its size', () => {
    const model = {
      trainContextSize: 8192,
      defaultContextFlashAttention: false,
      defaultContextSwaFullCache: true,
      defaultContextKvCacheKeyType: 8,
      defaultContextKvCacheValueType: 1,
    };
    expect(contextOf(undefined, model)).toEqual({
      name: 'context',
      memoryGuard: undefined,
      shape: {
        part: 'context',
        simulatesLoads: true,
        stateCacheBytes: Number.MAX_SAFE_INTEGER,
        stateSnapshots: 32,
        stateSnapshotTokens: 8192,
        contextSize: { min: 2048, max: 4096 },
        sequences: 1,
        batchSize: 512,
        microBatchSize: 512,
        kvCacheType: { k: 'q8_0', v: 'f16' },
        flashAttention: 'off',
        fullSlidingCache: true,
        embeddings: false,
      },
    });
  });

  it('have the paths of their adapters, and a kind of pooling for rankings', () => {
    const shape = (options: object, kind = '') => contextOf(options, {}, kind).shape;
    expect(shape({ lora: '/a.gguf' })?.loraPaths).toEqual(['/a.gguf']);
    expect(shape({ lora: { adapters: [{ filePath: '/a.gguf', scale: 2 }, {}] } })?.loraPaths).toEqual(['/a.gguf']);
    expect(shape({ lora: { adapters: 'none' } })).not.toHaveProperty('loraPaths');
    expect(shape({}, 'Ranking')).toMatchObject({ embeddings: true, pooling: 'rank' });
  });

  it.each([
    [undefined, { min: 512, max: 512 }],
    ['auto', { min: 24, max: 512 }],
    [{ min: 256 }, { min: 256, max: 512 }],
    [{ max: 384 }, { min: 24, max: 384 }],
    [300, 300],
    ['large', 'large'],
  ])('ask for %j of a model that was trained for 512 tokens as %j', (contextSize, expected) => {
    expect(contextOf({ contextSize }, { trainContextSize: 512 }).shape?.contextSize).toEqual(expected);
  });

  it('count all sequences together', () => {
    expect(contextOf({ contextSize: 100, sequences: 3 }).shape).toMatchObject({ contextSize: 300, sequences: 3 });
    expect(contextOf({ contextSize: { min: 100, max: 200 }, sequences: 2 }).shape?.contextSize).toEqual({
      min: 200,
      max: 400,
    });
    expect(contextOf({ contextSize: 100 }, {}, 'Decision').shape).toMatchObject({ contextSize: 400, sequences: 4 });
    const adapter = contextAdapter('runtime', {}, '', '/m.gguf');
    expect(adapter.withShape?.([{ sequences: 2 }], { contextSize: 512 })).toEqual([{ sequences: 2, contextSize: 256 }]);
  });

  it.each([
    [{}, { swaSize: 512 }, 513],
    [{ batchSize: 128, sequences: 2 }, { swaSize: 512 }, 129],
    [{ batchSize: 2, sequences: 4 }, { swaSize: 512 }, 5],
    [{ batchSize: 2, sequences: 4 }, {}, 4],
    [{ swaFullCache: true }, { swaSize: 512 }, 512],
    [{}, { swaSize: 0 }, 512],
    [{}, {}, 512],
  ])('of %j with %j compute %i tokens at once', (options, fileInsights, expected) => {
    const { shape } = contextOf(options, { fileInsights });
    expect([shape?.batchSize, shape?.microBatchSize]).toEqual([expected, expected]);
  });

  it.each([
    ['Q8_0', 'q8_0'],
    [30, 'bf16'],
    ['currentQuant', 'f32'],
    [12, 'f32'],
  ])('name a cache of type %j as %j', (type, expected) => {
    const { shape } = contextOf({ experimentalKvCacheKeyType: type, experimentalKvCacheValueType: type });
    expect(shape?.kvCacheType).toEqual({ k: expected, v: expected });
  });

  it.each([
    ['auto', 'auto'],
    [true, 'on'],
    [false, 'off'],
  ])('say flash attention as %j', (flashAttention, expected) => {
    expect(contextOf({ flashAttention }).shape?.flashAttention).toBe(expected);
  });

  it('are of a kind: embeddings and rankings keep all outputs', () => {
    expect(contextOf({}, {}, 'Embedding')).toMatchObject({ name: 'embedding context', shape: { embeddings: true } });
    expect(contextOf({}, {}, 'Ranking')).toMatchObject({ name: 'ranking context', shape: { embeddings: true } });
  });

  it('reach the library unchanged where nothing is chosen, and without `memoryGuard`', async () => {
    const adapter = contextAdapter('runtime', {}, '', '/m.gguf');
    const args = [{ contextSize: 256 }];
    expect(adapter.withQuantization(args, undefined, undefined)).toBe(args);
    expect(adapter.withShape?.(args, { contextSize: 256 })).toBe(args);
    expect(adapter.withShape?.(args, {})).toBe(args);
    expect(adapter.withQuantization([{ memoryGuard: {}, threads: 1 }], undefined, undefined)).toEqual([{ threads: 1 }]);
    expect(await adapter.listOffers?.([])).toEqual([{ modelPath: '/m.gguf' }]);
    expect(adapter.hasFilledMicroBatch?.({})).toBe(false);
  });
});

describe('the options of weights', () => {
  const llama = { gpu: false, systemInfo: 'AVX2 = 1 | REPACK = 1 |', supportsMmap: true, llamaCppRelease: {} };
  const shapeOf = (options: object, other: object = {}) =>
    nodeLlamaCppAdapter({ ...llama, ...other } as never).readRequest([{ modelPath: '/m.gguf', ...options }]).shape;

  it.each([
    [{}, {}, { mmap: true, directIo: false, simulatesLoads: true, repack: true, gpuLayers: 0 }],
    [{ useMmap: 'auto' }, { systemInfo: 'AVX2 = 1' }, { mmap: true, repack: false }],
    [{ useMmap: false }, {}, { mmap: false }],
    [{ useDirectIo: true }, {}, { directIo: true }],
    [{}, { supportsMmap: false }, { mmap: false }],
    [{ gpuLayers: 'max' }, {}, { gpuLayers: 0 }],
    [{ gpuLayers: 'max' }, { gpu: 'cuda' }, { gpuLayers: 1 }],
    [{ gpuLayers: 7 }, { gpu: 'cuda' }, { gpuLayers: 7 }],
  ])('%j with %j', (options, other, expected) => {
    expect(shapeOf(options, other)).toMatchObject({ part: 'weights', ...expected });
  });

  it('are no contexts, and other methods of a model make none', () => {
    const adapter = nodeLlamaCppAdapter(llama as never);
    for (const method of ['tokenize', 'dispose', Symbol.asyncDispose]) {
      expect(adapter.adaptContext?.({}, method, ['/m.gguf'])).toBeUndefined();
    }
    expect(adapter.adaptContext?.({}, 'createContext', [])).toBeUndefined();
    expect(adapter.adaptContext?.({}, 'createRankingContext', ['/m.gguf'])).toBeDefined();
  });
});
