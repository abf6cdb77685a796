/** The event `limits`: told by every reading that finds a change. The machine is a fake; test/scenarios/limits-change has real groups. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { FakeMachine, guardedFake, settled } from '../support/fake-sdk.ts';

async function loaded() {
  const fake = guardedFake(new FakeMachine(8 * GiB, 16 * GiB), { minFreeBytes: 512 * MiB, minFreeRatioAfterLoad: 0 });
  const model = await fake.nexa.loadModel('m', { memoryGuard: { footprint: GiB } });
  await settled();
  return { ...fake, model };
}

describe('a limit that changes while a model is loaded', () => {
  it('is told once, with both totals, before the edge that it causes', async () => {
    const { machine, clock, events, types } = await loaded();
    events.length = 0;
    Object.assign(machine, { totalBytes: 10 * GiB, availableBytes: 1.2 * GiB });
    clock.advance(5000);
    expect(types()).toEqual(['limits', 'critical']);
    expect(events[0]).toEqual({
      type: 'limits',
      reason: 'resized',
      kind: 'injected',
      path: 'sensor',
      previousLimitBytes: 16 * GiB,
      limitBytes: 10 * GiB,
      previousTotalBytes: 16 * GiB,
      totalBytes: 10 * GiB,
      message:
        'The limit of injected sensor was lowered from 16.0 GiB to 10.0 GiB; the smallest of all limits is 10.0 GiB now.',
      atMs: expect.any(Number),
    });
    expect(Object.isFrozen(events[0])).toBe(true);
  });

  it('is told when it rises too, and not if it stands still', async () => {
    const { machine, clock, events, types } = await loaded();
    events.length = 0;
    clock.advance(5000);
    expect(types()).toEqual([]);
    machine.totalBytes = 32 * GiB;
    clock.advance(5000);
    expect(types()).toEqual(['limits']);
  });

  it('is told with the next load if it changed while none was loaded', async () => {
    const { nexa, model, machine, clock, types } = await loaded();
    await model.dispose();
    await settled();
    machine.totalBytes = 12 * GiB;
    clock.advance(60_000);
    expect(types()).not.toContain('limits');
    await nexa.loadModel('n', { memoryGuard: { footprint: GiB } });
    expect(types()).toContain('limits');
  });

  it('may have its listener dispose of the last model', async () => {
    const { guard, model, machine, clock, types } = await loaded();
    guard.on('limits', () => void model.dispose());
    Object.assign(machine, { totalBytes: 10 * GiB, availableBytes: 0.1 * GiB });
    clock.advance(5000);
    await settled();
    expect(types().filter((type) => type === 'limits')).toHaveLength(1);
    expect(guard.status().status).toBe('ok');
  });
});
