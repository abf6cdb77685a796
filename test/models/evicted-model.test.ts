import { describe, expect, it, vi } from 'vitest';
import { EvictedModel } from '../../src/models/evicted-model.ts';
import { deferred, FakeModel } from '../support/fake-sdk.ts';
import { makeHeldModel } from '../support/make-held-model.ts';

/** A model that was evicted, or is just being, and what its handle does. `follow` as in the class. */
function evict(
  reload: (() => Promise<unknown>) | undefined,
  { follow = (): EvictedModel | undefined => undefined, over = Promise.resolve(), gone = true } = {},
) {
  const held = makeHeldModel({ name: 'big.gguf', reload });
  held.life.begin({ cause: 'memory', beforeBytes: undefined, over, recent: true });
  if (gone) held.life.finish('memory');
  const model = new EvictedModel(held, follow);
  const stay = vi.fn(() => 'stayed');
  return {
    held,
    model,
    stay,
    call: (key: string, ...args: readonly unknown[]) => model.call(key, args, stay),
    dispose: () => model.dispose((handle) => (handle as FakeModel).dispose(), stay),
  };
}

describe('a call on an evicted model', () => {
  it('throws and says what to do if the user did not choose to have it loaded again', () => {
    expect(() => evict(undefined).call('generate')).toThrow(
      expect.objectContaining({
        code: 'ERR_MODEL_EVICTED',
        message: expect.stringMatching(/^big\.gguf was unloaded .* `reload: true`\.$/),
      }),
    );
  });

  it('runs on the model that is loaded again, with its own arguments', async () => {
    const generate = vi.fn(async (text: string) => `${text}!`);
    expect(await evict(async () => ({ generate })).call('generate', 'hello')).toBe('hello!');
    expect(generate).toHaveBeenCalledExactlyOnceWith('hello');
  });

  it('calls the model itself that is loaded again, if that was called', async () => {
    expect(await evict(async () => (text: string) => `${text}?`).call('', 'hello')).toBe('hello?');
  });

  it('can be read as a stream too', async () => {
    const stream = evict(async () => new FakeModel('m')).call('generateStream') as AsyncIterable<string>;
    const texts: string[] = [];
    for await (const text of stream) texts.push(text);
    expect(texts).toEqual(['one', 'two']);
  });

  it('gives nothing if the model that was loaded again has no such method', async () => {
    expect(await evict(async () => ({})).call('generate')).toBeUndefined();
  });
});

describe('loading again', () => {
  it('is done once for calls that come together, and for those that come later', async () => {
    const loading = deferred<FakeModel>();
    const reload = vi.fn(() => loading.promise);
    const model = evict(reload);
    const both = [model.call('generate'), model.call('generate')];
    loading.resolve(new FakeModel('m'));
    expect(await Promise.all(both)).toEqual(['text', 'text']);
    expect(await model.call('generate')).toBe('text');
    expect(reload).toHaveBeenCalledOnce();
  });

  it('is done anew if that model was evicted as well', async () => {
    const handles = [new FakeModel('first'), new FakeModel('second')];
    const second = evict(async () => handles[1]);
    let evicted = false;
    const reload = vi.fn(async () => handles[0]);
    const first = evict(reload, { follow: () => (evicted ? second.model : undefined) });
    await first.call('generate');
    evicted = true;
    await first.call('generate');
    expect(reload).toHaveBeenCalledOnce();
    await Promise.all([first.dispose(), second.dispose()]);
    expect(handles.map((handle) => handle.disposals)).toEqual([0, 2]);
  });

  it('that fails rejects the call, and is tried again by the next one', async () => {
    const error = new Error('no memory');
    const reload = vi.fn(async (): Promise<unknown> => new FakeModel('m')).mockRejectedValueOnce(error);
    const model = evict(reload);
    await expect(model.call('generate')).rejects.toBe(error);
    expect(await model.call('generate')).toBe('text');
    expect(reload).toHaveBeenCalledTimes(2);
  });
});

