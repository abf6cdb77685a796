/**
 * The guard over the real machine, the embedded runtime's real engine and the double of the SDK's library, which takes real
 * memory: tiny models, and real control groups where they can be made.
 */
import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ADAPTER } from '../../src/adapters/adapter.ts';
import { MiB } from '../../src/core/bytes.ts';
import type { GuardEvent } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { NexaSDK } from '../../src/sdk/nexa-sdk.ts';
import type { InitializeOptions } from '../../src/sdk/sdk-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { collectUntil, recordEvents } from '../support/fake-sdk.ts';
import { doubleLibrary } from '../support/nexa/libraries.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const noControlGroups = whyNoControlGroups();
if (noControlGroups !== undefined) console.warn(`The guard is not tested under a limit: ${noControlGroups}.`);

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

/** Not so much is needed that the machine of a test could refuse it. */
const footprint = () => ({ mappedBytes: 2 * MiB, anonymousBytes: 64 * MiB });
const MEMORY_GUARD = { memoryGuard: { footprint } };
const LITTLE: GuardOptions = { minFreeBytes: 1 * MiB, minFreeRatioAfterLoad: 0 };

const ENGINES: readonly { readonly engine: string; readonly initialize: InitializeOptions }[] = [
  { engine: 'the embedded engine', initialize: { runtime: 'llama' } },
  { engine: "the double of the SDK's library", initialize: { libraryPath: doubleLibrary() } },
];

async function guarded(options: GuardOptions = {}, initialize: InitializeOptions = {}) {
  const sdk = await NexaSDK.initialize({ ...initialize, modelsDir: files.folder });
  const nexa = withMemoryGuard(sdk, { ...LITTLE, ...options });
  const events = recordEvents(nexa.guard);
  return { sdk, nexa, guard: nexa.guard, events };
}

async function until(events: readonly GuardEvent[], type: GuardEvent['type']): Promise<void> {
  for (let round = 0; round < 300 && !events.some((event) => event.type === type); round++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe.each(ENGINES)('guarded, $engine', ({ initialize }) => {
  it('loads, hears, and gives its memory back', async () => {
    const { nexa, guard, events } = await guarded({}, initialize);
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_K_M', ...MEMORY_GUARD });
    expect(model.quantization).toBe('Q4_K_M');
    expect(guard.models()).toMatchObject([{ name: 'qwen2audio', quantization: 'Q4_K_M', need: footprint() }]);
    let text = '';
    for await (const piece of model.generate({ prompt: 'What is said?', audio: files.tone, maxTokens: 8, seed: 1 })) {
      text += piece;
      expect(guard.models()[0]?.callsInFlight).toBe(1);
    }
    expect(text.length).toBeGreaterThan(0);
    expect(model.lastResult).toMatchObject({ text, generatedTokens: 8 });
    expect(guard.models()[0]?.callsInFlight).toBe(0);
    await model.dispose();
    expect(guard.models()).toEqual([]);
    await until(events, 'unloaded');
    expect(events.map(({ type }) => type)).toEqual(['admitted', 'loaded', 'unloaded']);
    expect(events.at(-1)).toMatchObject({ freedBytes: expect.any(Number) });
    guard.close();
    await nexa.dispose();
  });

  it('counts the model file as mapped, once, however many models map it', async () => {
    const { nexa, guard, events } = await guarded({}, initialize);
    const mapped = () => events.filter((event) => event.type === 'loaded').map(({ mappedBytes }) => mappedBytes);
    const load = () => nexa.loadModel(files.model('F32'), MEMORY_GUARD);
    const one = await load();
    const { size } = statSync(files.model('F32'));
    expect(mapped()[0]).toBeGreaterThan(size * 0.9);
    const two = await load();
    expect(two).not.toBe(one);
    expect(mapped()[1]).toBe(mapped()[0]);
    for (const model of [one, two]) for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 2 }));
    const held = guard.status().availableBytes - guard.headroomBytes();
    expect(held).toBeGreaterThan(size * 0.5);
    expect(held).toBeLessThan(2 * size); // both promises are settled; the file is held once
    await nexa.dispose();
    expect(guard.models()).toEqual([]);
    guard.close();
  });

  it('is downgraded to the file that fits', async () => {
    const { guard: probe, nexa: unused } = await guarded({}, initialize);
    const headroom = probe.headroomBytes();
    probe.close();
    await unused.dispose();
    const { nexa, guard, events } = await guarded({}, initialize);
    const model = await nexa.loadModel('qwen2audio', {
      quantization: 'Q5_K_M',
      memoryGuard: { footprint: (quantization) => (quantization === 'Q4_0' ? 10 * MiB : headroom * 2) },
    });
    expect(model.quantization).toBe('Q4_0');
    expect(model.modelPath).toBe(files.model('Q4_0'));
    expect(events[0]).toMatchObject({ type: 'downgraded', askedQuantization: 'Q5_K_M', quantization: 'Q4_0' });
    guard.close();
    await nexa.dispose();
  });

  it('passes its own errors through and keeps nothing', async () => {
    const { nexa, guard } = await guarded({}, initialize);
    await expect(nexa.loadModel('/nowhere/model.gguf', MEMORY_GUARD)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    expect(guard.models()).toEqual([]);
    expect(guard.status().status).toBe('ok');
    guard.close();
    await nexa.dispose();
  });

  it('reports and disposes a model whose handle was lost', async () => {
    const { nexa, guard, events } = await guarded({}, initialize);
    await (async () => {
      await nexa.loadModel(files.model('Q4_0'), MEMORY_GUARD);
    })();
    expect(await collectUntil(() => guard.models().length === 0)).toBe(true);
    await until(events, 'leaked');
    expect(events.map(({ type }) => type)).toEqual(['admitted', 'loaded', 'leaked']);
    guard.close();
    await nexa.dispose();
  });

  it('is unloaded when it is idle and another one needs the room, and loaded again when it is used', async () => {
    const { guard: probe, nexa: unused } = await guarded({}, initialize);
    const half = Math.floor(probe.headroomBytes() * 0.6);
    probe.close();
    await unused.dispose();
    const { nexa, guard, events } = await guarded({ evict: 'idle', reload: true }, initialize);
    const load = (quantization: string) =>
      nexa.loadModel('qwen2audio', { quantization, memoryGuard: { footprint: half, downgrade: false } });
    const one = await load('Q4_0');
    const two = await load('Q4_K_M');
    expect(events.filter(({ type }) => type === 'evicted')).toHaveLength(1);
    expect(guard.models().map(({ quantization }) => quantization)).toEqual(['Q4_K_M']);
    let text = '';
    for await (const piece of one.generate({ prompt: 'Hi', maxTokens: 3 })) text += piece;
    expect(text.length).toBe(3);
    expect(guard.models().map(({ quantization }) => quantization)).toEqual(['Q4_0']);
    await Promise.all([one.dispose(), two.dispose()]);
    expect(guard.models()).toEqual([]);
    guard.close();
    await nexa.dispose();
  });
});

