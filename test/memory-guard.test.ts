/** The guard’s own face: its events, its end, and a program that uses it. What loads, models and the status do stands with the files that do it. */
import { describe, expect, it, vi } from 'vitest';
import { GiB } from '../src/core/bytes.ts';
import { deferred, FakeMachine, guardedFake, settled } from './support/fake-sdk.ts';
import { runProgram } from './support/run-program.ts';

describe('events', () => {
  it('come once each, in order, frozen, with a sentence and a time', async () => {
    const { nexa, clock, events, types } = guardedFake(new FakeMachine(15 * GiB));
    clock.advance(42);
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await model.dispose();
    await clock.advanceAsync(500);
    expect(types()).toEqual(['admitted', 'loaded', 'unloaded']);
    for (const event of events) {
      expect(Object.isFrozen(event)).toBe(true);
      expect(event.message.length).toBeGreaterThan(10);
      expect(event.atMs).toBeGreaterThanOrEqual(42);
    }
  });

  it('reach `once` once and `off` no more', async () => {
    const { nexa, guard } = guardedFake(new FakeMachine(15 * GiB));
    const [once, off] = [vi.fn(), vi.fn()];
    expect(guard.once('loaded', once).on('loaded', off)).toBe(guard);
    await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    guard.off('loaded', off);
    await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    expect(once).toHaveBeenCalledTimes(1);
    expect(off).toHaveBeenCalledTimes(1);
  });
});

describe('a listener', () => {
  it('of an event that there is not, or that is no function, is refused', () => {
    const { guard } = guardedFake(new FakeMachine(15 * GiB));
    const refused = expect.objectContaining({ code: 'ERR_INVALID_OPTION' });
    expect(() => guard.on('warnign' as 'warning', () => {})).toThrow(refused);
    expect(() => guard.once('ok', 5 as never)).toThrow(refused);
  });
});

describe('a closed guard', () => {
  const closedError = expect.objectContaining({ code: 'ERR_GUARD_CLOSED' });

  it('refuses loads, plans and readings', async () => {
    const { nexa, guard, sdk } = guardedFake(new FakeMachine(15 * GiB));
    expect(guard.closed).toBe(false);
    guard.close();
    guard.close();
    expect(guard.closed).toBe(true);
    await expect(nexa.loadModel('qwen2audio')).rejects.toEqual(closedError);
    await expect(guard.plan('qwen2audio')).rejects.toEqual(closedError);
    for (const read of [() => guard.snapshot(), () => guard.status(), () => guard.headroomBytes()]) {
      expect(read).toThrow(closedError);
    }
    expect(sdk.calls).toEqual([]);
  });

  it('refuses loads that wait for their turn', async () => {
    const { nexa, guard, sdk } = guardedFake(new FakeMachine(15 * GiB));
    const gate = deferred();
    sdk.during = () => gate.promise;
    const first = nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    const waiting = [1, 2].map(() => nexa.loadModel('qwen2audio', { quantization: 'Q4_0' }));
    await settled();
    guard.close();
    gate.resolve();
    const model = await first; // it was under way
    for (const load of waiting) await expect(load).rejects.toEqual(closedError);
    expect(sdk.calls).toHaveLength(1);
    expect(await model.generate()).toBe('text');
  });

  it('leaves no timer and tells nothing more', async () => {
    const { nexa, guard, clock, machine, types } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(clock.pending).toBe(1);
    guard.close();
    expect(clock.pending).toBe(0);
    machine.availableBytes = 0;
    clock.advance(10_000);
    expect(types()).toEqual(['admitted', 'loaded']);
  });

  it('leaves loaded models usable and disposable', async () => {
    const { nexa, guard, clock, machine } = guardedFake(new FakeMachine(15 * GiB));
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    guard.close();
    expect(await model.generate({ audio: 'a.wav' })).toBe('text');
    const { readings } = machine;
    await model.dispose();
    expect(model.disposals).toBe(1);
    expect(guard.models()).toEqual([]);
    expect(machine.readings).toBe(readings);
    expect(clock.pending).toBe(0);
  });
});

describe('a program', () => {
  const PREAMBLE = `
    class SDK { async loadModel() { return { async generate() { return 'text'; }, async dispose() {} }; } }
    const sensor = () => ({ totalBytes: 2 ** 34, availableBytes: 2 ** 34 });
  `;

  it('ends by itself with a model loaded, over a replaced sensor and over the machine', async () => {
    for (const options of ['{ sensor }', '{}']) {
      const ended = await runProgram(`${PREAMBLE}
        const nexa = door.withMemoryGuard(new SDK(), ${options});
        const model = await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
        globalThis.kept = model;
        console.log(await model.generate(), nexa.guard.models().length);
      `);
      expect(ended).toEqual({ code: 0, signal: null, stdout: 'text 1\n', stderr: '' });
    }
  });

  it('prints the lines to stderr with NODE_DEBUG, and none without', async () => {
    const body = `${PREAMBLE}
      const nexa = door.withMemoryGuard(new SDK(), { sensor });
      const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 2048 });
      await model.dispose();
    `;
    const debugged = await runProgram(body, { env: { NODE_DEBUG: 'nexa-memory-guard' } });
    expect(debugged.code).toBe(0);
    expect(debugged.stderr).toMatch(
      /NEXA-MEMORY-GUARD \d+: admitted: Loading qwen2audio Q4_0 with 2048 tokens of context, which needs 6\.9 GiB \(by its published shape\) of 16\.0 GiB\.\n/,
    );
    expect(debugged.stderr).toMatch(/loaded: Loaded qwen2audio Q4_0 in \d+ ms/);
    expect(debugged.stderr).toMatch(/unloaded: Unloaded qwen2audio Q4_0/);
    expect(await runProgram(body)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});
