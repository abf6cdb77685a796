/** When what was promised to a loaded model counts as taken. */
import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { deferred, FakeMachine, guardedFake } from '../support/fake-sdk.ts';

describe('the promise to a loaded model', () => {
  const loaded = async () => {
    const fake = guardedFake(new FakeMachine(15 * GiB));
    const model = await fake.nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    const isSettled = () => fake.guard.headroomBytes() === fake.machine.availableBytes;
    expect(isSettled()).toBe(false);
    return { ...fake, model, isSettled };
  };

  it('is settled by the first completed inference', async () => {
    const { model, isSettled } = await loaded();
    await model.generate();
    expect(isSettled()).toBe(true);
  });

  it('is settled by a stream that was read to its end', async () => {
    const { model, isSettled } = await loaded();
    for await (const _text of model.generateStream());
    expect(isSettled()).toBe(true);
  });

  it('is not settled by tokenising, a failed or an abandoned call', async () => {
    const { model, isSettled } = await loaded();
    await model.tokenize();
    const fails = new Error('failed');
    await expect(model.generate({ fails })).rejects.toBe(fails);
    for await (const _text of model.generateStream()) break;
    expect(isSettled()).toBe(false);
    await model.generate();
    expect(isSettled()).toBe(true);
  });

  it('is not settled by a call beside which another one ran, of this model or of another', async () => {
    for (const beside of ['the same', 'another']) {
      const { nexa, model, guard } = await loaded();
      const other = beside === 'another' ? await nexa.loadModel('m', { memoryGuard: { footprint: 1 } }) : model;
      const before = guard.headroomBytes();
      const wait = deferred();
      const first = model.generate({ wait: wait.promise });
      await other.tokenize();
      wait.resolve();
      await first;
      expect(guard.headroomBytes()).toBe(before);
    }
  });

  it('is not settled by a call beside which a model was loaded', async () => {
    const { nexa, model, isSettled, guard } = await loaded();
    const wait = deferred();
    const first = model.generate({ wait: wait.promise });
    const other = await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    wait.resolve();
    await first;
    await other.dispose();
    expect(isSettled()).toBe(false);
    await model.generate();
    expect(isSettled()).toBe(true);
    expect(guard.models()).toHaveLength(1);
  });
});