describe.skipIf(noControlGroups !== undefined)('under a real limit', () => {
  const LIMIT = 512 * MiB;

  it.each(ENGINES)('$engine is admitted, refused and freed by what its group still has', async ({ initialize }) => {
    const ended = await runProgram(
      `
      const { NexaSDK, withMemoryGuard, MiB } = door;
      const sdk = await NexaSDK.initialize(${JSON.stringify({ ...initialize, modelsDir: files.folder })});
      const nexa = withMemoryGuard(sdk, { minFreeBytes: 32 * MiB, minFreeRatioAfterLoad: 0 });
      const told = [];
      for (const type of ['admitted', 'downgraded', 'refused', 'loaded', 'degraded']) nexa.guard.on(type, () => told.push(type));
      const { totalBytes, limitedBy } = nexa.guard.snapshot();
      const load = (footprint) => nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { footprint } });
      const refused = await load(600 * MiB).then(() => 'loaded', (error) => error.code + ' ' + /cgroup-v1|host/.exec(error.message)?.[0]);
      const model = await load((quantization) => (quantization === 'Q5_K_M' ? 600 * MiB : 100 * MiB));
      const { quantization } = model;
      for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 2 }));
      await model.dispose();
      nexa.guard.close();
      await sdk.dispose();
      console.log(JSON.stringify({ totalBytes, kind: limitedBy.kind, refused, quantization, told }));
      `,
      { group: createControlGroup(LIMIT) },
    );
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(ended.stdout)).toEqual({
      totalBytes: LIMIT,
      kind: 'cgroup-v1',
      refused: 'ERR_INSUFFICIENT_MEMORY cgroup-v1',
      quantization: 'Q4_K_M',
      told: ['refused', 'downgraded', 'loaded'],
    });
  });

  /** Loads a model that is 60 MiB too large, beside 150 MiB that are held or garbage. */
  const beside = async (memory: 'external' | 'heap', held: boolean) => {
    const take =
      memory === 'external'
        ? 'Array.from({ length: 150 }, () => Buffer.alloc(2 ** 20, 1))'
        : 'Array.from({ length: 150 }, (_, i) => new Array(2 ** 17).fill(i + 0.5))';
    const ended = await runProgram(
      `
      class SDK { async loadModel() { return {}; } }
      const nexa = door.withMemoryGuard(new SDK(), { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
      await nexa.loadModel('warm', { memoryGuard: { footprint: 0 } });
      globalThis.taken = (() => ${take})();
      await new Promise((resolve) => setImmediate(resolve));
      const before = nexa.guard.headroomBytes();
      ${held ? '' : 'globalThis.taken = undefined;'}
      const loading = nexa.loadModel('m', { memoryGuard: { footprint: before + 60 * 2 ** 20 } });
      console.log(await loading.then(() => 'admitted', (error) => error.code));
      `,
      { group: createControlGroup(LIMIT) },
    );
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    return ended.stdout.trim();
  };

  it.each(['external', 'heap'] as const)(
    'garbage (%s) is collected before a refusal that it could turn',
    async (memory) => {
      expect(await beside(memory, false)).toBe('admitted');
    },
  );

  it.each(['external', 'heap'] as const)('memory that is held (%s) turns no refusal', async (memory) => {
    expect(await beside(memory, true)).toBe('ERR_INSUFFICIENT_MEMORY');
  });
});

