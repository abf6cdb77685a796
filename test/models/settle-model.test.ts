/** When what was promised to a loaded model counts as taken, and what audio takes meanwhile. */
import { describe, expect, it, vi } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { ModelFacts } from '../../src/models/held-model.ts';
import { settleModel, tellObserved } from '../../src/models/settle-model.ts';
import { deferred, FakeMachine, FakeModel, FakeSDK, guardedFake } from '../support/fake-sdk.ts';
import { makeLoadedModels } from '../support/make-loaded-models.ts';

const AUDIO = 100 * MiB;

/** Loads `model`, and keeps its type. */
async function loaded<T>(model: T) {
  const sdk = new FakeSDK();
  sdk.during = () => model;
  const fake = guardedFake(new FakeMachine(15 * GiB), {}, sdk);
  const handle = (await fake.nexa.loadModel('m', { memoryGuard: { footprint: 1 * GiB } })) as unknown as T;
  return { ...fake, handle };
}

describe('the promise to a loaded model', () => {
  const loadQwen = async () => {
    const fake = guardedFake(new FakeMachine(15 * GiB));
    const model = await fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    const isSettled = () => fake.guard.headroomBytes() === fake.machine.availableBytes;
    expect(isSettled()).toBe(false);
    return { ...fake, model, isSettled };
  };

  it('is settled by the first completed inference', async () => {
    const { model, isSettled } = await loadQwen();
    await model.generate();
    expect(isSettled()).toBe(true);
  });

  it('is settled by a stream that was read to its end', async () => {
    const { model, isSettled } = await loadQwen();
    for await (const _text of model.generateStream());
    expect(isSettled()).toBe(true);
  });

  it('is not settled by tokenising, a failed or an abandoned call', async () => {
    const { model, isSettled } = await loadQwen();
    await model.tokenize();
    const fails = new Error('failed');
    await expect(model.generate({ fails })).rejects.toBe(fails);
    for await (const _text of model.generateStream()) break;
    expect(isSettled()).toBe(false);
    await model.generate();
    expect(isSettled()).toBe(true);
  });

  it('is settled by a call, whatever ran beside it: another call of it or of another model, or a load', async () => {
    for (const beside of ['the same', 'another', 'a load']) {
      const { nexa, model, isSettled } = await loadQwen();
      const other = beside === 'another' ? await nexa.loadModel('m', { memoryGuard: { footprint: 1 } }) : model;
      const wait = deferred();
      const first = model.generate({ wait: wait.promise });
      if (beside === 'a load') await (await nexa.loadModel('m', { memoryGuard: { footprint: 1 } })).dispose();
      else await other.tokenize();
      wait.resolve();
      await first;
      if (other !== model) await other.dispose();
      expect(isSettled()).toBe(true);
    }
  });
});

describe('what was observed of a model', () => {
  const predicted = { mappedBytes: 0, anonymousAfterLoadBytes: 1000, anonymousAfterCallBytes: 1000 };
  const tell = (anonymousAfterLoadBytes: number, facts: Partial<ModelFacts> = { predicted }) => {
    const { gate, hold } = makeLoadedModels();
    const told: string[] = [];
    const observation = { load: 'l', mappedBytes: 0, anonymousAfterLoadBytes, full: false, heard: false };
    tellObserved(
      hold({}, facts),
      { key: 'k', changes: 1, observation, grown: () => undefined },
      {
        gate,
        observed: ({ key }) => told.push(`observed ${key}`),
        outgrown: ({ facts }, takenBytes) => told.push(`${facts.name} took ${takenBytes}`),
      },
    );
    return told;
  };

  it('is told, and that it is more than was reserved', () => {
    expect(tell(9 * MiB)).toEqual(['observed k', `m took ${9 * MiB}`]);
  });

  it('is not told as more if it is that by no more than a busy process moves by', () => {
    expect(tell(8 * MiB)).toEqual(['observed k']);
  });

  it('is not told of a load by name, if it is no more than that: it would teach nothing', () => {
    expect(tell(8 * MiB, {})).toEqual([]);
    expect(tell(9 * MiB, {})).toEqual(['observed k', `m took ${9 * MiB}`]);
  });
});

describe('a call beside which another one ran', () => {
  it('settles its model, and nothing is observed of it', () => {
    const { gate, hold, promisedBytes } = makeLoadedModels();
    const observation = { load: 'l', mappedBytes: 0, anonymousAfterLoadBytes: 9 * MiB, full: false, heard: false };
    const observing = { key: 'k', changes: 1, observation, grown: () => 9 * MiB };
    for (const disturbed of [true, false]) {
      const held = hold({}, {});
      held.observing = observing;
      Object.assign(held, { disturbed, callsBegun: 1 });
      const told = vi.fn();
      settleModel(held, { full: true, changes: 2 }, { gate, observed: told, outgrown: told });
      expect(told).toHaveBeenCalledTimes(disturbed ? 0 : 2); // and it has outgrown what was reserved
      expect(promisedBytes()).toBe(0);
    }
  });
});

