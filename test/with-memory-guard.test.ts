import { describe, expect, it, vi } from 'vitest';
import type { Adapter } from '../src/adapters/adapter.ts';
import { GiB, MiB } from '../src/core/bytes.ts';
import type { LoadsModels } from '../src/guarded-types.ts';
import { withMemoryGuard } from '../src/with-memory-guard.ts';
import { FakeMachine, FakeModel, FakeSDK, guardedFake } from './support/fake-sdk.ts';

const sensor = () => ({ totalBytes: 16 * GiB, availableBytes: 15 * GiB });

describe('guarding an SDK', () => {
  it('gives the same SDK with a guard added', async () => {
    const sdk = new FakeSDK();
    const nexa = withMemoryGuard(sdk, { sensor });
    expect(nexa).toBeInstanceOf(FakeSDK);
    expect('guard' in sdk).toBe(false);
    expect(nexa.guard.snapshot().totalBytes).toBe(16 * GiB);
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(model).toBeInstanceOf(FakeModel);
    expect(await model.generate()).toBe('text');
    expect(nexa.guard.models()).toHaveLength(1);
    expect(nexa.loadModel).toBe(nexa.loadModel);
    nexa.guard.close();
  });

  it.each([null, undefined, 5, 'sdk', {}, { loadModel: 'no function' }, () => {}])(
    'that has no loadModel is refused (%s)',
    (sdk) => {
      expect(() => withMemoryGuard(sdk as unknown as LoadsModels)).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_OPTION',
          message: expect.stringContaining('Expected an SDK with a `loadModel` method, got '),
        }),
      );
    },
  );

  it('that throws when its loadModel is read is refused, with the reason', () => {
    const cause = new Error('not connected');
    const sdk = {
      get loadModel(): () => object {
        throw cause;
      },
    };
    expect(() => withMemoryGuard(sdk)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', cause }));
    const { proxy, revoke } = Proxy.revocable(new FakeSDK(), {});
    revoke();
    expect(() => withMemoryGuard(proxy)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  it('with a bad option is refused', () => {
    expect(() => withMemoryGuard(new FakeSDK(), { minFreeBytes: '1 potato' })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
  });

  it('twice is refused, the raw as well as the guarded object', () => {
    const sdk = new FakeSDK();
    const nexa = withMemoryGuard(sdk, { sensor });
    for (const again of [sdk, nexa]) {
      expect(() => withMemoryGuard(again, { sensor })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining('guarded already') }),
      );
    }
  });

  it('again is possible through the guarded object, which is all that a program may still hold', async () => {
    const nexa = withMemoryGuard(new FakeSDK(), { sensor });
    nexa.guard.close();
    const again = withMemoryGuard(nexa, { sensor });
    expect(again.guard).not.toBe(nexa.guard);
    await again.loadModel('qwen2audio');
    expect(again.guard.models()).toHaveLength(1);
  });

  it('again is possible after its guard was closed', async () => {
    const sdk = new FakeSDK();
    const first = withMemoryGuard(sdk, { sensor });
    first.guard.close();
    const second = withMemoryGuard(sdk, { sensor });
    await expect(first.loadModel('qwen2audio')).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' });
    await second.loadModel('qwen2audio');
    expect(second.guard.models()).toHaveLength(1);
  });

  it('does not hinder guarding another one', () => {
    withMemoryGuard(new FakeSDK(), { sensor });
    expect(() => withMemoryGuard(new FakeSDK(), { sensor })).not.toThrow();
  });

  it('works for a frozen object, a function and an object without a prototype', async () => {
    const load = async (name: string) => new FakeModel(name);
    const bare = Object.assign(Object.create(null) as object, { loadModel: load });
    for (const sdk of [Object.freeze({ loadModel: load }), Object.assign(() => 'called', { loadModel: load }), bare]) {
      const nexa = withMemoryGuard(sdk, { sensor });
      await nexa.loadModel('qwen2audio');
      expect(nexa.guard.models()).toHaveLength(1);
    }
  });

  it('does not guard what the SDK calls on itself', async () => {
    const sdk = {
      loads: 0,
      async loadModel(name: string) {
        this.loads += 1;
        return new FakeModel(name);
      },
      async warmUp() {
        return this.loadModel('qwen2audio');
      },
    };
    const nexa = withMemoryGuard(sdk, { sensor });
    await nexa.warmUp();
    expect(sdk.loads).toBe(1);
    expect(nexa.guard.models()).toEqual([]);
  });
});

describe('unloading through the SDK', () => {
  it('`dispose` forgets every model, once', async () => {
    const { nexa, guard, sdk, types, clock } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(guard.models()).toHaveLength(2);
    await nexa.dispose();
    expect(guard.models()).toEqual([]);
    expect(sdk.unloaded).toBe(2);
    await nexa.dispose();
    await clock.advanceAsync(500);
    expect(types().filter((type) => type === 'unloaded')).toHaveLength(2);
  });

  it.each(['handle', 'name'])('`unloadModel` by %s forgets that one only', async (by) => {
    const { nexa, guard, machine } = guardedFake(new FakeMachine(15 * GiB));
    const one = await nexa.loadModel('one', { memoryGuard: { footprint: 1 * GiB } });
    await nexa.loadModel('two', { memoryGuard: { footprint: 2 * GiB } });
    expect(guard.headroomBytes()).toBe(machine.availableBytes - 3 * GiB);
    expect(await nexa.unloadModel(by === 'name' ? 'one' : one)).toBe(1);
    expect(guard.models().map(({ name }) => name)).toEqual(['two']);
    expect(guard.headroomBytes()).toBe(machine.availableBytes - 2 * GiB);
  });

  it('`unloadModel` of an evicted model forgets what was loaded in its place', async () => {
    const { nexa, guard, sdk, clock } = guardedFake(new FakeMachine(15 * GiB), { evict: 'idle', reload: true });
    const load = { memoryGuard: { footprint: 8 * GiB } };
    const first = await nexa.loadModel('first', load);
    const loading = nexa.loadModel('second', load);
    await clock.advanceAsync(500); // the memory of the first is back
    await nexa.unloadModel(await loading);
    expect(await first.generate()).toBe('text');
    expect(guard.models().map(({ name }) => name)).toEqual(['first']);
    await nexa.unloadModel(first);
    expect(guard.models()).toEqual([]);
    expect(sdk.unloaded).toBe(2);
  });

  it('that fails forgets nothing', async () => {
    const { nexa, guard } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await expect(nexa.unloadModel(new FakeModel('not mine'))).rejects.toThrow('not my model');
    expect(guard.models()).toHaveLength(1);
    await nexa.unloadModel('of another name');
    expect(guard.models()).toHaveLength(1);
  });

  it('goes by the methods that an adapter declares', async () => {
    const adapter: Partial<Adapter> = {
      readRequest: ([options]) => ({ name: (options as { path: string }).path, memoryGuard: { footprint: 5 * MiB } }),
      withQuantization: (args) => args,
      sdkDisposers: { one: ['drop'] },
    };
    const sdk = {
      loadModel: vi.fn(({ path }: { path: string }) => ({ path, dispose() {} })),
      drop: vi.fn(),
      dispose: vi.fn(),
    };
    const nexa = withMemoryGuard(sdk, { sensor, adapter });
    await nexa.loadModel({ path: 'a' });
    expect(sdk.loadModel).toHaveBeenCalledWith({ path: 'a' });
    nexa.dispose(); // this adapter says nothing of it
    expect(nexa.guard.models().map(({ name }) => name)).toEqual(['a']);
    nexa.drop('a');
    expect(nexa.guard.models()).toEqual([]);
    const without = withMemoryGuard({ ...sdk }, { sensor, adapter: { ...adapter, sdkDisposers: {} } });
    await without.loadModel({ path: 'b' });
    without.drop('b');
    expect(without.guard.models()).toHaveLength(1);
  });
});
