import { describe, expect, test } from 'vitest';
import type { GenerateResult } from '../../src/sdk/runtime.ts';
import { TextQueue } from '../../src/sdk/text-queue.ts';

const result: GenerateResult = {
  text: 'ab',
  finishReason: 'end',
  promptTokens: 1,
  truncated: false,
  generatedTokens: 2,
  totalMs: 3,
};

describe('a queue of text', () => {
  test('keeps what comes while nobody reads, and ends with the result', async () => {
    const queue = new TextQueue();
    queue.push('a');
    queue.push('b');
    queue.end(result);
    expect(queue.open).toBe(false);
    expect(await queue.next()).toEqual({ done: false, value: 'a' });
    expect(await queue.next()).toEqual({ done: false, value: 'b' });
    expect(await queue.next()).toEqual({ done: true, value: result });
    expect(await queue.next()).toEqual({ done: true, value: result });
  });

  test('wakes a reader that waits, for text and for the end', async () => {
    const queue = new TextQueue();
    const first = queue.next();
    queue.push('a');
    expect(await first).toEqual({ done: false, value: 'a' });
    const last = queue.next();
    queue.end(result);
    expect(await last).toEqual({ done: true, value: result });
  });

  test('that fails gives the error at once and drops what was not read', async () => {
    const queue = new TextQueue();
    const error = new Error('engine');
    queue.push('a');
    queue.fail(error);
    await expect(queue.next()).rejects.toBe(error);
    const waiting = new TextQueue();
    const next = waiting.next();
    waiting.fail(error);
    await expect(next).rejects.toBe(error);
  });

  test('ends once: neither text nor an error changes it after that', async () => {
    const queue = new TextQueue();
    queue.push('a');
    queue.end(result);
    queue.push('b');
    queue.fail(new Error('late'));
    expect(await queue.next()).toEqual({ done: false, value: 'a' });
    expect(await queue.next()).toEqual({ done: true, value: result });
  });
});
