import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import type { EvictedEvent, UnloadCause, UnloadedEvent } from '../../src/events/guard-events.ts';
import { describeUnload, UnloadReports } from '../../src/models/report-unloads.ts';
import { DOCUMENTED_NEEDS } from '../support/documented-needs.ts';
import { FakeMachine, guardedFake } from '../support/fake-sdk.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('what is said of a model that is gone', () => {
  it('is what came back, if that is known', () => {
    expect(describeUnload('m Q4_0', 'unloaded', { freedBytes: 3 * GiB, elapsedMs: 41.6 })).toBe(
      'Unloaded m Q4_0; 3.0 GiB came back in 42 ms.',
    );
    expect(describeUnload('m', 'unloaded', { elapsedMs: 1 })).toBe('Unloaded m.');
    expect(describeUnload('m', 'unloaded', { freedBytes: 1 * GiB, elapsedMs: 5 }, { others: 2 })).toBe(
      'Unloaded m; 1.0 GiB came back in 5 ms, with 2 others.',
    );
    expect(describeUnload('m', 'memory', { freedBytes: 1 * GiB, elapsedMs: 5 })).toBe(
      'Evicted m, which was idle, to make room; 1.0 GiB came back in 5 ms.',
    );
    const choice = { madeRoomFor: 'other', idleMs: 61_234, reloadMs: 2000, young: false };
    expect(describeUnload('m', 'memory', { elapsedMs: 5 }, { choice })).toBe(
      'Evicted m, which was idle for 61.2 s and takes 2.0 s to load again, to make room for other.',
    );
    expect(describeUnload('m', 'memory', { elapsedMs: 5 }, { choice: { ...choice, young: true } })).toMatch(
      /, to make room for other, though it was loaded just before\.$/,
    );
    expect(describeUnload('m', 'keep-alive', { elapsedMs: 5 })).toBe('Unloaded m, which was idle for too long.');
    expect(describeUnload('m', 'leaked', { elapsedMs: 1 })).toBe(
      'The handle of m was lost without being disposed: the model was disposed.',
    );
  });
});

describe('a model whose engine keeps what it took', () => {
  const tellOf = async (causes: readonly Exclude<UnloadCause, 'killed'>[]) => {
    const clock = new ManualClock();
    const told: (UnloadedEvent | EvictedEvent)[] = [];
    const reports = new UnloadReports({
      clock,
      freeBytes: () => 7 * GiB,
      releaseMemory: async () => {},
      tell: (event) => told.push(event),
    });
    const need = { mappedBytes: 0, anonymousBytes: 3 * GiB, basis: 'given' } as const;
    const facts = {
      name: 'm',
      quantization: undefined,
      need,
      files: [],
      beforeBytes: 6 * GiB,
      countKept: () => 2 * GiB,
    };
    const seen = causes.map((cause) => reports.add({ ...facts, cause }));
    await clock.advanceAsync(2000);
    await Promise.all(seen);
    return told;
  };

  it('is told as leaked, with the bytes', async () => {
    const [event] = await tellOf(['unloaded']);
    expect(event).toMatchObject({ type: 'leaked', freedBytes: 1 * GiB, keptBytes: 2 * GiB });
    expect(event!.message).toMatch(
      /^Unloaded m; 1\.0 GiB came back in \d+ ms; its engine keeps 2\.0 GiB until the process ends\.$/,
    );
  });

  it('is still evicted if the guard chose that', async () => {
    expect(await tellOf(['memory'])).toMatchObject([{ type: 'evicted', reason: 'memory', keptBytes: 2 * GiB }]);
  });

  it('is told nothing of beside others that went with it', async () => {
    const events = await tellOf(['unloaded', 'unloaded']);
    for (const event of events) expect(event).not.toHaveProperty('keptBytes');
  });
});

describe('how a model ended', () => {
  /** Tells that a model is gone for this cause, on a machine where nothing comes back. */
  const tell = async (cause: Exclude<UnloadCause, 'killed'>) => {
    const clock = new ManualClock();
    const told: (UnloadedEvent | EvictedEvent)[] = [];
    const reports = new UnloadReports({
      clock,
      freeBytes: () => undefined,
      releaseMemory: async () => {},
      tell: (event) => told.push(event),
    });
    const need = { mappedBytes: 0, anonymousBytes: 5, basis: 'given' } as const;
    const seen = reports.add({ cause, name: 'm', quantization: undefined, need, files: [], beforeBytes: undefined });
    await clock.advanceAsync(1000);
    await seen;
    return told;
  };

  it.each(['memory', 'keep-alive'] as const)('is told as `evicted` with the reason `%s`', async (cause) => {
    expect(await tell(cause)).toMatchObject([{ type: 'evicted', reason: cause, model: 'm' }]);
  });

  it.each(['unloaded', 'leaked'] as const)('is told as `%s` without a reason if nobody evicted it', async (cause) => {
    const told = await tell(cause);
    expect(told).toMatchObject([{ type: cause, model: 'm' }]);
    expect(told[0]).not.toHaveProperty('reason');
    expect(told[0]).not.toHaveProperty('freedBytes'); // headroom could not be read
  });
});

describe('an unload', () => {
  it('tells by how much headroom rose after a disposal, when it stands still', async () => {
    const { nexa, clock, machine, last } = guardedFake(new FakeMachine(10 * GiB));
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await model.generate(); // settled: its memory is seen as taken now
    machine.availableBytes = 10 * GiB - DOCUMENTED_NEEDS.Q4_0;
    await model.dispose();
    await clock.advanceAsync(50);
    expect(last('unloaded')).toBeUndefined(); // nothing has come back yet
    machine.availableBytes = 9 * GiB;
    await clock.advanceAsync(50);
    expect(last('unloaded')).toMatchObject({
      model: 'qwen2audio',
      quantization: 'Q4_0',
      freedBytes: DOCUMENTED_NEEDS.Q4_0 - GiB,
    });
    expect(last('unloaded')?.message).toMatch(/^Unloaded qwen2audio Q4_0; 2\.8 GiB came back in \d+ ms\.$/);
  });
});

describe('models that are disposed at the same time', () => {
  it('are told of in order, and what came back counts once', async () => {
    const { nexa, events, clock } = guardedFake(new FakeMachine(15 * GiB));
    const memoryGuard = { footprint: 2 * GiB };
    const models = [
      await nexa.loadModel('qwen2audio', { memoryGuard }),
      await nexa.loadModel('qwen2audio', { memoryGuard }),
    ];
    await Promise.all(models.map((model) => model.dispose()));
    await clock.advanceAsync(1000);
    const unloaded = events.filter((event) => event.type === 'unloaded');
    expect(unloaded).toHaveLength(2);
    expect(unloaded.reduce((sum, event) => sum + ('freedBytes' in event ? (event.freedBytes ?? 0) : 0), 0)).toBe(
      4 * GiB,
    );
  });
});
