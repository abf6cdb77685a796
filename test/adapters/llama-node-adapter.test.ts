import { createRequire } from 'node:module';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { isLlamaNode, llamaNodeAdapter } from '../../src/adapters/llama-node-adapter.ts';
import { MiB } from '../../src/core/bytes.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

const module = createRequire(import.meta.url)('@fugood/llama.node') as object;
const adapter: Adapter = llamaNodeAdapter(module as never);

interface Model {
  readonly parallel: {
    enable(options: object): Promise<boolean>;
    completion(options: object): Promise<{ promise: Promise<{ text: string }> }>;
    disable(): void;
  };
  tokenize(text: string): Promise<unknown>;
}

interface ModelLoader {
  loadModel(options: { model: string; n_ctx?: number; n_parallel?: number }): Promise<Model>;
}

const shapeOf = (options: object) => adapter.readRequest([{ model: '/m.gguf', ...options }]).shape;

describe('a guarded model of it', () => {
  const files = makeTinyModels();
  afterAll(() => files.remove());

  it('is not unloaded for idling while its slots are open', async () => {
    const options = { minFreeBytes: 1, minFreeRatioAfterLoad: 0, ledger: 'process', keepAliveMs: 20 } as const;
    const llama = withMemoryGuard(module as ModelLoader, options);
    onTestFinished(() => llama.guard.close());
    const model = await llama.loadModel({ model: files.model('Q4_0'), n_ctx: 512, n_parallel: 2 });
    await model.parallel.enable({ n_parallel: 2 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(llama.guard.models()).toHaveLength(1);
    const { promise } = await model.parallel.completion({ prompt: 'Hi', n_predict: 2 });
    expect((await promise).text.length).toBeGreaterThan(0);
    model.parallel.disable();
    await model.tokenize('Hi');
    await vi.waitFor(() => expect(llama.guard.models()).toEqual([]), { timeout: 20_000 });
  });
});

describe('a guarded model of it, in a process of its own since the engine may end that', () => {
  const files = makeTinyModels();
  afterAll(() => files.remove());

  it('outlives a release under a running completion, a second one beside it, and calls while it runs', async () => {
    const { code, signal, stdout } = await runProgram(
      `
      const { createRequire } = await import('node:module');
      const module = createRequire(${JSON.stringify(import.meta.url)})('@fugood/llama.node');
      const llama = door.withMemoryGuard(module, { minFreeBytes: 1, minFreeRatioAfterLoad: 0, ledger: 'process' });
      for (let round = 0; round < 3; round++) {
        const model = await llama.loadModel({ model: ${JSON.stringify(files.model('Q4_0'))}, n_ctx: 512 });
        const text = model.completion({ prompt: 'Hi', n_predict: 200, temperature: 0 });
        const ends = [model.release(), model.release()];
        const calls = [model.tokenize('Hi'), model.completion({ prompt: 'Hi', n_predict: 2 })];
        const told = await Promise.allSettled([text, ...ends, ...calls]);
        console.log('ROUND', told.map(({ status, reason }) => (status === 'fulfilled' ? 'done' : reason.message)).join(', '));
      }
      process.exit(0);
      `,
      { timeoutMs: 100_000 },
    );
    const answers = 'done, done, done, done, Context is disposed';
    expect({ code, signal, rounds: stdout.match(/(?<=ROUND ).*/g) }).toEqual({
      code: 0,
      signal: null,
      rounds: [answers, answers, answers],
    });
  }, 120_000);
});

describe('the module @fugood/llama.node', () => {
  it('is known by what it exports', () => {
    expect(isLlamaNode(module)).toBe(true);
    expect(isLlamaNode({ loadModel() {}, initLlama() {} })).toBe(false);
    expect(adapter.runtime).toMatch(/^@fugood\/llama\.node \(llama\.cpp b\d+\)$/);
  });

  it('loads with the defaults of its engine where nothing is said', () => {
    expect(shapeOf({})).toMatchObject({
      contextSize: 512,
      batchSize: 2048,
      microBatchSize: 512,
      kvCacheType: { k: 'f16', v: 'f16' },
      flashAttention: 'auto',
      gpuLayers: 0,
    });
  });

  it('says its shape by names of its own', () => {
    const options = {
      n_ctx: { min: 512, max: 4096 },
      n_batch: 256,
      n_ubatch: 1024,
      cache_type_k: 'q8_0',
      swa_full: true,
    };
    expect(shapeOf({ ...options, embedding: true, n_parallel: 2, use_mmap: false, n_gpu_layers: 99 })).toEqual({
      audioSeconds: 300,
      contextSize: { min: 512, max: 4096 },
      batchSize: 256,
      // The engine computes embeddings in one micro-batch.
      microBatchSize: 256,
      kvCacheType: { k: 'q8_0', v: 'f16' },
      flashAttention: 'auto',
      fullSlidingCache: true,
      embeddings: true,
      mmap: false,
      sequences: 2,
      // What the engine keeps of conversations, and how it goes on in a full context, unless it is told otherwise.
      stateCacheBytes: 160 * MiB,
      stateSnapshots: 8,
      contextShift: true,
      gpuLayers: 99,
    });
  });

  it('keeps snapshots of states as it is told', () => {
    const kept = ({ stateCacheBytes, stateSnapshots, contextShift }: ReturnType<typeof shapeOf> & object) => [
      stateCacheBytes,
      stateSnapshots,
      contextShift,
    ];
    const told = { state_cache_budget_mb: 32, state_cache_max_checkpoints: 0, ctx_shift: false };
    expect(kept(shapeOf(told)!)).toEqual([32 * MiB, 1_000_000, undefined]);
    expect(kept(shapeOf({ state_cache_budget_mb: -1, state_cache_max_checkpoints: -1 })!)).toEqual([0, 8, true]);
    expect(kept(shapeOf({ state_cache_max_checkpoints: 3 })!)).toEqual([160 * MiB, 3, true]);
  });

  it('needs for embeddings a micro-batch as long as a batch', () => {
    expect(shapeOf({ embedding: true, pooling_type: 'last' })).toMatchObject({ microBatchSize: 2048, pooling: 'last' });
    expect(shapeOf({ embedding: true, n_ubatch: 64, n_batch: 1024 })?.microBatchSize).toBe(1024);
    expect(shapeOf({ pooling_type: 'whatever' })).not.toHaveProperty('pooling');
  });

  it('listens to `flash_attn` only where the engine does', () => {
    expect(shapeOf({ flash_attn: false })?.flashAttention).toBe('auto');
    expect(shapeOf({ flash_attn: false, flash_attn_type: 'on' })?.flashAttention).toBe('on');
    expect(shapeOf({ flash_attn: true, flash_attn_type: '' })?.flashAttention).toBe('on');
    expect(shapeOf({ flash_attn_type: '' })?.flashAttention).toBe('off');
  });

  it('says whatever else changes its size', () => {
    const options = { n_ctx: 0, use_mlock: true, no_extra_bufts: true, vocab_only: true, kv_unified: true };
    expect(shapeOf(options)).toMatchObject({
      contextSize: 'trained',
      mlock: true,
      repack: false,
      part: 'vocabulary',
      unifiedKvCache: true,
    });
    expect(shapeOf({ lora: '/a.gguf', lora_list: [{ path: '/b.gguf', scaled: 1 }, { scaled: 1 }] })?.loraPaths).toEqual(
      ['/a.gguf', '/b.gguf'],
    );
    expect(shapeOf({ lora: '', lora_list: 'none' })).not.toHaveProperty('loraPaths');
    expect(shapeOf({ maxImagePixels: 4_000_000 })?.maxImagePixels).toBe(4_000_000);
    expect(shapeOf({ maxAudioSeconds: 60 })?.audioSeconds).toBe(60);
    expect(shapeOf({})?.audioSeconds).toBe(300);
  });

  it.each([
    [{ model_draft: '/d.gguf' }],
    [{ draft_model: '/d.gguf' }],
    [{ speculative: { model: '/d.gguf' } }],
    [{ speculative: { draft: { path: '/d.gguf' }, path: '/other.gguf' } }],
    [{ speculative: { draft_model: '/other.gguf' }, model_draft: '/d.gguf' }],
  ])('loads a draft model with it: %o', async (options) => {
    const offers = await adapter.listOffers?.([{ model: '/m.gguf', spec_type: 'draft-mtp', ...options }]);
    expect(offers).toEqual([{ modelPath: '/m.gguf', draftPath: '/d.gguf' }]);
    // The engine takes no notice of it.
    expect(await adapter.listOffers?.([{ model: '/m.gguf', ...options }])).toEqual([{ modelPath: '/m.gguf' }]);
  });

  it.each([
    [{ speculative: true }, 3],
    [{ speculative: 'mtp' }, 3],
    [{ speculative: { enabled: true, type: 'draft-mtp', n_max: 5 } }, 5],
    [{ speculative: { types: ['ngram-simple', 'mtp'], n_max: 5, draft: { n_max: 2 } } }, 2],
    [{ spec_type: ['draft-mtp'], spec_draft_n_max: 7 }, 7],
    [{ spec_type: 'draft-mtp', spec_draft_n_max: 7, 'speculative.n_max': 1 }, 1],
    [{ speculative: { enabled: false, type: 'mtp' } }, undefined],
    [{ spec_type: 'mtp', speculative: false }, undefined],
    [{ speculative: { type: 'draft-simple' } }, undefined],
    [{ speculative: 'ngram-cache' }, undefined],
    [{ speculative: {} }, undefined],
    [{ spec_draft_n_max: 7 }, undefined],
  ])('says how many tokens are guessed at once: %o', (options, draftTokens) => {
    expect(shapeOf(options)?.draftTokens).toBe(draftTokens);
  });

  it('says the types of the cache of draft layers', () => {
    const typesOf = (options: object) =>
      shapeOf({ spec_type: 'mtp', cache_type_k: 'q8_0', ...options })?.draftKvCacheType;
    expect(typesOf({})).toEqual({ k: 'f16', v: 'f16' });
    expect(typesOf({ speculative: { cache_type_k: 'f32' }, spec_draft_cache_type_v: 'bf16' })).toEqual({
      k: 'f32',
      v: 'bf16',
    });
  });

  it('loads no draft model for a kind of guessing that needs none', async () => {
    for (const speculative of [true, 'mtp', {}, undefined]) {
      expect(await adapter.listOffers?.([{ model: '/m.gguf', speculative }])).toEqual([{ modelPath: '/m.gguf' }]);
    }
  });

  it('is given the chosen context and file, and neither `memoryGuard` nor a projector to count', () => {
    const asked = [{ model: '/m-Q5_K_M.gguf', memoryGuard: {}, projectorPath: '/p.gguf', n_threads: 2 }, () => {}];
    const args = adapter.withQuantization(asked, 'Q4_0', '/m-Q4_0.gguf');
    expect(args).toEqual([{ model: '/m-Q4_0.gguf', n_threads: 2 }, asked[1]]);
    expect(adapter.withShape?.(args, { contextSize: 1024 })[0]).toMatchObject({ n_ctx: 1024 });
    const plain = [{ model: '/m.gguf' }];
    expect(adapter.withShape?.(adapter.withQuantization(plain, undefined, undefined), { contextSize: 512 })).toBe(
      plain,
    );
    expect(adapter.withShape?.(plain, { kvCacheType: 'q8_0' })).toBe(plain);
  });

  it.each([[[]], [['/m.gguf']], [[null]]])('is refused without options (%j)', (args) => {
    expect(() => adapter.readRequest(args)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  it.each([[{}], [{ model: '' }], [{ model: 5 }]])('is refused without a path (%j)', (options) => {
    expect(() => adapter.readRequest([options])).toThrow(expect.objectContaining({ code: 'ERR_UNKNOWN_MODEL' }));
  });

  it('is busy while its slots are, which no handle sees', () => {
    expect(adapter.isBusy?.({ parallel: { enabled: true } })).toBe(true);
    expect([adapter.isBusy?.({ parallel: { enabled: false } }), adapter.isBusy?.({})]).toEqual([false, false]);
  });

  it('is known as a namespace as well, as `import *` gives it', async () => {
    const namespace = (await import(/* @vite-ignore */ String('@fugood/llama.node'))) as object;
    expect(isLlamaNode(namespace)).toBe(true);
  });

  it('offers the file with the projector that is to be counted', async () => {
    const offers = await adapter.listOffers?.([{ model: '/nowhere/m.gguf', projectorPath: '/nowhere/p.gguf' }]);
    expect(offers).toEqual([{ modelPath: '/nowhere/m.gguf', projectorPath: '/nowhere/p.gguf' }]);
    expect(adapter.listFiles?.({}, [{ model: '/m.gguf' }])).toEqual(['/m.gguf']);
  });
});