describe('disposing an evicted model', () => {
  it('does nothing, and loads nothing', () => {
    const reload = vi.fn(async () => new FakeModel('m'));
    expect(evict(reload).dispose()).toBeUndefined();
    expect(reload).not.toHaveBeenCalled();
  });

  it('ends what its handle can do: a later call loads nothing', () => {
    const reload = vi.fn(async () => new FakeModel('m'));
    const { dispose, call } = evict(reload);
    dispose();
    expect(() => call('generate')).toThrow(
      expect.objectContaining({ code: 'ERR_RUNTIME', message: 'big.gguf is disposed; load it again.' }),
    );
    expect(reload).not.toHaveBeenCalled();
  });

  it('that fails for the model that was loaded again leaves that one to later calls', async () => {
    const again = new FakeModel('m');
    const { dispose, call } = evict(async () => again);
    await call('generate');
    vi.spyOn(again, 'dispose').mockRejectedValueOnce(new Error('busy'));
    await expect(dispose()).rejects.toThrow('busy');
    expect(await call('generate')).toBe('text');
    await dispose();
    expect(() => call('generate')).toThrow('is disposed');
  });

  it('disposes the model that was loaded again', async () => {
    const again = new FakeModel('m');
    const model = evict(async () => again);
    await model.call('generate');
    await model.dispose();
    expect(again.disposals).toBe(1);
  });

  it('does nothing either if it could not be loaded again', async () => {
    const model = evict(async () => {
      throw new Error('no memory');
    });
    const call = model.call('generate');
    await expect(model.dispose()).resolves.toBeUndefined();
    await expect(call).rejects.toThrow('no memory');
    expect(() => model.call('generate')).toThrow('is disposed');
  });
});

describe('while a model is being evicted', () => {
  it('a call waits for that, and runs on the model that is loaded again', async () => {
    const over = deferred();
    const { call, held } = evict(async () => new FakeModel('m'), { over: over.promise, gone: false });
    const text = call('generate');
    held.life.finish('memory');
    over.resolve();
    expect(await text).toBe('text');
  });

  it('a call runs on the model itself if that could not be ended', async () => {
    const reload = vi.fn(async () => new FakeModel('m'));
    const { call, held, stay } = evict(reload, { gone: false });
    const text = call('generate');
    held.life.survive();
    expect(await text).toBe('stayed');
    expect(stay).toHaveBeenCalledOnce();
    expect(reload).not.toHaveBeenCalled();
  });

  it('a call is rejected in the end if the model is not to be loaded again', async () => {
    const { call, held } = evict(undefined, { gone: false });
    const text = call('generate');
    held.life.finish('memory');
    await expect(text).rejects.toMatchObject({ code: 'ERR_MODEL_EVICTED' });
  });

  it('a disposal waits for that, and disposes the model itself only if it lives on', async () => {
    const going = evict(undefined, { gone: false });
    const disposal = going.dispose();
    going.held.life.finish('memory');
    expect(await disposal).toBeUndefined();
    expect(going.stay).not.toHaveBeenCalled();
    const staying = evict(undefined, { gone: false });
    const other = staying.dispose();
    staying.held.life.survive();
    expect(await other).toBe('stayed');
  });
});

describe('what answers at once', () => {
  it('is answered by the model that was loaded again, as its own type, and can’t be before', async () => {
    const tokenize = (text: string) => [...text];
    const { model, call } = evict(async () => ({ tokenize }));
    expect(() => model.callAtOnce('tokenize', ['hi'])).toThrow(
      expect.objectContaining({
        code: 'ERR_MODEL_EVICTED',
        message:
          'big.gguf is not loaded now, and `tokenize` answers at once: `await model.ready()` first, which loads it again.',
      }),
    );
    await model.ready();
    expect(model.callAtOnce('tokenize', ['hi'])).toEqual(['h', 'i']);
    expect(call('tokenize', 'hi')).toEqual(['h', 'i']);
  });

  it('is told as disposed if its user has disposed it', () => {
    const { model, dispose } = evict(async () => ({}));
    dispose();
    expect(() => model.callAtOnce('tokenize', [])).toThrow(expect.objectContaining({ code: 'ERR_RUNTIME' }));
  });
});

describe('being ready', () => {
  it('waits for an end that runs, and loads again if that went through', async () => {
    const over = deferred();
    const reload = vi.fn(async () => ({}));
    const { model, held } = evict(reload, { over: over.promise, gone: false });
    const ready = model.ready();
    await Promise.resolve();
    expect(reload).not.toHaveBeenCalled();
    held.life.finish('memory');
    over.resolve();
    await ready;
    expect(reload).toHaveBeenCalledOnce();
  });

  it('loads nothing if the model lives on', async () => {
    const reload = vi.fn(async () => ({}));
    const over = deferred();
    const { model, held } = evict(reload, { over: over.promise, gone: false });
    const ready = model.ready();
    held.life.survive();
    over.resolve();
    await ready;
    expect(reload).not.toHaveBeenCalled();
  });

  it('loads once for those who wait together', async () => {
    const reload = vi.fn(async () => ({}));
    const { model } = evict(reload);
    await Promise.all([model.ready(), model.ready(), model.ready()]);
    expect(reload).toHaveBeenCalledOnce();
  });

  it('fails as the load fails, and tries again', async () => {
    const reload = vi.fn().mockRejectedValueOnce(new Error('no room')).mockResolvedValue({});
    const { model } = evict(reload);
    await expect(model.ready()).rejects.toThrow('no room');
    await model.ready();
    expect(reload).toHaveBeenCalledTimes(2);
  });
});
