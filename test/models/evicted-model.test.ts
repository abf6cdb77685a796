import { describe, expect, it, vi } from 'vitest';
import { EvictedModel } from '../../src/models/evicted-model.ts';
import { deferred, FakeModel } from '../support/fake-sdk.ts';
import { makeHeldModel } from '../support/make-held-model.ts';

/** An evicted model, and the handles that loading it again gave. */
function evict(reload: (() => Promise<unknown>) | undefined, isEvicted: (handle: object) => boolean = () => false) {
  return new EvictedModel(makeHeldModel({ name: 'big.gguf', reload }), isEvicted);
}

describe('a call on an evicted model', () => {
  it('throws and says what to do if the user did not choose to have it loaded again', () => {
    expect(() => evict(undefined).call('generate', [])).toThrow(
      expect.objectContaining({
        code: 'ERR_MODEL_EVICTED',
        message: expect.stringMatching(/^big\.gguf was unloaded .* `reload: true`\.$/),
      }),
    );
  });

  it('runs on the model that is loaded again, with its own arguments', async () => {
    const generate = vi.fn(async (text: string) => `${text}!`);
    expect(await evict(async () => ({ generate })).call('generate', ['hello'])).toBe('hello!');
    expect(generate).toHaveBeenCalledExactlyOnceWith('hello');
  });

  it('can be read as a stream too', async () => {
    const stream = evict(async () => new FakeModel('m')).call('generateStream', []) as AsyncIterable<string>;
    const texts: string[] = [];
    for await (const text of stream) texts.push(text);
    expect(texts).toEqual(['one', 'two']);
  });

  it('gives nothing if the model that was loaded again has no such method', async () => {
    expect(await evict(async () => ({})).call('generate', [])).toBeUndefined();
  });
});

describe('loading again', () => {
  it('is done once for calls that come together, and for those that come later', async () => {
    const loading = deferred<FakeModel>();
    const reload = vi.fn(() => loading.promise);
    const model = evict(reload);
    const both = [model.call('generate', []), model.call('generate', [])];
    loading.resolve(new FakeModel('m'));
    expect(await Promise.all(both)).toEqual(['text', 'text']);
    expect(await model.call('generate', [])).toBe('text');
    expect(reload).toHaveBeenCalledOnce();
  });

  it('is done anew if that model was evicted as well', async () => {
    const handles = [new FakeModel('first'), new FakeModel('second')];
    const evicted = new Set<object>();
    const reload = vi.fn(async () => handles[evicted.size]);
    const model = evict(reload, (handle) => evicted.has(handle));
    await model.call('generate', []);
    evicted.add(handles[0]!);
    await model.call('generate', []);
    expect(reload).toHaveBeenCalledTimes(2);
  });

  it('that fails rejects the call, and is tried again by the next one', async () => {
    const error = new Error('no memory');
    const reload = vi.fn(async (): Promise<unknown> => new FakeModel('m')).mockRejectedValueOnce(error);
    const model = evict(reload);
    await expect(model.call('generate', [])).rejects.toBe(error);
    expect(await model.call('generate', [])).toBe('text');
    expect(reload).toHaveBeenCalledTimes(2);
  });
});

describe('disposing an evicted model', () => {
  it('does nothing, and loads nothing', () => {
    const reload = vi.fn(async () => new FakeModel('m'));
    expect(evict(reload).dispose('dispose', [])).toBeUndefined();
    expect(reload).not.toHaveBeenCalled();
  });

  it('disposes the model that was loaded again', async () => {
    const again = new FakeModel('m');
    const model = evict(async () => again);
    await model.call('generate', []);
    await model.dispose('dispose', []);
    expect(again.disposals).toBe(1);
  });
});
