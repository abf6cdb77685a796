/** The status of a guard and its edges, as events tell them. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { DOCUMENTED_NEEDS, KEEPS_NO_SHARE } from '../support/documented-needs.ts';
import { deferred, FakeMachine, FakeSDK, guardedFake, settled } from '../support/fake-sdk.ts';

const { Q4_0 } = DOCUMENTED_NEEDS;

describe('the status', () => {
  /** A model of Q4_0 is loaded; `free` sets what headroom is left beside it. */
  async function withModel(options: GuardOptions = {}) {
    const fake = guardedFake(new FakeMachine(15 * GiB), options);
    const model = await fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    fake.events.length = 0;
    const free = (bytes: number, forMs = 0) => {
      fake.machine.availableBytes = Q4_0 + bytes;
      fake.clock.advance(forMs);
    };
    return { ...fake, model, free };
  }

  it('is judged on headroom at its exact edges', async () => {
    const { guard, free } = await withModel();
    for (const [bytes, status] of [
      [1024 * MiB, 'ok'],
      [1024 * MiB - 1, 'warning'],
      [512 * MiB, 'warning'],
      [512 * MiB - 1, 'critical'],
      [0, 'critical'],
    ] as const) {
      free(bytes);
      expect(guard.status()).toEqual({
        status,
        totalBytes: 16 * GiB,
        availableBytes: Q4_0 + bytes,
        headroomBytes: bytes,
        minFreeBytes: 512 * MiB,
      });
    }
    expect(Object.isFrozen(guard.status())).toBe(true);
  });

  it('goes ok > warning > critical > warning > ok with one event each', async () => {
    const { free, events } = await withModel();
    free(800 * MiB, 2000);
    free(100 * MiB, 2000);
    free(800 * MiB, 3000);
    free(2 * GiB, 3000);
    expect(events.map((event) => 'previous' in event && `${event.previous} > ${event.type}`)).toEqual([
      'ok > warning',
      'warning > critical',
      'critical > warning',
      'warning > ok',
    ]);
    expect(events[1]).toMatchObject({
      totalBytes: 16 * GiB,
      availableBytes: Q4_0 + 100 * MiB,
      headroomBytes: 100 * MiB,
      minFreeBytes: 512 * MiB,
    });
  });

  it('gets worse at once and better only after it dwelt above the threshold', async () => {
    const { free, types } = await withModel({ dwellMs: 500 });
    free(100 * MiB, 1000);
    expect(types()).toEqual(['critical']);
    free(2 * GiB, 450);
    expect(types()).toEqual(['critical']);
    free(2 * GiB, 400); // and one reading more
    expect(types()).toEqual(['critical', 'ok']);
  });

  it('tells a value that swings around a threshold once', async () => {
    const { free, types } = await withModel();
    for (let swing = 0; swing < 200; swing++) free(1024 * MiB + (swing % 2 === 0 ? -20 : 20) * MiB, 400);
    expect(types()).toEqual(['warning']);
  });

  it('does not get better within the hysteresis, however long it stays', async () => {
    const { free, types } = await withModel({ hysteresisRatio: 0.1 });
    free(800 * MiB, 2000);
    free(1024 * 1.09 * MiB, 60_000);
    expect(types()).toEqual(['warning']);
    free(1024 * 1.11 * MiB, 3000);
    expect(types()).toEqual(['warning', 'ok']);
  });

  it('is told after a load that leaves little, without waiting', async () => {
    const { nexa, types } = guardedFake(new FakeMachine(Q4_0 + 600 * MiB), KEEPS_NO_SHARE);
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(types()).toEqual(expect.arrayContaining(['admitted', 'warning', 'loaded']));
  });

  it('is ok, and silent, while no model is loaded', async () => {
    const { guard, machine, clock, types } = guardedFake(new FakeMachine(15 * GiB));
    machine.availableBytes = 0;
    clock.advance(60_000);
    expect(types()).toEqual([]);
    expect(machine.readings).toBe(0);
    expect(guard.status()).toMatchObject({ status: 'ok', minFreeBytes: 0 });
  });

  it('is ok again when the last model is gone', async () => {
    const { model, free, types, clock } = await withModel();
    free(100 * MiB, 1000);
    await model.dispose();
    await settled();
    expect(types()).toEqual(['critical', 'ok']);
    await clock.advanceAsync(500);
    expect(clock.pending).toBe(0);
  });

  it('counts the promise of running audio', async () => {
    const { model, free, guard } = await withModel();
    free(1024 * MiB);
    expect(guard.status().status).toBe('ok');
    const wait = deferred();
    const call = model.generate({ audio: 'a.wav', wait: wait.promise });
    expect(guard.status()).toMatchObject({ status: 'warning', headroomBytes: 924 * MiB });
    wait.resolve();
    await call;
  });
});

describe('memory that can’t be read', () => {
  it('while a model is loaded is told once, and again after it recovered', async () => {
    const machine = new FakeMachine(15 * GiB);
    const { nexa, clock, types } = guardedFake(machine);
    const told = () => types().filter((type) => type === 'degraded').length;
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    for (const expected of [1, 2]) {
      machine.failsAlways = true;
      clock.advance(5000);
      expect(told()).toBe(expected);
      machine.failsAlways = false;
      clock.advance(5000);
      expect(told()).toBe(expected);
    }
  });
});

describe('a load that takes more than was reserved for it, and is the first', () => {
  it('is watched while it runs', async () => {
    const sdk = new FakeSDK();
    const loaded = deferred();
    sdk.during = () => loaded.promise;
    const { nexa, guard, machine, clock, types } = guardedFake(new FakeMachine(15 * GiB), KEEPS_NO_SHARE, sdk);
    const load = nexa.loadModel('m', { memoryGuard: { footprint: GiB } });
    await settled();
    expect(guard.status()).toMatchObject({ status: 'ok', minFreeBytes: 512 * MiB });
    machine.availableBytes = GiB + 700 * MiB;
    clock.advance(2000);
    expect(guard.status().status).toBe('warning');
    machine.availableBytes = GiB;
    clock.advance(2000);
    expect(types()).toEqual(['admitted', 'warning', 'critical']);
    loaded.reject(new Error('cannot'));
    await expect(load).rejects.toThrow('cannot');
    await settled();
    expect(types()).toEqual(['admitted', 'warning', 'critical', 'ok']);
    expect(guard.status()).toMatchObject({ status: 'ok', minFreeBytes: 0 });
    expect(clock.pending).toBe(0);
  });
});
