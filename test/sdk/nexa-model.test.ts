import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeModel, read, settle } from '../support/scripted-model.ts';

describe('a text', () => {
  test('comes piece by piece and ends with its result', async () => {
    const { raw, model } = makeModel();
    const stream = model.generate({ prompt: 'Hello' });
    const first = stream.next();
    await settle();
    expect(raw.requests).toEqual([{ prompt: 'Hello', audioPaths: [], maxTokens: 512, stop: [] }]);
    raw.push('a');
    expect(await first).toEqual({ done: false, value: 'a' });
    const second = stream.next();
    raw.push('b');
    expect(await second).toEqual({ done: false, value: 'b' });
    raw.end();
    const last = await stream.next();
    expect(last).toMatchObject({ done: true, value: { text: 'ab', finishReason: 'length' } });
    expect(model.lastResult).toBe(last.value);
    expect(raw.stops).toBe(0);
  });

  test('hands every option on', async () => {
    const { raw, model } = makeModel();
    const options = { maxTokens: 7, temperature: 0.5, topK: 4, topP: 0.9, seed: 3 };
    const stream = model.generate({ prompt: 'Hello', stop: 'x', ...options });
    const done = stream.next();
    await settle();
    raw.end();
    await done;
    expect(raw.requests).toEqual([{ prompt: 'Hello', audioPaths: [], stop: ['x'], ...options }]);
  });

  test('waits where nobody reads', async () => {
    const { raw, model } = makeModel();
    const stream = model.generate({ prompt: 'Hello' });
    const first = stream.next();
    await settle();
    raw.push('a', 'b', 'c');
    raw.end();
    await settle();
    expect(model.lastResult?.text).toBe('abc');
    expect((await first).value).toBe('a');
    expect(await read(stream)).toBe('bc');
  });

  test('does not begin before it is read', async () => {
    const { raw, model } = makeModel();
    model.generate({ prompt: 'Hello' });
    await settle();
    expect(raw.requests).toEqual([]);
    const next = read(model.generate({ prompt: 'Next' }));
    await settle();
    raw.end();
    expect(await next).toBe('');
  });

  test('takes its turn', async () => {
    const { raw, model } = makeModel();
    const texts = ['one', 'two', 'three'].map((prompt) => read(model.generate({ prompt })));
    for (const prompt of ['one', 'two', 'three']) {
      await settle();
      expect(raw.requests.at(-1)?.prompt).toBe(prompt);
      raw.push(prompt);
      raw.end();
    }
    expect(await Promise.all(texts)).toEqual(['one', 'two', 'three']);
    expect(raw.requests).toHaveLength(3);
  });

  test('that was dropped unread half-way does not hold up the next one', async () => {
    const { raw, model } = makeModel();
    const dropped = model.generate({ prompt: 'dropped' });
    const first = dropped.next();
    await settle();
    raw.push('a', 'b');
    await first;
    raw.end();
    const next = read(model.generate({ prompt: 'next' }));
    await settle();
    raw.push('c');
    raw.end();
    expect(await next).toBe('c');
  });

  test('that fails rejects, and the next one works', async () => {
    const { raw, model } = makeModel();
    const failing = read(model.generate({ prompt: 'Hello' }));
    const next = read(model.generate({ prompt: 'Hello' }));
    await settle();
    const error = new Error('engine');
    raw.fail(error);
    await expect(failing).rejects.toBe(error);
    raw.push('fine');
    raw.end();
    expect(await next).toBe('fine');
  });
});

describe('the KV cache', () => {
  test('is kept and taken by absolute paths, in its turn', async () => {
    const { raw, model } = makeModel();
    const kept: string[] = [];
    Object.assign(raw, {
      saveKvCache: async (path: string) => kept.push(`save ${path}`),
      loadKvCache: async (path: string) => kept.push(`load ${path}`),
    });
    await model.saveKvCache('cache.bin');
    await model.loadKvCache('/cache.bin');
    expect(kept).toEqual([`save ${join(process.cwd(), 'cache.bin')}`, 'load /cache.bin']);
  });

  test('is refused where the runtime has none, and without a path', () => {
    const { model } = makeModel();
    expect(() => model.saveKvCache('x')).toThrow("This runtime has no `saveKvCache`; the SDK's own library has.");
    expect(() => model.loadKvCache('')).toThrow('Expected `path` to be a path');
  });
});
