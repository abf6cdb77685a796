/** A real engine's models through a guarded life on the real machine: loaded, counted, downgraded, lost, evicted and loaded again. */
import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { collectUntil } from '../support/fake-sdk.ts';
import { ENGINES, guardEngine, waitForEvent } from '../support/guarded-engine.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

/** Not so much is needed that the machine of a test could refuse it. */
const footprint = () => ({ mappedBytes: 2 * MiB, anonymousBytes: 64 * MiB });
const MEMORY_GUARD = { memoryGuard: { footprint } };

describe.each(ENGINES)('guarded, $engine', ({ initialize }) => {
  it('loads, hears, and gives its memory back', async () => {
    const { nexa, guard, events } = await guardEngine(files.folder, {}, initialize);
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
    await waitForEvent(events, 'unloaded');
    expect(events.map(({ type }) => type)).toEqual(['admitted', 'loaded', 'unloaded']);
    expect(events.at(-1)).toMatchObject({ freedBytes: expect.any(Number) });
    guard.close();
    await nexa.dispose();
  });

  it('counts the model file as mapped, once, however many models map it', async () => {
    const { nexa, guard, events } = await guardEngine(files.folder, {}, initialize);
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
    // What their processes have not taken is still promised to them; the file is held once.
    const left = guard.models().reduce((sum, model) => sum + Math.max(0, 64 * MiB - model.heldBytes!), 0);
    expect(held - left).toBeGreaterThan(size * 0.5);
    expect(held - left).toBeLessThan(2 * size);
    await nexa.dispose();
    expect(guard.models()).toEqual([]);
    guard.close();
  });

  it('is downgraded to the file that fits', async () => {
    const { guard: probe, nexa: unused } = await guardEngine(files.folder, {}, initialize);
    const headroom = probe.headroomBytes();
    probe.close();
    await unused.dispose();
    const { nexa, guard, events } = await guardEngine(files.folder, {}, initialize);
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
    const { nexa, guard } = await guardEngine(files.folder, {}, initialize);
    await expect(nexa.loadModel('/nowhere/model.gguf', MEMORY_GUARD)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    expect(guard.models()).toEqual([]);
    expect(guard.status().status).toBe('ok');
    guard.close();
    await nexa.dispose();
  });

  it('reports and disposes a model whose handle was lost', async () => {
    const { nexa, guard, events } = await guardEngine(files.folder, {}, initialize);
    await (async () => {
      await nexa.loadModel(files.model('Q4_0'), MEMORY_GUARD);
    })();
    expect(await collectUntil(() => guard.models().length === 0)).toBe(true);
    await waitForEvent(events, 'leaked');
    expect(events.map(({ type }) => type)).toEqual(['admitted', 'loaded', 'leaked']);
    guard.close();
    await nexa.dispose();
  });

  it('is unloaded when it is idle and another one needs the room, and loaded again when it is used', async () => {
    const { guard: probe, nexa: unused } = await guardEngine(files.folder, {}, initialize);
    const half = Math.floor(probe.headroomBytes() * 0.6);
    probe.close();
    await unused.dispose();
    const { nexa, guard, events } = await guardEngine(files.folder, { evict: 'idle', reload: true }, initialize);
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