describe('what a load really took', () => {
  it('corrects the estimate of the next one, and is shown beside what was predicted', async () => {
    const { nexa, guard } = await guarded();
    const options = { quantization: 'Q4_0', contextSize: 1024 };
    const need = async () => (await guard.plan('qwen2audio', options)).candidates[0]?.need;
    const before = await need();
    expect(before?.basis).toBe('gguf');
    const model = await nexa.loadModel('qwen2audio', options);
    const [shown] = guard.models();
    expect(shown?.predicted).toMatchObject({
      mappedBytes: before?.mappedBytes,
      anonymousAfterCallBytes: before?.anonymousBytes,
    });
    expect(shown?.predicted?.anonymousAfterLoadBytes).toBeLessThan(before?.anonymousBytes as number);
    expect(shown?.observed?.mappedBytes).toBeGreaterThan(0);
    expect(shown?.observed?.anonymousAfterCallBytes).toBeUndefined();
    // More than a micro-batch of 512 tokens, one for each letter.
    for await (const _text of model.generate({ prompt: 'x'.repeat(600), maxTokens: 1 }));
    const observed = guard.models()[0]?.observed;
    expect(observed?.anonymousAfterCallBytes).toBeGreaterThan(0);
    await model.dispose();
    const after = await need();
    expect(after?.basis).toBe('measured');
    // Its pages, some of which the header shares.
    expect(after?.mappedBytes).toBe(observed?.mappedBytes);
    expect(after?.anonymousBytes).not.toBe(before?.anonymousBytes);
    expect((await guard.plan('qwen2audio', { ...options, contextSize: 2048 })).candidates[0]?.need.basis).toBe('gguf');
    guard.close();
  });

  it('is told where it is more than was promised', async () => {
    const { nexa, guard, events } = await guarded();
    const memoryGuard = { footprint: { mappedBytes: 2 * MiB, anonymousBytes: 0 } };
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', contextSize: 8192, memoryGuard });
    expect(events.find(({ type }) => type === 'degraded')?.message).toMatch(
      /took [\d.]+ MiB of anonymous memory, where 0 B had been reserved/,
    );
    await model.dispose();
    guard.close();
  });

  it('is whole after a prompt as long as its own micro-batch, not after a shorter one', async () => {
    const sdk = await NexaSDK.initialize({ modelsDir: files.folder });
    const { hasFilledMicroBatch } = sdk[ADAPTER];
    const model = await sdk.loadModel('qwen2audio', { quantization: 'Q4_K_M', contextSize: 256, microBatchSize: 64 });
    expect(hasFilledMicroBatch?.(model)).toBe(false);
    for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 1 }));
    expect(hasFilledMicroBatch?.(model)).toBe(false);
    for await (const _text of model.generate({ prompt: 'x'.repeat(100), maxTokens: 1 }));
    expect(hasFilledMicroBatch?.(model)).toBe(true);
    await sdk.dispose();
  });

  it('keeps apart a model that maps its file and one that reads it', async () => {
    const { nexa, guard } = await guarded();
    const [mapped, read] = [
      await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 256 }),
      await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 256, mmap: false }),
    ];
    expect(guard.models().map(({ observed }) => (observed?.mappedBytes ?? 0) > 0)).toEqual([true, false]);
    await mapped.dispose();
    await read.dispose();
    guard.close();
  });

  it('is told of where it cannot be kept, and the load goes on', async () => {
    vi.stubEnv('XDG_CACHE_HOME', files.tone); // a file in place of the folder
    const { nexa, guard, events } = await guarded();
    vi.unstubAllEnvs();
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 1024 });
    for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 1 }));
    await until(events, 'degraded');
    expect(events.find((event) => event.type === 'degraded')?.message).toMatch(/is ignored|can't be kept/);
    await model.dispose();
    guard.close();
  });
});