describe('a model of which nothing can be observed', () => {
  it('is settled all the same, and nothing is told', () => {
    const { gate, hold, promisedBytes } = makeLoadedModels();
    const held = hold({});
    expect(promisedBytes()).toBe(1000);
    const told = vi.fn();
    settleModel(held, { full: true, changes: 1 }, { gate, observed: told, outgrown: told });
    expect(promisedBytes()).toBe(0);
    expect(told).not.toHaveBeenCalled();
  });
});

describe('audio', () => {
  it('holds more if the adapter says that the call takes more, and 100 MiB if it can not say', async () => {
    for (const [countCallAudio, bytes] of [
      [() => 250 * MiB, 250 * MiB],
      [() => 7, AUDIO],
      [() => Number.NaN, AUDIO],
      [
        () => {
          throw new Error('cannot say');
        },
        AUDIO,
      ],
    ] as const) {
      const { nexa, guard } = guardedFake(new FakeMachine(15 * GiB), { adapter: { countCallAudio } });
      const handle = await nexa.loadModel('m', { memoryGuard: { footprint: 1 * GiB } });
      await handle.generate();
      const before = guard.headroomBytes();
      const wait = deferred();
      const call = handle.generate({ audio: 'a.wav', wait: wait.promise });
      expect(before - guard.headroomBytes()).toBe(bytes);
      wait.resolve();
      await call;
    }
  });

  it('holds 100 MiB while a promise runs, and not after', async () => {
    const { handle, guard } = await loaded(new FakeModel('m'));
    await handle.generate(); // settles the model's own promise
    const before = guard.headroomBytes();
    const wait = deferred();
    const call = handle.generate({ audio: 'a.wav', wait: wait.promise });
    expect(before - guard.headroomBytes()).toBe(AUDIO);
    const second = handle.generate({ audio: 'b.wav', wait: wait.promise });
    expect(before - guard.headroomBytes()).toBe(2 * AUDIO);
    wait.resolve();
    await Promise.all([call, second]);
    expect(guard.headroomBytes()).toBe(before);
  });

  it('holds them for audio in the middle of a conversation, and not for a text', async () => {
    const { handle, guard } = await loaded(new FakeModel('m'));
    await handle.generate(); // settles the model's own promise
    const before = guard.headroomBytes();
    const holds = async (content: unknown) => {
      const wait = deferred();
      const call = handle.generate({ messages: [null, { content: 'x' }, { content }], wait: wait.promise } as never);
      const held = before - guard.headroomBytes();
      wait.resolve();
      await call;
      return held;
    };
    expect(await holds([{ type: 'text', text: 'x' }, null, { type: 'audio', path: 'a.wav' }])).toBe(AUDIO);
    expect(await holds([{ type: 'text', text: 'audio' }])).toBe(0);
    expect(guard.headroomBytes()).toBe(before);
  });

  it('holds them while a stream is read, from its first reading to its end', async () => {
    const { handle, guard } = await loaded(new FakeModel('m'));
    await handle.generate(); // settles the model's own promise
    const before = guard.headroomBytes();
    const stream = handle.generateStream({ audio: 'a.wav' });
    expect(guard.headroomBytes()).toBe(before);
    for await (const _text of stream) expect(before - guard.headroomBytes()).toBe(AUDIO);
    expect(guard.headroomBytes()).toBe(before);
  });

  it('gives them back if the call fails, the stream fails, or the reader leaves', async () => {
    const { handle, guard } = await loaded(new FakeModel('m'));
    await handle.generate(); // settles the model's own promise
    const before = guard.headroomBytes();
    const fails = new Error('deaf');
    await expect(handle.generate({ audio: 'a.wav', fails })).rejects.toBe(fails);
    expect(guard.headroomBytes()).toBe(before);
    const stream = handle.generateStream({ audio: 'a.wav', fails });
    await stream.next();
    expect(before - guard.headroomBytes()).toBe(AUDIO);
    await expect(stream.next()).rejects.toBe(fails);
    expect(guard.headroomBytes()).toBe(before);
    for await (const _text of handle.generateStream({ audio: 'a.wav' })) break;
    expect(guard.headroomBytes()).toBe(before);
  });

  it('is seen beside other arguments too', async () => {
    const wait = deferred();
    const raw = { ask: (_prompt: string, _options: object) => wait.promise, dispose() {} };
    const { handle, guard } = await loaded(raw);
    const before = guard.headroomBytes();
    const call = handle.ask('What is said?', { audio: 'a.wav' });
    expect(before - guard.headroomBytes()).toBe(AUDIO);
    wait.resolve();
    await call;
  });

  it('that is not there holds nothing', async () => {
    const { handle, guard } = await loaded(new FakeModel('m'));
    const before = guard.headroomBytes();
    const wait = deferred();
    const calls = [undefined, {}, { audio: undefined }, { audio: null }].map((options) =>
      handle.generate({ ...(options as object), wait: wait.promise }),
    );
    expect(guard.headroomBytes()).toBe(before);
    wait.resolve();
    await Promise.all(calls);
  });
});
