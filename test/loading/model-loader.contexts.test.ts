/** Contexts of a model, loaded as loads of their own, and what becomes of their model meanwhile. The SDK and the machine are fakes. */
import { describe, expect, it } from 'vitest';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { collectUntil, deferred, FakeMachine, FakeModel, FakeSDK, guardedFake } from '../support/fake-sdk.ts';

const MODEL = { memoryGuard: { footprint: 1 * GiB } };

/** A model whose contexts are the ones that the test gives it. */
class ContextModel extends FakeModel {
  makesContext: () => FakeModel = () => new FakeModel('context');

  async createContext(): Promise<FakeModel> {
    return this.makesContext();
  }
}

const adapter: NonNullable<GuardOptions['adapter']> = {
  adaptContext: (_model, method) =>
    method === 'createContext'
      ? {
          ...defaultAdapter,
          readRequest: () => ({ name: 'context', memoryGuard: { footprint: 1 * MiB } }),
          withQuantization: (args) => args,
        }
      : undefined,
};

/** A guarded SDK that loads this one model. */
async function loadModel(options: GuardOptions = {}) {
  const raw = new ContextModel('m');
  const sdk = new FakeSDK();
  sdk.during = (name) => (name === 'm' ? raw : undefined);
  const fake = guardedFake(new FakeMachine(4 * GiB), { minFreeRatioAfterLoad: 0, adapter, ...options }, sdk);
  const model = (await fake.nexa.loadModel('m', MODEL)) as unknown as ContextModel;
  const names = () => fake.guard.models().map(({ name }) => name);
  return { ...fake, raw, model, names };
}

describe('a context that the SDK returns twice', () => {
  it('is one context, and its model is idle once that is disposed', async () => {
    const { raw, model, clock, names, last } = await loadModel({ keepAliveMs: 1000 });
    const shared = new FakeModel('context');
    raw.makesContext = () => shared;
    const context = await model.createContext();
    expect(await model.createContext()).toBe(context);
    expect(names()).toEqual(['m', 'm: context']);
    const running = deferred();
    const call = context.generate({ wait: running.promise });
    await clock.advanceAsync(2000);
    expect(names()).toEqual(['m', 'm: context']);
    running.resolve();
    await call;
    await context.dispose();
    await clock.advanceAsync(2000);
    expect(names()).toEqual([]);
    expect(last('evicted')).toMatchObject({ model: 'm', reason: 'keep-alive' });
  });
});

describe('a context that waits to be admitted while its model is disposed', () => {
  it('is asked for once that is over', async () => {
    const { raw, model } = await loadModel();
    const order: string[] = [];
    let finish = () => {};
    const disposed = new Promise<void>((resolve) => {
      finish = resolve;
    });
    raw.dispose = async () => {
      order.push('disposal begins');
      await disposed;
      order.push('disposal ends');
    };
    raw.makesContext = () => {
      order.push('createContext');
      throw new Error('this model is disposed');
    };
    const context = model.createContext();
    const failed = expect(context).rejects.toThrow('this model is disposed');
    const disposal = model.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['disposal begins']);
    finish();
    await Promise.all([disposal, failed]);
    expect(order).toEqual(['disposal begins', 'disposal ends', 'createContext']);
  });
});

describe('a model that is disposed with its context', () => {
  it('tells once what came back with both', async () => {
    const { model, machine, clock, events } = await loadModel();
    await model.createContext();
    const disposal = model.dispose();
    machine.availableBytes += 512 * MiB;
    await disposal;
    await clock.advanceAsync(600);
    const unloads = events.filter(({ type }) => type === 'unloaded');
    expect(unloads).toMatchObject([{ model: 'm: context' }, { model: 'm' }]);
    expect(unloads[0]).not.toHaveProperty('freedBytes');
    // What was reserved for both was not taken yet, so it is free again as well.
    expect(unloads[1]).toMatchObject({ freedBytes: 512 * MiB + 1 * GiB + 1 * MiB });
  });
});

describe('a model whose handle is lost while it has a context', () => {
  it('is disposed when the context ends, not before', async () => {
    const fake = await loadModel();
    const { raw, guard, clock, types, last, names } = fake;
    const context = await fake.model.createContext();
    (fake as { model?: unknown }).model = undefined;
    expect(await collectUntil(() => raw.disposals > 0)).toBe(false);
    expect(names()).toEqual(['m', 'm: context']);
    expect(await context.generate()).toBe('text');
    await context.dispose();
    await clock.advanceAsync(600);
    expect(raw.disposals).toBe(1);
    expect(guard.models()).toEqual([]);
    expect(last('unloaded')).toMatchObject({ model: 'm: context' });
    expect(last('leaked')).toMatchObject({ model: 'm' });
    expect(types().filter((type) => type === 'unloaded' || type === 'leaked')).toHaveLength(2);
  });
});
