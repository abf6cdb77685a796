import { expect, test } from 'vitest';
import { ReceivedText } from '../../../src/sdk/llama/received-text.ts';

function receive(pieces: readonly string[], whole: string): { received: ReceivedText; heard: string[] } {
  const heard: string[] = [];
  const received = new ReceivedText((text) => heard.push(text));
  for (const piece of pieces) received.push(piece);
  received.end(whole);
  return { received, heard };
}

test('pieces are handed on as they come, and empty ones only counted', () => {
  const { received, heard } = receive(['a', '', 'b'], 'ab');
  expect(heard).toEqual(['a', 'b']);
  expect(received).toMatchObject({ text: 'ab', pieces: 3 });
});

test('text that was held back is handed on at the end', () => {
  const { received, heard } = receive(['a'], 'abc');
  expect(heard).toEqual(['a', 'bc']);
  expect(received).toMatchObject({ text: 'abc', pieces: 1 });
});

test('a whole text that does not begin with the pieces adds nothing', () => {
  expect(receive(['ab'], 'a').received.text).toBe('ab');
  expect(receive(['ab'], 'ba').heard).toEqual(['ab']);
});

test('the first text has a time, which no later one changes; without text there is none', async () => {
  const received = new ReceivedText(() => {});
  received.push('');
  expect(received.firstTextMs).toBeUndefined();
  received.push('a');
  const { firstTextMs } = received;
  expect(firstTextMs).toBeGreaterThanOrEqual(0);
  await new Promise((resolve) => setTimeout(resolve, 5));
  received.push('b');
  expect(received.firstTextMs).toBe(firstTextMs);
  expect(received.elapsedMs).toBeGreaterThan(firstTextMs!);
});
