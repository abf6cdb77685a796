/** Models and contexts of the real `node-llama-cpp` that the guard unloads: how that is told, and what their handles do until they are loaded again. */
import { getLlama, LlamaLogLevel, LlamaModel } from 'node-llama-cpp';
import * as prometheus from 'prom-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { guardMetrics } from '../../src/metrics/guard-metrics.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { recordEvents } from '../support/fake-sdk.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 });
const evictedNow = expect.objectContaining({
  code: 'ERR_MODEL_EVICTED',
  message: expect.stringMatching(/`await (model|context)\.ready\(\)`/),
});

/** On this machine so much is left, whatever is loaded: what models hold is what is reserved for them. */
async function guarded(options: GuardOptions = {}) {
  let freeBytes = 8 * GiB;
  const raw = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
  const llama = withMemoryGuard(raw, {
    sensor: () => ({ totalBytes: 64 * GiB, availableBytes: freeBytes }),
    ledger: 'process',
    minFreeBytes: 0,
    minFreeRatioAfterLoad: 0,
    evict: 'idle',
    reload: true,
    ...options,
  });
  const { guard } = llama;
  const events = recordEvents(guard);
  onTestFinished(async () => {
    await llama.dispose();
    guard.close();
  });
  const names = () => guard.models().map(({ name }) => name.replace(/^.*\//, ''));
  /** A call that needs everything that is left, and what idle models hold. */
  const makeRoom = async () => {
    freeBytes = 400 * MiB;
    const filler = await guard.load({ name: 'filler', footprint: 400 * MiB }, async () => ({ dispose() {} }));
    freeBytes = 8 * GiB;
    filler.dispose();
  };
  const loadModel = (quantization: 'Q4_0' | 'F32' = 'Q4_0') =>
    llama.loadModel({ modelPath: files.model(quantization) });
  return { llama, guard, events, names, makeRoom, loadModel };
}

describe('a model that the guard has unloaded', () => {
  it('answers nothing at once and says what to do, and answers as ever once it is ready', async () => {
    const { names, makeRoom, loadModel } = await guarded();
    const model = await loadModel();
    const { tokenize } = model;
    const tokens = model.tokenize('hi');
    await makeRoom();
    expect(names()).toEqual([]);
    for (const call of [model.tokenize, tokenize, model.tokenizer]) expect(() => call('hi')).toThrow(evictedNow);
    expect(() => model.isEogToken(0 as never)).toThrow(evictedNow);
    expect(() => model.embeddingVectorSize).toThrow(evictedNow);
    expect(() => model.size).toThrow(expect.objectContaining({ cause: expect.any(Error) }));
    expect([model.disposed, model.filename]).toEqual([true, 'qwen2audio-Q4_0.gguf']);
    await model.ready();
    expect(names()).toEqual(['qwen2audio-Q4_0.gguf']);
    for (const call of [model.tokenize, tokenize, model.tokenizer]) expect(call('hi')).toEqual(tokens);
    expect(model.tokenizer.detokenize(tokens)).toBe('hi');
    expect([model.disposed, model.trainContextSize, model.embeddingVectorSize]).toEqual([false, 4096, 256]);
    expect(model.size).toBeGreaterThan(0);
    expect(model).toBeInstanceOf(LlamaModel);
  });

  it('is the same after many evictions, and is disposed once by its user', async () => {
    const { names, makeRoom, loadModel } = await guarded();
    const model = await loadModel();
    for (let round = 0; round < 4; round++) {
      await makeRoom();
      await Promise.all([model.ready(), model.ready()]);
      expect(names()).toEqual(['qwen2audio-Q4_0.gguf']);
      expect(model.tokenize('hi')).toHaveLength(2);
    }
    await model.dispose();
    expect(names()).toEqual([]);
    expect(() => model.tokenize('hi')).toThrow(expect.objectContaining({ code: 'ERR_RUNTIME' }));
    await expect(model.ready()).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });

  it('stays away without `reload`, and says that too', async () => {
    const { makeRoom, loadModel } = await guarded({ reload: false });
    const model = await loadModel();
    await model.ready();
    await makeRoom();
    const stays = { code: 'ERR_MODEL_EVICTED', message: expect.stringMatching(/use `reload: true`/) };
    expect(() => model.tokenize('hi')).toThrow(expect.objectContaining(stays));
    expect(() => model.trainContextSize).toThrow(expect.objectContaining(stays));
    await expect(model.ready()).rejects.toMatchObject(stays);
  });

  it('is told as evicted with its reason and counted, its contexts too, and never as unloaded', async () => {
    const { guard, events, makeRoom, loadModel } = await guarded();
    const registry = new prometheus.Registry();
    guardMetrics(guard, prometheus, { registry });
    const model = await loadModel('F32');
    await model.createEmbeddingContext({ contextSize: 256 });
    await model.createContext({ contextSize: 256 });
    events.length = 0;
    await makeRoom();
    await eventually(() => expect(events.filter(({ type }) => type === 'evicted')).toHaveLength(3));
    for (const event of events.filter(({ type }) => type === 'evicted'))
      expect(event).toMatchObject({ reason: 'memory' });
    expect(events.filter((event) => event.type === 'unloaded' && /gguf/.test(event.model))).toEqual([]);
    expect(await registry.metrics()).toMatch(/evictions_total\{guard="default",reason="memory"\} 3/);
  });
});

describe('a context that the guard has unloaded', () => {
  it('is made again with its model by the next call, and gives the same', async () => {
    const { names, makeRoom, loadModel } = await guarded();
    const embeddings = await (await loadModel('F32')).createEmbeddingContext({ contextSize: 256 });
    const { vector } = await embeddings.getEmbeddingFor('hello');
    await makeRoom();
    expect(names()).toEqual([]);
    expect(() => embeddings.calculateInputLength('hello')).toThrow(evictedNow);
    expect((await embeddings.getEmbeddingFor('hello')).vector).toEqual(vector);
    expect(names()).toEqual(['qwen2audio-F32.gguf', 'qwen2audio-F32.gguf: embedding context']);
    expect(embeddings.calculateInputLength('hello')).toBe(5);
    await embeddings.dispose();
    expect(names()).toEqual(['qwen2audio-F32.gguf']);
  });

  it('is made again although the signals that it was made with have fired since', async () => {
    const { names, makeRoom, loadModel } = await guarded();
    const [own, wait] = [new AbortController(), new AbortController()];
    const options = { contextSize: 256, createSignal: own.signal, memoryGuard: { signal: wait.signal } };
    const embeddings = await (await loadModel('F32')).createEmbeddingContext(options);
    own.abort();
    wait.abort();
    await makeRoom();
    await embeddings.ready();
    expect(names()).toHaveLength(2);
  });

  it('goes alone where that is enough, and its model stays', async () => {
    const evict: GuardOptions['evict'] = (idle) => idle.filter(({ contextOf }) => contextOf !== undefined);
    const { names, makeRoom, loadModel } = await guarded({ evict });
    const model = await loadModel();
    const context = await model.createContext({ contextSize: 256 });
    await expect(makeRoom()).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expect(names()).toEqual(['qwen2audio-Q4_0.gguf']);
    expect(() => context.getSequence()).toThrow(evictedNow);
    await context.ready();
    const sequence = context.getSequence();
    await sequence.evaluateWithoutGeneratingNewTokens(model.tokenize('hi'));
    expect(sequence.nextTokenIndex).toBe(2);
    expect([context.sequencesLeft, context.disposed]).toEqual([0, false]);
  });
});

describe('a model with contexts that nobody uses', () => {
  it('goes with them when all were idle for too long', async () => {
    const { events, names, loadModel } = await guarded({ keepAliveMs: 300 });
    const model = await loadModel('F32');
    const embeddings = await model.createEmbeddingContext({ contextSize: 256 });
    for (let round = 0; round < 10; round++) {
      await embeddings.getEmbeddingFor('hello');
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(names()).toHaveLength(2);
    }
    await eventually(() => expect(names()).toEqual([]));
    await eventually(() => expect(events.filter(({ type }) => type === 'evicted')).toHaveLength(2));
    for (const event of events.filter(({ type }) => type === 'evicted'))
      expect(event).toMatchObject({ reason: 'keep-alive' });
    expect(events.filter(({ type }) => type === 'unloaded' || type === 'degraded')).toEqual([]);
  });

  it('stays while a sequence holds a text, and goes once that is disposed', async () => {
    const { names, loadModel } = await guarded({ keepAliveMs: 100 });
    const model = await loadModel('F32');
    const context = await model.createContext({ contextSize: 256 });
    const sequence = context.getSequence();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(names()).toHaveLength(2);
    await sequence.dispose();
    await eventually(() => expect(names()).toEqual([]));
  });

  it('stays while one of them is pinned, or works', async () => {
    const { names, makeRoom, loadModel } = await guarded();
    const pinned = await (await loadModel()).createContext({ contextSize: 256, memoryGuard: { pin: true } });
    await expect(makeRoom()).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    await pinned.dispose();
    const working = await (await loadModel('F32')).createContext({ contextSize: 4096 });
    const sequence = working.getSequence();
    const tokens = Array.from({ length: 2000 }, (_, index) => (index % 90) as never);
    const call = sequence.evaluateWithoutGeneratingNewTokens(tokens);
    await expect(makeRoom()).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    await call;
    await sequence.dispose();
    await makeRoom();
    expect(names()).toEqual([]);
  });
});
