import { describe, expect, it, onTestFinished } from 'vitest';
import { deferCall } from '../../src/models/defer-call.ts';
import { settled } from '../support/fake-sdk.ts';

/** Rejections that nobody handles from now on. */
function noteUnhandled(): unknown[] {
  const noted: unknown[] = [];
  const note = (reason: unknown) => void noted.push(reason);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', note);
  onTestFinished(() => {
    process.off('unhandledRejection', note);
    for (const other of others) process.on('unhandledRejection', other);
  });
  return noted;
}

async function* count(): AsyncGenerator<number, string, string> {
  const heard = yield 1;
  yield 2;
  return heard ?? 'end';
}

describe('a call that runs later', () => {
  it('is a promise of what it returns, and an error of what it throws', async () => {
    expect(await deferCall(Promise.resolve(() => 'text'))).toBe('text');
    const thrown = deferCall(
      Promise.resolve(() => {
        throw new Error('cannot');
      }),
    );
    await expect(thrown).rejects.toThrow('cannot');
  });

  it('is a stream if it returns one, step by step and as a whole', async () => {
    const read: unknown[] = [];
    for await (const part of deferCall(Promise.resolve(count))) read.push(part);
    expect(read).toEqual([1, 2]);
    const stream = deferCall(Promise.resolve(count));
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    expect(await stream.return?.('given up')).toEqual({ done: true, value: 'given up' });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('can be given up with an error', async () => {
    const stream = deferCall(Promise.resolve(count));
    await stream.next();
    await expect(stream.throw?.(new Error('enough'))).rejects.toThrow('enough');
  });
});

describe('a call that can never run', () => {
  const refused = () => Promise.reject(new Error('refused'));

  it('tells whoever waits for it', async () => {
    await expect(deferCall(refused())).rejects.toThrow('refused');
  });

  it('tells whoever reads it, also later', async () => {
    const stream = deferCall(refused());
    await settled();
    await expect(stream.next()).rejects.toThrow('refused');
  });

  it('leaves alone a caller who does neither', async () => {
    const unhandled = noteUnhandled();
    deferCall(refused());
    await settled();
    expect(unhandled).toEqual([]);
  });
});

it('a call that runs and fails, and that nobody waits for, is an unhandled rejection as it is without a guard', async () => {
  const unhandled = noteUnhandled();
  deferCall(Promise.resolve(() => Promise.reject(new Error('cannot'))));
  await settled();
  expect(unhandled).toEqual([new Error('cannot')]);
});
