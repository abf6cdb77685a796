/** What goes wrong around a guard: an SDK that throws, hangs or disposes at the wrong moment, and clocks that jump. The SDK is a fake. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { deferred, FakeMachine, FakeModel, FakeSDK, guardedFake, recordEvents, settled } from '../support/fake-sdk.ts';

const options = { minFreeRatioAfterLoad: 0, minFreeBytes: 0 };
const sized = (gib: number, more: object = {}) => ({ memoryGuard: { footprint: gib * GiB, ...more } });

describe('an SDK that hangs in a load', () => {
  const hanging = async () => {
    const fake = guardedFake(new FakeMachine(8 * GiB), options);
    const hung = deferred<undefined>();
    fake.sdk.during = (name) => (name === 'hangs' ? hung.promise : undefined);
    const load = fake.nexa.loadModel('hangs', sized(3));
    await settled();
    return { ...fake, hung, load };
  };

  it('keeps what was promised to it, and those behind it can give up or run out of time', async () => {
    const { nexa, guard, clock, hung, load } = await hanging();
    expect(guard.headroomBytes()).toBe(5 * GiB);
    const controller = new AbortController();
    const aborted = nexa.loadModel('a', sized(1, { signal: controller.signal }));
    const late = nexa.loadModel('b', sized(1, { wait: { timeoutMs: 1000 } }));
    await settled();
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    clock.advance(1000);
    await expect(late).rejects.toMatchObject({ code: 'ERR_ADMISSION_TIMEOUT' });
    expect(guard.ledger.entries()).toHaveLength(1);
    hung.resolve(undefined);
    await (await load).dispose();
    expect(guard.headroomBytes()).toBe(8 * GiB);
  });

  it('does not keep `close()` or the others from ending', async () => {
    const { nexa, guard, hung, load } = await hanging();
    const behind = nexa.loadModel('a', sized(1));
    await settled();
    guard.close();
    await expect(behind).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' });
    hung.resolve(undefined);
    expect(await (await load).generate()).toBe('text');
  });
});

describe('an SDK that is disposed while it loads', () => {
  it('and fails that load leaves nothing promised', async () => {
    const { nexa, sdk, guard } = guardedFake(new FakeMachine(8 * GiB), options);
    const gone = deferred<undefined>();
    sdk.during = () => gone.promise;
    const load = nexa.loadModel('m', sized(3));
    await settled();
    await nexa.dispose();
    gone.reject(new Error('disposed'));
    await expect(load).rejects.toThrow('disposed');
    expect(guard.headroomBytes()).toBe(8 * GiB);
    expect(guard.ledger.entries()).toEqual([]);
  });

  it('and returns the model all the same has it registered', async () => {
    const { nexa, sdk, guard } = guardedFake(new FakeMachine(8 * GiB), options);
    const gone = deferred<undefined>();
    sdk.during = () => gone.promise;
    const load = nexa.loadModel('m', sized(3));
    await settled();
    await nexa.dispose();
    gone.resolve(undefined);
    const model = await load;
    expect(guard.models()).toHaveLength(1);
    await model.dispose();
    expect(guard.headroomBytes()).toBe(8 * GiB);
  });
});

describe('a model', () => {
  it('that is disposed twice at once is told of once', async () => {
    const { nexa, guard, clock, types } = guardedFake(new FakeMachine(8 * GiB), options);
    const model = await nexa.loadModel('m', sized(3));
    await Promise.all([model.dispose(), model.dispose()]);
    await clock.advanceAsync(600);
    expect(types().filter((type) => type === 'unloaded')).toHaveLength(1);
    expect(guard.headroomBytes()).toBe(8 * GiB);
  });

  it('that two loads return at once is one model, promised once', async () => {
    const { nexa, sdk, guard } = guardedFake(new FakeMachine(8 * GiB), { ...options, maxConcurrentLoads: 2 });
    const same = new FakeModel('m');
    sdk.during = () => same;
    const [one, other] = await Promise.all([nexa.loadModel('m', sized(3)), nexa.loadModel('m', sized(3))]);
    expect(one).toBe(other);
    expect(guard.models()).toHaveLength(1);
    expect(guard.headroomBytes()).toBe(5 * GiB);
    await one.dispose();
    expect(guard.headroomBytes()).toBe(8 * GiB);
  });
});

describe('an SDK that throws', () => {
  it.each([
    ['at once', () => new Error('now')],
    ['later', () => Promise.reject(new Error('later'))],
    ['something that is no error', () => Promise.reject(5)],
  ])('%s leaves nothing promised, load after load', async (_, fails) => {
    const { nexa, sdk, guard } = guardedFake(new FakeMachine(4 * GiB), options);
    sdk.during = () => {
      const error = fails();
      if (error instanceof Error) throw error;
      return error;
    };
    for (let load = 0; load < 10; load++) await expect(nexa.loadModel('m', sized(3))).rejects.toBeDefined();
    sdk.during = undefined;
    await nexa.loadModel('m', sized(3));
    expect(guard.ledger.entries()).toHaveLength(1);
  });
});

describe.runIf(loadAddon()?.locks)('a time of day that jumps', () => {
  it.each([-86_400_000, 86_400_000])('by %d ms loses nobody and hurries no wait', async (jumpMs) => {
    const directory = join(mkdtempSync(join(tmpdir(), 'nexa-clock-')), 'ledger');
    onTestFinished(() => rmSync(join(directory, '..'), { recursive: true, force: true }));
    const guarded = () => {
      const nexa = withMemoryGuard(new FakeSDK(), { ...options, ledger: { directory } });
      onTestFinished(() => nexa.guard.close());
      return { nexa, guard: nexa.guard, events: recordEvents(nexa.guard) };
    };
    const { nexa, guard, events } = guarded();
    const held = await nexa.loadModel('held', { memoryGuard: { footprint: MiB } });
    const tooLarge = guard.headroomBytes() + 64 * MiB;
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + jumpMs);
    onTestFinished(() => void vi.restoreAllMocks());
    const another = await nexa.loadModel('another', { memoryGuard: { footprint: MiB } });
    const controller = new AbortController();
    const waiting = nexa.loadModel('waits', {
      memoryGuard: { footprint: tooLarge, wait: { timeoutMs: 60_000 }, signal: controller.signal },
    });
    const outcome = Promise.race([
      waiting.catch(() => 'ended'),
      new Promise((resolve) => setTimeout(resolve, 100, 'waits')),
    ]);
    expect(await outcome).toBe('waits');
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(guard.ledger.entries().map(({ label }) => label)).toEqual(['held', 'another']);
    expect(readdirSync(directory)).toEqual(['nexa-ledger']);
    expect(events.filter(({ type }) => type === 'degraded')).toEqual([]);
    await held.dispose();
    await another.dispose();
  });
});
