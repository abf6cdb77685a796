/** What an SDK gives, as a model of the guard. The SDK and the machine are fakes. */
import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { FakeMachine, FakeModel, FakeSDK, guardedFake, settled } from '../support/fake-sdk.ts';

const MODEL = { memoryGuard: { footprint: 1 * GiB } };

describe('an object that the SDK gives twice', () => {
  it('is one model, with one handle and what was reserved for it once', async () => {
    const sdk = new FakeSDK();
    const shared = new FakeModel('m');
    sdk.during = () => shared;
    const { nexa, guard, machine } = guardedFake(new FakeMachine(15 * GiB), {}, sdk);
    const model = await nexa.loadModel('m', MODEL);
    expect(await nexa.loadModel('m', MODEL)).toBe(model);
    expect(guard.models()).toHaveLength(1);
    expect(guard.headroomBytes()).toBe(machine.availableBytes - GiB);
    await model.dispose();
    expect([guard.models(), guard.headroomBytes()]).toEqual([[], machine.availableBytes]);
  });
});

describe('a value that is no object', () => {
  it('is handed out as it is, and counted', async () => {
    const sdk = { loadModel: async (_name: string, _options?: object) => 7 as unknown as FakeModel };
    const { nexa, guard } = guardedFake(new FakeMachine(15 * GiB), {}, sdk as unknown as FakeSDK);
    expect(await nexa.loadModel('m', MODEL)).toBe(7);
    expect(guard.models()).toMatchObject([{ name: 'm' }]);
  });
});

describe('an object that can’t be wrapped', () => {
  it.each([
    ['is ended by the way that was given', () => {}],
    [
      'tells no other one if that fails',
      () => {
        throw new Error('of the end');
      },
    ],
  ])('is an error that leaves nothing reserved, and %s', async (_how, end) => {
    const error = new Error('of the proxy');
    const raw = new Proxy(new FakeModel('m'), {
      has() {
        throw error;
      },
    });
    const ended: unknown[] = [];
    const sdk = new FakeSDK();
    sdk.during = () => raw;
    const adapter = {
      end(model: unknown) {
        ended.push(model);
        end();
      },
    };
    const { nexa, guard, machine } = guardedFake(new FakeMachine(15 * GiB), { adapter }, sdk);
    await expect(nexa.loadModel('m', MODEL)).rejects.toBe(error);
    await settled();
    expect(ended.length === 1 && ended[0] === raw).toBe(true);
    expect([guard.models(), guard.headroomBytes()]).toEqual([[], machine.availableBytes]);
  });
});

describe('an adapter that fails once the model is loaded', () => {
  it.each(['onEnd', 'listFiles'] as const)(
    'loses nothing by `%s`: the model is handed out, and disposed',
    async (part) => {
      const adapter = {
        [part]() {
          throw new Error('of the adapter');
        },
      };
      const { nexa, guard, machine, sdk, types } = guardedFake(new FakeMachine(15 * GiB), { adapter });
      const model = await nexa.loadModel('m', { memoryGuard: { footprint: 1 * GiB } });
      expect(guard.headroomBytes()).toBe(machine.availableBytes - GiB);
      expect(types()).toEqual(['admitted', 'loaded']);
      await model.dispose();
      expect(sdk.models[0]?.disposals).toBe(1);
      expect(guard.models()).toEqual([]);
      expect(guard.headroomBytes()).toBe(machine.availableBytes);
    },
  );
});
