import { describe, expect, test } from 'vitest';
import { collectUntil } from '../support/fake-sdk.ts';
import { makeModel, read, settle } from '../support/scripted-model.ts';

describe('leaving the loop', () => {
  test('stops the engine, and the next text works', async () => {
    const { raw, model } = makeModel();
    const loop = (async () => {
      for await (const piece of model.generate({ prompt: 'Hello' })) return piece;
      return '';
    })();
    await settle();
    raw.push('a', 'b');
    expect(await loop).toBe('a');
    expect(raw.stops).toBe(1);
    expect(model.lastResult).toMatchObject({ finishReason: 'stopped', text: 'ab' });
    const next = read(model.generate({ prompt: 'next' }));
    await settle();
    raw.push('c');
    raw.end();
    expect(await next).toBe('c');
    expect(raw.stops).toBe(1);
  });

  test('after the last piece stops nothing', async () => {
    const { raw, model } = makeModel();
    const stream = model.generate({ prompt: 'Hello' });
    const first = stream.next();
    await settle();
    raw.push('a');
    raw.end();
    await first;
    await settle();
    await stream.return(undefined as never);
    expect(raw.stops).toBe(0);
  });
});

describe('an aborted signal', () => {
  test('before the start keeps the engine out of it', async () => {
    const { raw, model } = makeModel();
    const reason = new Error('no');
    await expect(read(model.generate({ prompt: 'Hello', signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(raw.requests).toEqual([]);
  });

  test('stops a running text, with its reason', async () => {
    const { raw, model } = makeModel();
    const controller = new AbortController();
    const text = read(model.generate({ prompt: 'Hello', signal: controller.signal }));
    await settle();
    raw.push('a');
    controller.abort();
    await expect(text).rejects.toMatchObject({ name: 'AbortError' });
    expect(raw.stops).toBe(1);
    const next = read(model.generate({ prompt: 'next' }));
    await settle();
    raw.end();
    expect(await next).toBe('');
  });

  test('is told at once, while the engine still reads the prompt, and what comes next waits for the engine', async () => {
    const { raw, model } = makeModel({ stopsAtToken: true });
    const controller = new AbortController();
    const text = read(model.generate({ prompt: 'long', signal: controller.signal }));
    await settle();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(text).rejects.toBe(reason);
    expect(raw.stops).toBe(1);
    const next = read(model.generate({ prompt: 'next' }));
    const reset = model.reset();
    await settle();
    expect(raw).toMatchObject({ requests: [{ prompt: 'long' }], resets: 0 });
    raw.push('a');
    await settle();
    expect(raw.requests).toHaveLength(2);
    raw.push('b');
    raw.end();
    expect(await next).toBe('b');
    await reset;
    expect(raw.resets).toBe(1);
  });

  test('is told at once, while the files of the text are still looked at', async () => {
    const { raw, model } = makeModel();
    const controller = new AbortController();
    const text = read(model.generate({ prompt: 'Hello', audio: '/nowhere.wav', signal: controller.signal }));
    controller.abort();
    await expect(text).rejects.toMatchObject({ name: 'AbortError' });
    await settle();
    expect(raw.requests).toEqual([]);
  });

  test('takes a waiting text out of the line and leaves the running one alone', async () => {
    const { raw, model } = makeModel();
    const running = read(model.generate({ prompt: 'running' }));
    await settle();
    const controller = new AbortController();
    const waiting = read(model.generate({ prompt: 'waiting', signal: controller.signal }));
    await settle();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    raw.push('fine');
    raw.end();
    expect(await running).toBe('fine');
    await settle();
    expect(raw.stops).toBe(0);
    expect(raw.requests.map(({ prompt }) => prompt)).toEqual(['running']);
  });

  test('after the end changes nothing', async () => {
    const { raw, model } = makeModel();
    const controller = new AbortController();
    const text = read(model.generate({ prompt: 'Hello', signal: controller.signal }));
    await settle();
    raw.push('a');
    raw.end();
    expect(await text).toBe('a');
    controller.abort();
    expect(raw.stops).toBe(0);
  });
});

describe('a stream that was dropped', () => {
  test('stops the engine once it is collected, and the next text works', async () => {
    const { raw, model } = makeModel();
    await (async () => {
      const stream = model.generate({ prompt: 'Hello' });
      const first = stream.next();
      await settle();
      raw.push('a');
      await first;
    })();
    expect(await collectUntil(() => raw.stops > 0)).toBe(true);
    const next = read(model.generate({ prompt: 'next' }));
    await expect.poll(() => raw.requests.length).toBe(2);
    raw.push('b');
    raw.end();
    expect(await next).toBe('b');
  });

  test('that is still held is not stopped', async () => {
    const { raw, model } = makeModel();
    const stream = model.generate({ prompt: 'Hello' });
    const first = stream.next();
    await settle();
    raw.push('a');
    await first;
    await collectUntil(() => false);
    expect(raw.stops).toBe(0);
    raw.end();
    expect((await stream.next()).done).toBe(true);
  });
});

describe('dispose', () => {
  test('stops what runs, refuses what waits, and disposes once', async () => {
    const { raw, model, gone } = makeModel();
    const running = read(model.generate({ prompt: 'running' }));
    await settle();
    const waiting = read(model.generate({ prompt: 'waiting' }));
    const failures = Promise.allSettled([running, waiting]);
    await settle();
    raw.push('a');
    const disposal = model.dispose();
    expect(model.dispose()).toBe(disposal);
    expect(model[Symbol.asyncDispose]()).toBe(disposal);
    await disposal;
    expect(raw).toMatchObject({ stops: 1, disposals: 1 });
    expect(raw.requests).toHaveLength(1);
    expect(gone).toEqual([model]);
    for (const failure of await failures) {
      expect(failure).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_RUNTIME', message: 'The model "m" is disposed; load it again.' },
      });
    }
  });

  test('tells the reader at once, and waits for the engine itself', async () => {
    const { raw, model } = makeModel({ stopsAtToken: true });
    const text = read(model.generate({ prompt: 'long' }));
    await settle();
    const disposal = model.dispose();
    await expect(text).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await settle();
    expect(raw).toMatchObject({ stops: 1, disposals: 0 });
    raw.push('a');
    await disposal;
    expect(raw.disposals).toBe(1);
  });

  test('of what ends at once with its text does not wait for the engine', async () => {
    const { raw, model, gone } = makeModel({ stopsAtToken: true, disposesAtOnce: true });
    const failure = expect(read(model.generate({ prompt: 'long' }))).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: 'The model "m" is disposed; load it again.',
    });
    await settle();
    await model.dispose();
    await failure;
    expect(raw.disposals).toBe(1);
    expect(gone).toEqual([model]);
  });

  test('inside the loop that reads does not wait for itself', async () => {
    const { raw, model } = makeModel();
    const loop = (async () => {
      for await (const _piece of model.generate({ prompt: 'Hello' })) await model.dispose();
    })();
    const failure = expect(loop).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await settle();
    raw.push('a');
    await failure;
    expect(raw.disposals).toBe(1);
  });

  test('refuses what is asked for later, and what was asked for and not begun', async () => {
    const { model } = makeModel();
    const early = model.generate({ prompt: 'early' });
    await model.dispose();
    expect(() => model.generate({ prompt: 'late' })).toThrow('The model "m" is disposed; load it again.');
    await expect(early.next()).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });
});
