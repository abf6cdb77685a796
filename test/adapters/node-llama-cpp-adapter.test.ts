/** Contexts of the real `node-llama-cpp`: admitted, counted, settled and given back, whoever ends them. */
import { readFileSync } from 'node:fs';
import { getLlama, LlamaChatSession, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { InsufficientMemoryError } from '../../src/admission/insufficient-memory-error.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { estimateFootprint } from '../../src/estimate-footprint.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { collectUntil, recordEvents } from '../support/fake-sdk.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
let modelPath: string;
beforeAll(() => {
  files = makeTinyModels();
  modelPath = files.path('wide.gguf');
  const shape = { hidden: 1024, layers: 8, heads: 16, kvHeads: 16, ffn: 2816, vocab: 512, random: false } as const;
  writeLanguageModel(modelPath, { ...shape, quantization: 'Q4_0', context: 8192 });
});
afterAll(() => files.remove());

/** However busy the machine is. */
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

const LITTLE: GuardOptions = { minFreeBytes: 1 * MiB, minFreeRatioAfterLoad: 0, ledger: 'process' };

async function guarded(options: GuardOptions = {}) {
  // Threads that wait for each other by spinning take seconds for a token where the cores are busy.
  const raw = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
  const llama = withMemoryGuard(raw, { ...LITTLE, ...options });
  const events = recordEvents(llama.guard);
  onTestFinished(async () => {
    await llama.dispose();
    llama.guard.close();
  });
  const names = () => llama.guard.models().map(({ name }) => name.replace(/^.*\//, ''));
  return { raw, llama, guard: llama.guard, events, names };
}

/** A machine in which so much is left, whatever is loaded. */
const machine = (availableBytes: () => number) => ({
  sensor: () => ({ totalBytes: 64 * GiB, availableBytes: availableBytes() }),
});

/** As the engine says when it is asked; what it takes for itself meanwhile differs by some pages each time. */
const contextBytes = async (contextSize: number, embeddings = false) => {
  const asked = {
    modelPath,
    contextSize,
    batchSize: 512,
    embeddings,
    part: 'context',
    engine: 'node-llama-cpp',
  } as const;
  return (await estimateFootprint(asked)).totalBytes;
};
const PAGES_BYTES = 4 * MiB;

function expectAbout(bytes: number | undefined, expectedBytes: number): void {
  expect(bytes).toBeGreaterThan(expectedBytes - PAGES_BYTES);
  expect(bytes).toBeLessThan(expectedBytes + PAGES_BYTES);
}

describe('a context', () => {
  it('is admitted as a need of its own, beside its model', async () => {
    const { llama, guard, events, names } = await guarded(machine(() => 8 * GiB));
    const model = await llama.loadModel({ modelPath });
    // Until a first one is made, room is kept for it.
    await (await model.createContext({ contextSize: 256 })).dispose();
    events.splice(2);
    const beforeBytes = guard.headroomBytes();
    const context = await model.createContext({ contextSize: 2048 });
    expect(names()).toEqual(['wide.gguf', 'wide.gguf: context']);
    const [weights, cache] = guard.models();
    // Most of its weights are copied into an arrangement of the engine's own; nobody needs the pages that they were read from.
    expect(weights?.need.anonymousBytes).toBeGreaterThan(50 * MiB);
    expect(weights?.need.mappedBytes).toBeLessThan(10 * MiB);
    expect(cache?.need.mappedBytes).toBe(0);
    expectAbout(cache?.need.anonymousBytes, await contextBytes(2048));
    // On this machine nothing is seen to be taken; a small part of a load may go unseen.
    const promisedBytes = beforeBytes - guard.headroomBytes();
    expect(promisedBytes).toBeLessThanOrEqual((await contextBytes(2048)) + PAGES_BYTES);
    expect(promisedBytes).toBeGreaterThanOrEqual((await contextBytes(2048)) - 8 * MiB);
    const told = events.map(({ type }) => type).filter((type) => type !== 'unloaded');
    expect(told).toEqual(['admitted', 'loaded', 'admitted', 'loaded']);
    expect(context.contextSize).toBe(2048);
    await context.dispose();
    expect(names()).toEqual(['wide.gguf']);
  });

  it('is refused where it does not fit, and leaves its model as it is', async () => {
    let free = 8 * GiB;
    const { llama, names } = await guarded(machine(() => free));
    const model = await llama.loadModel({ modelPath });
    free = 200 * MiB;
    const refused = await model.createContext({ contextSize: 8192 }).catch((error: InsufficientMemoryError) => error);
    expect(refused).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expectAbout((refused as InsufficientMemoryError).requiredBytes, await contextBytes(8192));
    expect((refused as Error).message).toMatch(/wide\.gguf: context/);
    expect(names()).toEqual(['wide.gguf']);
    expect((await model.createContext({ contextSize: 512 })).contextSize).toBe(512);
  });

  it('is as large as fits where a range, or `auto`, leaves that open', async () => {
    let free = 8 * GiB;
    const { llama } = await guarded({ ...machine(() => free), minFreeBytes: 0 });
    const model = await llama.loadModel({ modelPath });
    await (await model.createContext({ contextSize: 256 })).dispose();
    const held = 8 * GiB - llama.guard.headroomBytes();
    const fits = async (contextSize: number) => {
      free = held + (await contextBytes(contextSize)) + PAGES_BYTES;
    };
    await fits(1024);
    const range = await model.createContext({ contextSize: { min: 256, max: 4096 } });
    expect(range.contextSize).toBe(1024);
    await range.dispose();
    await fits(6144);
    const auto = await model.createContext({ contextSize: 'auto' });
    expect(auto.contextSize).toBe(6144);
    await auto.dispose();
    const usual = await model.createContext();
    expect(usual.contextSize).toBe(4096);
  });

  it('counts every sequence', async () => {
    const { llama, guard } = await guarded();
    const model = await llama.loadModel({ modelPath });
    const one = await model.createContext({ contextSize: 1024 });
    const four = await model.createContext({ contextSize: 1024, sequences: 4 });
    expect([one.contextSize, four.contextSize]).toEqual([1024, 1024]);
    const [, { need } = { need: undefined }, fourfold] = guard.models();
    expect(fourfold?.need.anonymousBytes).toBeGreaterThan((need?.anonymousBytes ?? 0) + 3 * 32 * MiB - PAGES_BYTES);
  });

  it('for embeddings is counted with the outputs of a whole batch', async () => {
    const { llama, guard, names } = await guarded();
    const model = await llama.loadModel({ modelPath });
    const embeddings = await model.createEmbeddingContext({ contextSize: 512 });
    expect(names()[1]).toBe('wide.gguf: embedding context');
    expectAbout(guard.models()[1]?.need.anonymousBytes, await contextBytes(512, true));
    expect((await embeddings.getEmbeddingFor('hello')).vector).toHaveLength(1024);
    expect(guard.ledger.entries()[1]).toMatchObject({ state: 'settled' });
    await embeddings.dispose();
    expect(names()).toEqual(['wide.gguf']);
  });

  it('may be forced, waited for and given a footprint, as a load may', async () => {
    let free = 8 * GiB;
    const { llama, guard, events } = await guarded(machine(() => free));
    const model = await llama.loadModel({ modelPath });
    free = 200 * MiB;
    const asked = { contextSize: 8192 };
    const forced = await model.createContext({ ...asked, memoryGuard: { force: true } });
    await forced.dispose();
    expect(events.find((event) => 'forced' in event && event.forced)).toBeDefined();
    const given = await model.createContext({ contextSize: 512, memoryGuard: { footprint: 1 * MiB } });
    expect(guard.models()[1]?.need).toMatchObject({ basis: 'given', anonymousBytes: 1 * MiB });
    await given.dispose();
    const waiting = model.createContext({ ...asked, memoryGuard: { wait: true } });
    await eventually(() => expect(events.map(({ type }) => type)).toContain('waiting'));
    free = 8 * GiB;
    expect((await waiting).contextSize).toBe(8192);
  });

  it.each([5, null, 'large'])('is refused for options that are none (%j)', async (options) => {
    const { llama } = await guarded();
    const model = await llama.loadModel({ modelPath });
    await expect(model.createContext(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  it('changes nothing where the guard only observes', async () => {
    const { raw, llama, names } = await guarded({ mode: 'observe', ...machine(() => 1 * MiB) });
    const model = await llama.loadModel({ modelPath });
    const created = vi.spyOn(Object.getPrototypeOf(await rawModel(raw)) as LlamaModel, 'createContext');
    onTestFinished(() => void created.mockRestore());
    await model.createContext({ contextSize: { max: 512 } });
    expect(created.mock.lastCall).toEqual([{ contextSize: { max: 512 } }]);
    expect(names()).toEqual(['wide.gguf', 'wide.gguf: context']);
  });
});

describe('the end of a context', () => {
  it('comes with its own disposal, once, also by `Symbol.asyncDispose`', async () => {
    const { llama, events, names } = await guarded();
    const model = await llama.loadModel({ modelPath });
    const one = await model.createContext({ contextSize: 256 });
    await one[Symbol.asyncDispose]();
    await one.dispose();
    expect(names()).toEqual(['wide.gguf']);
    await eventually(() => expect(events.filter(({ type }) => type === 'unloaded')).toHaveLength(1));
  });

  it('comes with its model, and with all models', async () => {
    const { llama, guard, names } = await guarded();
    const model = await llama.loadModel({ modelPath });
    await model.createContext({ contextSize: 256 });
    await model.dispose();
    expect(names()).toEqual([]);
    const again = await llama.loadModel({ modelPath });
    const contexts = [await again.createContext({ contextSize: 256 }), await again.createContext({ contextSize: 256 })];
    expect(names()).toHaveLength(3);
    await llama.dispose();
    expect(contexts.map(({ disposed }) => disposed)).toEqual([true, true]);
    expect(guard.ledger.entries()).toEqual([]);
  });

  it('is noticed where it is reached past the guard, as through a session', async () => {
    const { llama, names } = await guarded();
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({ contextSize: 256 });
    const session = new LlamaChatSession({ contextSequence: context.getSequence() });
    const { context: rawContext, model: rawModel } = session;
    await rawContext.dispose();
    expect(names()).toEqual(['wide.gguf']);
    await rawModel.dispose();
    expect(names()).toEqual([]);
  });

  it('comes when nobody reaches it any more, and not while a session does', async () => {
    const { llama, events, names } = await guarded();
    let session: LlamaChatSession | undefined = await (async () => {
      const model = await llama.loadModel({ modelPath });
      const context = await model.createContext({ contextSize: 1024 });
      return new LlamaChatSession({ contextSequence: context.getSequence() });
    })();
    expect(await collectUntil(() => names().length < 2)).toBe(false);
    expect(await session.prompt('Hi', { maxTokens: 2 })).toHaveLength(2);
    expect(readFileSync('/proc/self/maps', 'utf8')).toContain(modelPath);
    session = undefined;
    expect(await collectUntil(() => names().length === 0)).toBe(true);
    await eventually(() => expect(events.filter(({ type }) => type === 'leaked')).toHaveLength(2));
    expect(readFileSync('/proc/self/maps', 'utf8')).not.toContain(modelPath);
    // Such a model holds a lock that `dispose` would wait for: node-llama-cpp 3.21.1, guarded or not.
    (
      llama as unknown as { _backendDisposeGuard: { _preventionHandles: number } }
    )._backendDisposeGuard._preventionHandles = 0;
  });

  it('keeps its model from being evicted until then if it is pinned', async () => {
    const { llama, guard, events, names } = await guarded({ keepAliveMs: 100 });
    const model = await llama.loadModel({ modelPath, memoryGuard: { pin: false } });
    const context = await model.createContext({ contextSize: 256, memoryGuard: { pin: true } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(names()).toHaveLength(2);
    await context.dispose();
    await eventually(() => expect(names()).toEqual([]));
    await expect(async () => model.createContext({ contextSize: 256 })).rejects.toMatchObject({
      code: 'ERR_MODEL_EVICTED',
    });
    expect(guard.models()).toEqual([]);
    // The library tells of the end within the guard's own disposal.
    await eventually(() =>
      expect(events.at(-1)).toMatchObject({ type: 'evicted', reason: 'keep-alive', model: modelPath }),
    );
    expect(events.filter(({ type }) => type === 'unloaded')).toHaveLength(1);
  });

  it('lets one in that waited for it', async () => {
    const { llama, names } = await guarded({ ...machine(() => 400 * MiB), minFreeBytes: 0 });
    const model = await llama.loadModel({ modelPath });
    const first = await model.createContext({ contextSize: 4096 });
    const second = model.createContext({ contextSize: 4096, memoryGuard: { wait: true } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(names()).toHaveLength(2);
    await first.dispose();
    expect((await second).contextSize).toBe(4096);
  });
});

describe('a sequence', () => {
  it('is called as its context, which has then taken what it needs', async () => {
    const { llama, guard } = await guarded();
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({ contextSize: 1024 });
    const session = new LlamaChatSession({ contextSequence: context.getSequence() });
    const state = () => guard.ledger.entries().at(-1)?.state;
    const busy: number[] = [];
    expect(state()).toBe('loaded');
    await session.prompt('Hi', { maxTokens: 4, onTextChunk: () => busy.push(guard.models()[1]?.callsInFlight ?? -1) });
    expect(busy[0]).toBe(1);
    expect(guard.models()[1]?.callsInFlight).toBe(0);
    expect(state()).toBe('settled');
    expect(guard.models()[1]?.observed).toHaveProperty('anonymousAfterCallBytes');
  });

  it('tells what a context takes by a prompt that fills a batch: the next estimate goes by it', async () => {
    const { llama, guard } = await guarded();
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({ contextSize: 1536 });
    const tokens = Array.from({ length: 700 }, (_, index) => (index % 200) as never);
    await context.getSequence().evaluateWithoutGeneratingNewTokens(tokens);
    await context.dispose();
    await model.createContext({ contextSize: 1536 });
    const { need } = guard.models()[1] ?? {};
    expect(need?.basis).toBe('measured');
    expect(need?.anonymousBytes).toBeLessThan((await contextBytes(1536)) + 8 * MiB);
    expect(need?.anonymousBytes).toBeGreaterThan(48 * MiB);
  });
});

/** Another raw model of the same library, for its prototype. */
async function rawModel(raw: Awaited<ReturnType<typeof getLlama>>): Promise<object> {
  const model = await raw.loadModel({ modelPath });
  onTestFinished(() => model.dispose());
  return model;
}
