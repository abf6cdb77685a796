import { describe, expect, it, onTestFinished } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { withMemoryGuard } from '../../src/index.ts';
import { recordEvents, settled } from '../support/fake-sdk.ts';

interface Run {
  readonly elements: number;
  readonly wait?: Promise<unknown>;
}

/** An engine whose runs are measured by their inputs. It takes nothing: memory is what the test says. */
function guardedEngine(availableBytes: () => number, options: GuardOptions = {}) {
  const ran: number[] = [];
  const guarded = withMemoryGuard(
    {
      async loadModel(_name: string, _options?: object) {
        return {
          async run({ elements, wait }: Run) {
            ran.push(elements);
            await wait;
            return elements;
          },
          release() {},
        };
      },
    },
    {
      adapter: {
        isInference: (method) => method === 'run',
        measureCall: (_model, method, [run]) =>
          method === 'run'
            ? { elements: (run as Run).elements, inputBytes: (run as Run).elements, outputBytes: 0 }
            : undefined,
      },
      sensor: () => ({ totalBytes: 8 * GiB, availableBytes: availableBytes() }),
      minFreeBytes: 0,
      minFreeRatioAfterLoad: 0,
      calibration: 'off',
      ...options,
    },
  );
  onTestFinished(() => guarded.guard.close());
  const load = () => guarded.loadModel('m', { memoryGuard: { footprint: MiB } });
  return { ran, load, guard: guarded.guard, events: recordEvents(guarded.guard) };
}

describe('a run on a model whose guard was closed', () => {
  it('goes to the engine as it is, also if it waited for its turn meanwhile', async () => {
    let availableBytes = 8 * GiB;
    const { load, guard } = guardedEngine(() => availableBytes);
    const model = await load();
    let done!: () => void;
    const first = model.run({ elements: MiB, wait: new Promise<void>((resolve) => (done = resolve)) });
    const second = model.run({ elements: 2 * MiB });
    await settled();
    availableBytes = 0;
    guard.close();
    done();
    expect(await Promise.all([first, second, model.run({ elements: 3 * MiB })])).toEqual([MiB, 2 * MiB, 3 * MiB]);
    expect(guard.ledger.entries().map(({ label }) => label)).toEqual(['m']);
  });
});

describe('a run whose size was never seen', () => {
  it('is refused before the engine is asked if what is assumed of it does not fit', async () => {
    const { ran, load, events, guard } = guardedEngine(() => 100 * MiB);
    const model = await load();
    await expect(model.run({ elements: 4 * MiB })).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
      requiredBytes: 128 * MiB,
      message: expect.stringMatching(
        /^Insufficient memory to run m with 4194304 elements: that takes 128.0 MiB \(assumed/,
      ),
    });
    expect(ran).toEqual([]);
    expect(events.find(({ type }) => type === 'refused')).toMatchObject({
      refusedBy: expect.arrayContaining(['headroom']),
    });
    expect(guard.models()[0]?.callsInFlight).toBe(0);
    expect(await model.run({ elements: MiB })).toBe(MiB);
  });

  it('is let in where its user admits what nobody knows, or only observes', async () => {
    for (const options of [{ unknownModels: 'admit' }, { mode: 'observe' }] as const) {
      const { load } = guardedEngine(() => 100 * MiB, options);
      expect(await (await load()).run({ elements: 4 * MiB })).toBe(4 * MiB);
    }
  });

  it('is reserved for while it runs, and no longer', async () => {
    const { load, guard } = guardedEngine(() => 8 * GiB);
    const model = await load();
    let done!: () => void;
    const running = model.run({ elements: 4 * MiB, wait: new Promise<void>((resolve) => (done = resolve)) });
    await expect.poll(() => guard.ledger.entries().at(-1)?.label).toBe('m: run of 4194304 elements');
    expect(guard.ledger.entries().at(-1)?.anonymousBytes).toBe(128 * MiB);
    done();
    await running;
    expect(guard.ledger.entries()).toHaveLength(1);
  });

  it('waits until the one before it was seen, and lets one of a known size pass', async () => {
    const { ran, load } = guardedEngine(() => 8 * GiB);
    const model = await load();
    await model.run({ elements: 5 });
    await model.run({ elements: 5 });
    let done!: () => void;
    const first = model.run({ elements: 40 * MiB, wait: new Promise<void>((resolve) => (done = resolve)) });
    const second = model.run({ elements: 41 * MiB });
    await expect.poll(() => ran.length).toBe(3);
    expect(await model.run({ elements: 5 })).toBe(5);
    expect(ran).toEqual([5, 5, 40 * MiB, 5]);
    done();
    await Promise.all([first, second]);
    expect(ran.at(-1)).toBe(41 * MiB);
  });
});

it('leaves a run that fails to its caller, and keeps nothing reserved', async () => {
  const { load, guard } = guardedEngine(() => 8 * GiB);
  const model = await load();
  await expect(model.run({ elements: 1, wait: Promise.reject(new Error('no')) })).rejects.toThrow('no');
  expect(guard.ledger.entries()).toHaveLength(1);
  expect(await model.run({ elements: 1 })).toBe(1);
});

it('refuses a run while memory can not be read, unless its user admits that', async () => {
  for (const onSensorFailure of ['refuse', 'admit'] as const) {
    let fails = false;
    const read = () => {
      if (fails) throw new Error('blind');
      return 8 * GiB;
    };
    const { load, ran } = guardedEngine(read, { onSensorFailure });
    const model = await load();
    fails = true;
    const run = model.run({ elements: 4 * MiB });
    if (onSensorFailure === 'admit') expect(await run).toBe(4 * MiB);
    else await expect(run).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    expect(ran).toHaveLength(onSensorFailure === 'admit' ? 1 : 0);
  }
});
