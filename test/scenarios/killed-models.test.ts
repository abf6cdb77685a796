/** Real models in processes of their own that somebody kills: what is told, what is given back, and what goes on. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import type { GuardEvent } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { InitializeOptions } from '../../src/sdk/sdk-options.ts';
import { ENGINES, guardEngine, waitForEvent } from '../support/guarded-engine.ts';
import { isRunning, killModelProcess } from '../support/model-process.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

const MEMORY_GUARD = { memoryGuard: { footprint: { mappedBytes: 2 * MiB, anonymousBytes: 128 * MiB } } };
const LLAMA: InitializeOptions = { runtime: 'llama' };

async function guarded(initialize: InitializeOptions = LLAMA, options: GuardOptions = {}) {
  const engine = await guardEngine(files.folder, { ledger: 'process', ...options }, initialize);
  onTestFinished(async () => {
    engine.guard.close();
    await engine.sdk.dispose();
  });
  const { sdk, nexa, guard, events } = engine;
  const load = (quantization: string, more: object = {}) =>
    nexa.loadModel('qwen2audio', { quantization, contextSize: 1024, ...MEMORY_GUARD, ...more });
  const pidOf = (quantization: string) => guard.models().find((model) => model.quantization === quantization)?.pid ?? 0;
  const killed = () => events.filter((event) => event.type === 'killed');
  const labels = () => guard.ledger.entries().map(({ label }) => label);
  return { sdk, nexa, guard, events, load, pidOf, killed, labels };
}

async function talk(model: Awaited<ReturnType<Awaited<ReturnType<typeof guarded>>['load']>>, maxTokens = 3) {
  let text = '';
  for await (const piece of model.generate({ prompt: 'Go on.', maxTokens })) text += piece;
  return text;
}

const typesAfterLoads = (events: readonly GuardEvent[]) =>
  events.map(({ type }) => type).filter((type) => type !== 'admitted' && type !== 'loaded');

describe.each(ENGINES)('a model of $engine whose process a user kills', ({ initialize }) => {
  it('is told, its promise is gone at once, its stream rejects, and the other model goes on', async () => {
    const { guard, events, load, pidOf, killed, labels } = await guarded(initialize);
    const [one, other] = [await load('Q4_0'), await load('Q4_K_M')];
    expect(labels()).toHaveLength(2);
    const [pid, otherPid] = [pidOf('Q4_0'), pidOf('Q4_K_M')];
    const stream = one.generate({ prompt: 'Go on.', maxTokens: 900 });
    await stream.next();
    const rest = (async () => {
      for await (const _text of stream);
    })();
    rest.catch(() => {});
    await killModelProcess(pid);
    const endedMs = performance.now();
    while (labels().length > 1 && performance.now() - endedMs < 5000) await new Promise(setImmediate);
    // 0 to 16 ms were measured. A busy machine may take longer.
    expect(performance.now() - endedMs).toBeLessThan(200);
    await expect(rest).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    await expect(talk(one)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    expect(killed()).toMatchObject([
      {
        model: 'qwen2audio',
        quantization: 'Q4_0',
        pid,
        signal: 'SIGKILL',
        hung: false,
        byKernel: false,
        reloads: false,
      },
    ]);
    expect(killed()[0]).not.toHaveProperty('scope');
    expect(killed()[0]?.heldBytes).toBeGreaterThan(5 * MiB);
    expect((await talk(other)).length).toBeGreaterThan(0);
    expect(guard.models().map((model) => model.pid)).toEqual([otherPid]);
    await other.dispose();
    await waitForEvent(events, 'unloaded');
    expect(typesAfterLoads(events)).toEqual(['killed', 'unloaded']);
  });
});

describe('models that share a process', () => {
  it('are all told killed with it', async () => {
    const { guard, load, killed, labels } = await guarded({ ...LLAMA, isolation: 'shared' });
    const [one, other] = [await load('Q4_0'), await load('Q4_K_M')];
    const pids = new Set(guard.models().map(({ pid }) => pid));
    expect(pids.size).toBe(1);
    await killModelProcess([...pids][0]!);
    await expect.poll(() => killed().length, { timeout: 5000 }).toBe(2);
    expect(killed().map(({ quantization }) => quantization)).toEqual(['Q4_0', 'Q4_K_M']);
    expect(labels()).toEqual([]);
    for (const model of [one, other]) await expect(talk(model)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    // The next load gets a process of its own.
    expect((await talk(await load('Q4_0'))).length).toBeGreaterThan(0);
  });
});

describe('a model that is to be loaded again', () => {
  it('answers the next call, from another process', async () => {
    const { guard, load, pidOf, killed } = await guarded({ ...LLAMA, onKilled: 'reload' });
    const model = await load('Q4_0');
    const pid = pidOf('Q4_0');
    await killModelProcess(pid);
    await expect.poll(() => killed().length, { timeout: 5000 }).toBe(1);
    expect(killed()).toMatchObject([{ reloads: true }]);
    expect(guard.models()).toEqual([]);
    expect((await talk(model)).length).toBeGreaterThan(0);
    expect(pidOf('Q4_0')).not.toBe(pid);
    await model.dispose();
    expect(guard.models()).toEqual([]);
  });

  it('answers with less context, then from a smaller file, and no more after the fourth kill', async () => {
    const { guard, nexa, killed } = await guarded({ ...LLAMA, onKilled: 'reload-smaller' });
    const contextSize = { min: 4096, max: 16_384 };
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', contextSize });
    const shown = () => guard.models()[0]!;
    expect(shown()).toMatchObject({ quantization: 'Q5_K_M', contextSize: 16_384 });
    const needs = [shown().need.anonymousBytes];
    for (let kill = 1; kill <= 4; kill++) {
      await killModelProcess(shown().pid!);
      await expect.poll(() => killed().length, { timeout: 5000 }).toBe(kill);
      if (kill === 4) break;
      expect((await talk(model)).length).toBeGreaterThan(0);
      needs.push(shown().need.anonymousBytes);
    }
    expect(needs[1]).toBeLessThan(needs[0]!);
    expect(needs[2]).toBeLessThan(needs[1]!);
    expect(killed().map(({ reloads }) => reloads)).toEqual([true, true, true, false]);
    await expect(talk(model)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    expect(guard.models()).toEqual([]);
  });
});

describe('what is no kill', () => {
  it('is the end of the SDK past the guard: its models are forgotten', async () => {
    const { guard, events, load, labels, sdk } = await guarded();
    // Held to the end: a handle that is lost is told as that.
    const models = await Promise.all([load('Q4_0'), load('Q4_K_M')]);
    await sdk.dispose();
    expect(labels()).toEqual([]);
    expect(guard.models()).toEqual([]);
    await waitForEvent(events, 'unloaded');
    expect(new Set(typesAfterLoads(events))).toEqual(new Set(['unloaded']));
    expect(models).toHaveLength(2);
  });

  it('is a load that fails at its file: nothing stays reserved', async () => {
    const { nexa, events, labels } = await guarded();
    await expect(nexa.loadModel(files.tone, MEMORY_GUARD)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    await expect(nexa.loadModel(files.projector, MEMORY_GUARD)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    expect(labels()).toEqual([]);
    expect(events.map(({ type }) => type)).not.toContain('killed');
  });

  it('is a load that is given up', async () => {
    const { load, events, labels } = await guarded();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('given up'));
    const loading = load('Q4_0', { contextSize: 65_536, signal: controller.signal, onProgress });
    await expect(loading).rejects.toThrow('given up');
    expect(labels()).toEqual([]);
    expect(events.map(({ type }) => type)).not.toContain('killed');
  });

  it('is an end for an idle time, and the call after it loads again', async () => {
    const { guard, load, events } = await guarded(LLAMA, { keepAliveMs: 50, reload: true });
    const model = await load('Q4_0');
    const pid = guard.models()[0]?.pid;
    await waitForEvent(events, 'evicted');
    expect(isRunning(pid!)).toBe(false);
    expect((await talk(model)).length).toBeGreaterThan(0);
    expect(typesAfterLoads(events)[0]).toBe('evicted');
    expect(events.map(({ type }) => type)).not.toContain('killed');
  });

  it('is the end of an idle model that is pinned beside it: that one stays', async () => {
    const { guard, load, events } = await guarded(LLAMA, { keepAliveMs: 50 });
    const pinned = await load('Q4_0', { memoryGuard: { ...MEMORY_GUARD.memoryGuard, pin: true } });
    const other = await load('Q4_K_M');
    await waitForEvent(events, 'evicted');
    await expect(talk(other)).rejects.toMatchObject({ code: 'ERR_MODEL_EVICTED' });
    expect(guard.models().map(({ quantization }) => quantization)).toEqual(['Q4_0']);
    expect((await talk(pinned)).length).toBeGreaterThan(0);
    expect(events.map(({ type }) => type)).not.toContain('killed');
  });

  it('is the end of the guard: its models stay usable', async () => {
    const { guard, load, pidOf } = await guarded();
    const model = await load('Q4_0');
    const pid = pidOf('Q4_0');
    guard.close();
    expect((await talk(model)).length).toBeGreaterThan(0);
    expect(isRunning(pid)).toBe(true);
    await killModelProcess(pid);
    await expect(talk(model)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
  });
});
