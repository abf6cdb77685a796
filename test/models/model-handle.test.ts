import { EventEmitter } from 'node:events';
import { Duplex, PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { findHandle } from '../../src/models/model-handle.ts';
import { deferred, FakeModel, settled } from '../support/fake-sdk.ts';
import { handles } from '../support/make-handles.ts';

describe('the handle of a model', () => {
  it('is found again by the model, and not for another one', () => {
    const { hold, parts } = handles();
    const raw = new FakeModel('m');
    const { handle } = hold(raw);
    expect(findHandle(raw, parts)).toBe(handle);
    expect(findHandle(new FakeModel('m'), parts)).toBeUndefined();
  });

  it('is not found once the model is disposed', async () => {
    const { hold, parts, models, causes } = handles();
    const raw = new FakeModel('m');
    await hold(raw).handle.dispose();
    expect(raw.disposals).toBe(1);
    expect(models.size).toBe(0);
    expect(causes()).toEqual(['unloaded']);
    expect(findHandle(raw, parts)).toBeUndefined();
  });

  it('counts a call while it runs', async () => {
    const { hold } = handles();
    const { handle, held } = hold(new FakeModel('m'));
    const wait = deferred();
    const call = handle.generate({ wait: wait.promise });
    expect(held.callsInFlight).toBe(1);
    wait.resolve();
    expect(await call).toBe('text');
    expect(held.callsInFlight).toBe(0);
  });

  it('settles the promise with an inference, and not with another call', async () => {
    const { hold, promisedBytes } = handles();
    const { handle } = hold(new FakeModel('m'));
    await handle.tokenize();
    expect(promisedBytes()).toBe(1000);
    await handle.generate();
    expect(promisedBytes()).toBe(0);
  });

  it('reserves what audio takes while such a call runs, and nothing for a text', async () => {
    const { hold, promisedBytes } = handles();
    const { handle, held } = hold(new FakeModel('m'));
    const before = promisedBytes();
    const wait = deferred();
    const text = handle.generate({ wait: wait.promise });
    expect([promisedBytes() - before, held.heard]).toEqual([0, false]);
    const audio = handle.generate({ audio: 'a.wav', wait: wait.promise });
    expect(promisedBytes() - before).toBe(100 * 2 ** 20);
    expect(held.heard).toBe(true);
    wait.resolve();
    await Promise.all([text, audio]);
    expect(promisedBytes()).toBe(0); // and the model has taken what it needs
  });
});

describe('a call whose promise stays open for ever', () => {
  it('takes nothing any more once its model is disposed', async () => {
    const { hold, models, promisedBytes } = handles();
    const { handle } = hold({ generate: (_options: object) => new Promise(() => {}), dispose() {} });
    void handle.generate({ audio: 'a.wav' });
    expect(promisedBytes()).toBeGreaterThan(1000);
    handle.dispose();
    expect(promisedBytes()).toBe(0);
    expect(models.beginLoad({ minFreeBytes: 0 }).wasCalled()).toBe(false);
    void handle.generate({ audio: 'a.wav' });
    expect(promisedBytes()).toBe(0);
  });
});

describe('a handle whose model was evicted', () => {
  it('disposes the model that was loaded in its place', async () => {
    const { hold, models } = handles();
    const second = new FakeModel('second');
    const reload = async () => hold(second).handle;
    const { handle, held } = hold(new FakeModel('first'), { reload });
    models.evict(held, 'memory');
    await settled();
    await handle.generate();
    await handle.dispose();
    expect(second.disposals).toBe(1);
    expect(models.size).toBe(0);
  });

  it('throws for a call, and has nothing to dispose', async () => {
    const { hold, models } = handles();
    const raw = new FakeModel('m');
    const { handle, held } = hold(raw);
    expect(models.evict(held, 'memory')).toBe(true);
    await settled();
    expect(() => handle.generate()).toThrow(expect.objectContaining({ code: 'ERR_MODEL_EVICTED' }));
    expect(handle.dispose()).toBeUndefined();
    await handle[Symbol.asyncDispose]?.();
    expect(raw.disposals).toBe(1);
  });

  it('runs the call on the model that is loaded again if the user chose that, and again if that one was evicted too', async () => {
    const { hold, models } = handles();
    const loads: string[] = [];
    const reload = async () => {
      const { handle } = reloaded[loads.length]!;
      loads.push(handle.name);
      return handle;
    };
    const reloaded = ['second', 'third'].map((name) => hold(new FakeModel(name), { reload }));
    const { handle, held } = hold(new FakeModel('first'), { reload });
    models.evict(held, 'memory');
    await settled();
    expect(await handle.generate()).toBe('text');
    expect(await handle.generate()).toBe('text');
    expect(loads).toEqual(['second']);
    models.evict(reloaded[0]!.held, 'memory');
    await settled();
    expect(await handle.generate()).toBe('text');
    expect(loads).toEqual(['second', 'third']);
  });
});

describe('a handle whose model is loaded again', () => {
  const away = async () => {
    const { hold, models } = handles({ synchronousMethods: ['count'] });
    const make = (size: number) => ({
      size,
      label: 'a',
      count: () => size,
      name: (): string | undefined => 'm',
      dispose() {},
    });
    const reload = async () => hold(make(2)).handle;
    const { handle, held } = hold(make(1), { reload, shape: { contextSize: 512 } });
    const before = handle.name();
    models.evict(held, 'memory');
    await settled();
    return { handle, before };
  };

  it('answers at once by methods that do, as far as that is known or was seen, and throws until it can', async () => {
    const { handle } = await away();
    const code = expect.objectContaining({ code: 'ERR_MODEL_EVICTED' });
    expect(() => handle.count()).toThrow(code);
    expect(() => handle.name()).toThrow(code);
    await (handle as unknown as { ready(): Promise<void> }).ready();
    expect([handle.count(), handle.name()]).toEqual([2, 'm']);
  });

  it('has the properties of the new model, and what is written reaches that', async () => {
    const { handle } = await away();
    expect(handle.size).toBe(1);
    await (handle as unknown as { ready(): Promise<void> }).ready();
    expect(handle.size).toBe(2);
    handle.label = 'b';
    expect(handle.label).toBe('b');
    expect(handle.count).toBe(handle.count);
  });

  it('has a way to be ready unless the model has a word for that itself', async () => {
    const { hold } = handles();
    expect('ready' in hold({}).handle).toBe(true);
    expect(hold({ ready: 'its own' }).handle.ready).toBe('its own');
  });
});

describe('a method that makes a context', () => {
  it('is made as a load of its own, with the files of its model', async () => {
    const { hold, contexts } = handles({
      adaptContext: (_model, method, files) => (method === 'createContext' ? files.join() : undefined),
    });
    const raw = { createContext: async (size: number) => ({ size }), describe: async () => 'a model', dispose() {} };
    const { handle } = hold(raw, { name: 'owner', files: ['a.gguf', 'b.gguf'] });
    expect(await handle.createContext(512)).toEqual({ size: 512 });
    expect(contexts).toEqual([['owner', 'a.gguf,b.gguf', [512]]]);
    expect(await handle.describe()).toBe('a model');
    expect(contexts).toHaveLength(1);
  });
});

describe('what a handle has besides the model’s own properties', () => {
  it('is what was chosen: the quantization, the context and the type of the cache', () => {
    const kvCacheType = { k: 'q8_0', v: 'f16' } as const;
    const { handle } = handles().hold({}, { quantization: 'Q4_0', shape: { contextSize: 512, kvCacheType } });
    const told = ['quantization', 'contextSize', 'kvCacheType'].map((key) => Reflect.get(handle, key));
    expect(told).toEqual(['Q4_0', 512, kvCacheType]);
  });

  it('is nothing that was not chosen, or that the model has its own word for', () => {
    const { handle } = handles().hold({ contextSize: 'its own' }, { shape: { contextSize: 512 } });
    expect(handle.contextSize).toBe('its own');
    expect('quantization' in handle).toBe(false);
    expect('kvCacheType' in handle).toBe(false);
  });

  it('is a way to be left by `await using` if there is a method that ends it', async () => {
    const { hold, models } = handles();
    const raw = new FakeModel('m');
    await hold(raw).handle[Symbol.asyncDispose]?.();
    expect(raw.disposals).toBe(1);
    expect(models.size).toBe(0);
    expect(Symbol.asyncDispose in hold({}).handle).toBe(false);
  });

  it.each(['dispose', Symbol.asyncDispose] as const)(
    'ends by the way that was given, not by its own: %s',
    async (key) => {
      const ended: string[] = [];
      const own = () => void ended.push('own');
      const end = () => void ended.push('given');
      const { hold, models } = handles();
      const { handle } = hold({ dispose: own, [Symbol.asyncDispose]: async () => own() }, { end });
      await handle[key]?.();
      expect(ended).toEqual(['given']);
      expect(models.size).toBe(0);
    },
  );

  it('ends what was loaded in its place by the way that was given too', async () => {
    const ended: unknown[] = [];
    const end = (model: unknown) => void ended.push(model);
    const { hold, models } = handles();
    const make = () => ({ generate: async () => 'text', close() {}, async dispose() {} });
    const second = make();
    const { handle, held } = hold(make(), { end, reload: async () => hold(second, { end }).handle });
    models.evict(held, 'memory');
    await settled();
    await handle.generate();
    await handle.dispose();
    expect(ended.at(-1)).toBe(second);
    expect(models.size).toBe(0);
  });
});

describe('a handle that is a stream or an emitter itself', () => {
  it.each([
    ['Readable', Readable],
    ['Duplex', Duplex],
    ['EventEmitter', EventEmitter],
  ] as const)('is given back by its own methods, so that its disposal is seen: %s', async (_name, Class) => {
    class Model extends (Class as new () => EventEmitter) {
      dispose = async () => {};
      ready = async () => this;
    }
    const { hold, models } = handles();
    const { handle } = hold(new Model());
    const chained = handle.on('x', () => {}).once('y', () => {});
    expect(chained).toBe(handle);
    expect(await handle.ready()).toBe(handle);
    await (chained as Model).dispose();
    expect(models.size).toBe(0);
  });

  it('gives back what its caller gave it', () => {
    const { hold } = handles();
    const { handle, held } = hold(Readable.from(['a']));
    const target = new PassThrough();
    expect(handle.pipe(target)).toBe(target);
    expect(held.callsInFlight).toBe(0);
  });
});
