/** Loads that wait for memory, one after the other: when they are let in, and how their waiting ends. The SDK and the machine are fakes. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { deferred, FakeMachine, guardedFake, settled } from '../support/fake-sdk.ts';

const options: GuardOptions = { minFreeRatioAfterLoad: 0, minFreeBytes: 100 * MiB };
const sized = (gib: number, more: object = {}) => ({ memoryGuard: { footprint: gib * GiB, ...more } });
const waiting = (gib: number, more: object = {}) => sized(gib, { wait: true, ...more });

/** Lets the manual clock and the promises run for a while. */
function pass(clock: { advanceAsync(byMs: number): Promise<void> }, byMs = 100): Promise<void> {
  return clock.advanceAsync(byMs);
}

describe('a load that waits', () => {
  it('is let in once memory has returned, and told of before', async () => {
    const { nexa, machine, clock, types, last, sdk } = guardedFake(new FakeMachine(2 * GiB), options);
    const loading = nexa.loadModel('big.gguf', waiting(3));
    await pass(clock);
    expect(types()).toEqual(['waiting']);
    expect(last('waiting')).toMatchObject({ verdict: 'wait', model: 'big.gguf', position: 1, headroomBytes: 2 * GiB });
    expect(sdk.calls).toHaveLength(0);
    machine.availableBytes = 4 * GiB;
    await pass(clock);
    await loading;
    expect(types()).toEqual(['waiting', 'admitted', 'loaded']);
  });

  it('that fits at once does not wait', async () => {
    const { nexa, types } = guardedFake(new FakeMachine(4 * GiB), options);
    await nexa.loadModel('small.gguf', waiting(1));
    expect(types()).toEqual(['admitted', 'loaded']);
  });

  it('is woken by a disposal, without waiting for the next look', async () => {
    const { nexa, clock } = guardedFake(new FakeMachine(4 * GiB), options);
    const first = await nexa.loadModel('first.gguf', sized(3));
    const loading = nexa.loadModel('second.gguf', waiting(3));
    await settled();
    const atMs = clock.nowMs();
    await first.dispose();
    await loading;
    expect(clock.nowMs()).toBe(atMs);
  });

  it('gives up after its time with the numbers of the last decision, and leaves nothing behind', async () => {
    const { nexa, guard, clock, types } = guardedFake(new FakeMachine(2 * GiB), options);
    const loading = nexa.loadModel('big.gguf', waiting(3, { wait: { timeoutMs: 500 } }));
    const refused = expect(loading).rejects.toMatchObject({
      code: 'ERR_ADMISSION_TIMEOUT',
      message: expect.stringContaining('Waited 0.5 s'),
      cause: { code: 'ERR_INSUFFICIENT_MEMORY', shortfallBytes: 1 * GiB + 100 * MiB },
    });
    await pass(clock, 600);
    await refused;
    expect(types()).toEqual(['waiting', 'refused']);
    expect(clock.pending).toBe(0);
    expect(guard.headroomBytes()).toBe(2 * GiB);
    await nexa.loadModel('small.gguf', sized(1.5));
  });

  it('ends at once with the reason of its signal', async () => {
    const { nexa, clock } = guardedFake(new FakeMachine(2 * GiB), options);
    const controller = new AbortController();
    const loading = nexa.loadModel('big.gguf', waiting(3, { signal: controller.signal }));
    await pass(clock);
    controller.abort(new Error('enough'));
    await expect(loading).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
  });

  it('ends when the guard is closed', async () => {
    const { nexa, guard, clock } = guardedFake(new FakeMachine(2 * GiB), options);
    const loading = nexa.loadModel('big.gguf', waiting(3));
    await pass(clock);
    const refused = expect(loading).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' });
    guard.close();
    await refused;
    expect(clock.pending).toBe(0);
  });

  it('that no waiting can help is refused at once', async () => {
    const { nexa } = guardedFake(new FakeMachine(2 * GiB, 4 * GiB), options);
    await expect(nexa.loadModel('huge.gguf', waiting(5))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
  });

  it('ends with the error of a sensor that fails', async () => {
    const { nexa, machine, clock } = guardedFake(new FakeMachine(2 * GiB), options);
    const loading = nexa.loadModel('big.gguf', waiting(3));
    await pass(clock);
    machine.failsAlways = true;
    const refused = expect(loading).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    await pass(clock);
    await refused;
  });

  it('does not hold up a load that runs beside it', async () => {
    const { nexa, clock, types } = guardedFake(new FakeMachine(4 * GiB), options);
    void nexa.loadModel('big.gguf', waiting(6)).catch(() => {});
    await pass(clock);
    expect(types()).toEqual(['waiting']);
  });
});

describe('loads in a line', () => {
  it('are let in first come, first served', async () => {
    const { nexa, machine, clock } = guardedFake(new FakeMachine(1 * GiB), options);
    const order: string[] = [];
    const loads = ['a', 'b', 'c'].map((name) => nexa.loadModel(name, waiting(2)).then(() => order.push(name)));
    await pass(clock);
    for (const gib of [3, 5, 7]) {
      machine.availableBytes = gib * GiB;
      await pass(clock);
    }
    await Promise.all(loads);
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('tell their place, and that it has changed', async () => {
    const { nexa, machine, clock, events } = guardedFake(new FakeMachine(1 * GiB), options);
    const first = nexa.loadModel('a', waiting(2));
    await pass(clock);
    const second = nexa.loadModel('b', waiting(2));
    await pass(clock);
    machine.availableBytes = 3 * GiB;
    await pass(clock);
    await first;
    const places = events.flatMap((event) => (event.type === 'waiting' ? [[event.model, event.position]] : []));
    expect(places).toEqual([
      ['a', 1],
      ['b', 2],
      ['b', 1],
    ]);
    machine.availableBytes = 6 * GiB;
    await pass(clock);
    await second;
  });

  it('are not passed by a small load, waiting or not, unless both fit', async () => {
    const { nexa, machine, clock } = guardedFake(new FakeMachine(2 * GiB), options);
    const large = nexa.loadModel('large', waiting(3));
    await pass(clock);
    await expect(nexa.loadModel('small', sized(1))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    machine.availableBytes = 6 * GiB;
    await nexa.loadModel('small', sized(1));
    await pass(clock);
    await large;
  });

  it('go on when the one before them gives up', async () => {
    const { nexa, clock } = guardedFake(new FakeMachine(2 * GiB), options);
    const large = nexa.loadModel('large', waiting(3, { wait: { timeoutMs: 200 } }));
    const refused = expect(large).rejects.toMatchObject({ code: 'ERR_ADMISSION_TIMEOUT' });
    await pass(clock);
    const small = nexa.loadModel('small', waiting(1));
    await pass(clock, 300);
    await refused;
    await small;
  });

  it('keep their order while a load before them runs', async () => {
    const { nexa, sdk, clock } = guardedFake(new FakeMachine(5 * GiB), options);
    const running = deferred();
    const order: string[] = [];
    sdk.during = () => running.promise;
    const loads = ['a', 'b'].map((name) => nexa.loadModel(name, waiting(2)).then(() => order.push(name)));
    await pass(clock);
    running.resolve();
    await pass(clock);
    await Promise.all(loads);
    expect(order).toEqual(['a', 'b']);
  });
});
