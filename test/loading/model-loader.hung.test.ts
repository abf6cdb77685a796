/** Loads of an SDK that are never done, come within each other, or give a model that is just ending. The SDK and the machine are fakes. */
import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { LOAD_PATIENCE_MS } from '../../src/loading/load-queue.ts';
import { deferred, FakeMachine, FakeModel, FakeSDK, guardedFake, settled } from '../support/fake-sdk.ts';

const sized = (gib: number, own: object = {}) => ({ memoryGuard: { footprint: gib * GiB, ...own } });

describe('a load that the SDK never ends', () => {
  async function hang() {
    const sdk = new FakeSDK();
    sdk.during = (name) => (name === 'hung' ? new Promise(() => {}) : undefined);
    const fake = guardedFake(new FakeMachine(8 * GiB), { minFreeRatioAfterLoad: 0 }, sdk);
    void fake.nexa.loadModel('hung', sized(2));
    await settled();
    return fake;
  }

  it('holds up the next load for a bounded time, and keeps its memory', async () => {
    const { nexa, guard, clock } = await hang();
    const next = nexa.loadModel('next', sized(4));
    clock.advance(LOAD_PATIENCE_MS - 1);
    await settled();
    expect(guard.models()).toEqual([]);
    clock.advance(1);
    expect(await next).toMatchObject({ name: 'next' });
    expect(guard.headroomBytes()).toBe(2 * GiB);
    await expect(nexa.loadModel('third', sized(3))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
  });

  it('holds up neither the signal, the time limit nor the closing of one that waits for its turn', async () => {
    const { nexa, clock, guard } = await hang();
    const controller = new AbortController();
    const aborted = nexa.loadModel('aborted', sized(1, { signal: controller.signal }));
    const late = nexa.loadModel('late', sized(1, { wait: { timeoutMs: 1000 } }));
    const closed = nexa.loadModel('closed', sized(1));
    const ends = Promise.allSettled([aborted, late, closed]);
    await settled();
    controller.abort('enough');
    clock.advance(1000);
    guard.close();
    expect(await ends).toMatchObject([
      { reason: 'enough' },
      { reason: { code: 'ERR_ADMISSION_TIMEOUT' } },
      { reason: { code: 'ERR_GUARD_CLOSED' } },
    ]);
  });
});

describe('a load within a load', () => {
  it('goes in at once, and both are registered', async () => {
    const sdk = new FakeSDK();
    const { nexa, guard } = guardedFake(new FakeMachine(8 * GiB), {}, sdk);
    sdk.during = async (name) => void (name === 'outer' && (await nexa.loadModel('draft', sized(1))));
    expect(await nexa.loadModel('outer', sized(1))).toMatchObject({ name: 'outer' });
    expect(guard.models().map(({ name }) => name)).toEqual(['draft', 'outer']);
  });

  it('that is refused fails the outer one, and nothing stays reserved', async () => {
    const sdk = new FakeSDK();
    const { nexa, guard, machine } = guardedFake(new FakeMachine(8 * GiB), {}, sdk);
    sdk.during = async (name) => void (name === 'outer' && (await nexa.loadModel('draft', sized(9))));
    await expect(nexa.loadModel('outer', sized(1))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expect(guard.headroomBytes()).toBe(machine.availableBytes);
  });
});

it('an SDK that gives an object which nobody can look at leaves nothing registered', async () => {
  const sdk = new FakeSDK();
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  // A promise would ask it for its `then`.
  sdk.loadModel = (() => proxy) as unknown as FakeSDK['loadModel'];
  const { nexa, guard, machine, types } = guardedFake(new FakeMachine(8 * GiB), {}, sdk);
  await expect(nexa.loadModel('m', sized(1))).rejects.toThrow(TypeError);
  expect(guard.models()).toEqual([]);
  expect(guard.headroomBytes()).toBe(machine.availableBytes);
  expect(types()).toEqual(['admitted']);
});

it('an SDK that gives a model which the guard is just ending is asked again once that is over', async () => {
  const first = deferred();
  const cached = Object.assign(new FakeModel('cached'), { dispose: () => first.promise });
  const sdk = new FakeSDK();
  let given = 0;
  sdk.during = (name) => {
    if (name !== 'cached') return undefined;
    given += 1;
    return given < 3 ? cached : undefined;
  };
  const { nexa, guard, clock } = guardedFake(new FakeMachine(8 * GiB), { keepAliveMs: 1000 }, sdk);
  await nexa.loadModel('cached', sized(1));
  await clock.advanceAsync(1000);
  const again = nexa.loadModel('cached', sized(1));
  await settled();
  expect(given).toBe(2);
  first.resolve();
  await clock.advanceAsync(600);
  const model = await again;
  expect(given).toBe(3);
  expect(await model.generate()).toBe('text');
  expect(guard.models()).toHaveLength(1);
});
