import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TextBatch } from '../../../src/sdk/isolation/text-batch.ts';

function record(): { batch: TextBatch; sent: string[] } {
  const sent: string[] = [];
  return { batch: new TextBatch((text) => sent.push(text)), sent };
}

test('the first piece goes at once', () => {
  const { batch, sent } = record();
  batch.push('a');
  expect(sent).toEqual(['a']);
});

test('pieces that come quickly go together, in their order, without being asked', async () => {
  const { batch, sent } = record();
  const pieces = Array.from({ length: 1000 }, (_, at) => `${at} `);
  for (const piece of pieces) batch.push(piece);
  await expect.poll(() => sent.join('')).toBe(pieces.join(''));
  expect(sent.length).toBeLessThan(pieces.length);
});

test('a piece that comes late goes at once again', async () => {
  const { batch, sent } = record();
  batch.push('a');
  await wait(20);
  batch.push('b');
  expect(sent).toEqual(['a', 'b']);
});

test('what is kept goes before the end, once, and nothing is sent that is empty', async () => {
  const { batch, sent } = record();
  batch.flush();
  batch.push('');
  batch.push('a');
  batch.push('b');
  batch.flush();
  batch.flush();
  await wait(20);
  expect(sent.join('')).toBe('ab');
  expect(sent).not.toContain('');
});
