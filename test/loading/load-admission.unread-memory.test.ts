/** Loads while memory can’t be read: none goes in without numbers unless the user chose that. */
import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { FakeMachine, guardedFake } from '../support/fake-sdk.ts';

describe('a sensor that fails', () => {
  it.each([
    ['throws', undefined],
    ['gives NaN', Number.NaN],
  ])('and %s admits nothing: ERR_SENSOR, and `degraded`', async (_how, value) => {
    const machine = new FakeMachine(value ?? 15 * GiB);
    machine.failsAlways = value === undefined;
    const { nexa, sdk, guard, types, last } = guardedFake(machine);
    for (const options of [{ quantization: 'Q4_0' }, undefined]) {
      await expect(nexa.loadModel('qwen2audio', options)).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    }
    expect(sdk.calls).toEqual([]);
    expect(types()).toEqual(['degraded', 'degraded']);
    expect(last('degraded')).toMatchObject({ code: 'ERR_SENSOR', cause: expect.any(MemoryGuardError) });
    for (const read of [() => guard.snapshot(), () => guard.status(), () => guard.headroomBytes()]) {
      expect(read).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
    }
    await expect(guard.plan('qwen2audio')).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    machine.failsAlways = false;
    machine.availableBytes = 15 * GiB;
    expect(guard.headroomBytes()).toBe(15 * GiB); // nothing was left reserved
  });

  it.each([
    ['force', {}, { force: true }, 'Q4_K_M'],
    ['observe', { mode: 'observe' }, {}, undefined],
  ] as const)('hinders no load under %s, which is loud', async (_how, options, memoryGuard, quantization) => {
    const machine = new FakeMachine(15 * GiB);
    machine.failsAlways = true;
    const { nexa, sdk, types } = guardedFake(machine, options);
    await nexa.loadModel('qwen2audio', { memoryGuard });
    expect(sdk.loadedQuantization).toBe(quantization);
    expect(types()).toEqual(expect.arrayContaining(['degraded', 'loaded']));
    expect(types()).not.toContain('admitted');
  });

  it('at any one reading of a life never lets a load in without numbers, and leaves nothing reserved', async () => {
    const lives: string[] = [];
    for (let failsAt = 1; ; failsAt++) {
      const machine = new FakeMachine(15 * GiB);
      machine.failsAt = failsAt;
      const { nexa, sdk, guard, clock, types, last } = guardedFake(machine);
      const model = await nexa.loadModel('qwen2audio').catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'ERR_SENSOR' });
        return undefined;
      });
      if (model) {
        expect(last('admitted')).toMatchObject({ availableBytes: 15 * GiB, headroomBytes: 15 * GiB });
        await model.generate({ audio: 'a.wav' });
        await clock.advanceAsync(3000, 500);
        await model.dispose();
        await clock.advanceAsync(500);
        expect(types()).toContain('unloaded');
      } else {
        expect(sdk.calls).toEqual([]);
        expect(types()).toEqual(['degraded']);
      }
      expect(guard.models()).toEqual([]);
      expect(clock.pending).toBe(0);
      lives.push(model ? 'loaded' : 'refused');
      if (machine.readings < failsAt) break;
      machine.failsAt = undefined;
      expect(guard.headroomBytes()).toBe(15 * GiB);
    }
    expect(lives.slice(0, 3)).toEqual(['refused', 'refused', 'loaded']); // the recommendation, the decision
    expect(lives.length).toBeGreaterThan(6);
    expect(new Set(lives.slice(2))).toEqual(new Set(['loaded']));
  });

  it('at any one reading of a refused load still refuses it', async () => {
    for (let failsAt = 1; failsAt <= 4; failsAt++) {
      const machine = new FakeMachine(1 * GiB);
      machine.failsAt = failsAt;
      const { nexa, sdk, guard } = guardedFake(machine);
      const code = failsAt <= 2 ? 'ERR_SENSOR' : 'ERR_INSUFFICIENT_MEMORY';
      await expect(nexa.loadModel('qwen2audio')).rejects.toMatchObject({ code });
      expect(sdk.calls).toEqual([]);
      machine.failsAt = undefined;
      expect(guard.headroomBytes()).toBe(1 * GiB);
    }
  });
});

describe('a load while memory cannot be read', () => {
  const unreadable = () => {
    throw new Error('no numbers');
  };

  it('is admitted if the user chose so, and that is said aloud', async () => {
    const { nexa, sdk, events } = guardedFake(new FakeMachine(15 * GiB), {
      sensor: unreadable,
      onSensorFailure: 'admit',
    });
    await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    expect(sdk.calls).toEqual([['qwen2audio', { quantization: 'Q5_K_M' }]]);
    expect(events[0]).toMatchObject({
      type: 'degraded',
      code: 'ERR_SENSOR',
      message: expect.stringContaining('Admitted unread'),
    });
    expect(nexa.guard.models()).toHaveLength(1);
  });

  it('is refused if the user did not', async () => {
    const { nexa, sdk } = guardedFake(new FakeMachine(15 * GiB), { sensor: unreadable });
    await expect(nexa.loadModel('qwen2audio')).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    expect(sdk.calls).toEqual([]);
  });
});
