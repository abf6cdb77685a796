import { expect, test } from 'vitest';
import { OutputLines } from '../../../src/sdk/isolation/output-lines.ts';

function listen(): { lines: OutputLines; heard: string[] } {
  const heard: string[] = [];
  return { lines: new OutputLines((level, text) => heard.push(`${level}: ${text}`)), heard };
}

test('bytes become lines, wherever they were cut, and the last one ends with the process', () => {
  const { lines, heard } = listen();
  const bytes = Buffer.from('one\ntwo €\n\n  \nthree  ');
  for (const byte of bytes) lines.push(Uint8Array.of(byte));
  expect(heard).toEqual(['info: one', 'info: two €']);
  lines.end();
  lines.end();
  expect(heard).toEqual(['info: one', 'info: two €', 'info: three']);
});

test.each([
  ['error: x', 'error'],
  ['it FAILED', 'error'],
  ['unable to open', 'error'],
  ["terminate called after throwing an instance of 'x'", 'error'],
  ['GGML_ASSERT(x) failed', 'error'],
  ["tensor 'x' cannot be used with preferred buffer type CPU_REPACK, using CPU instead", 'warn'],
  ['cannot open it', 'error'],
  ['warning: x', 'warn'],
  ['a WARN', 'warn'],
  ['terror and failure', 'info'],
  ['prewarned', 'info'],
])('%j is of level %s', (line, level) => {
  const { lines, heard } = listen();
  lines.add(line);
  expect(heard).toEqual([`${level}: ${line}`]);
});

test('a level that is known stays', () => {
  const { lines, heard } = listen();
  lines.add('error', 'debug');
  expect(heard).toEqual(['debug: error']);
  expect(lines.takeErrors()).toEqual([]);
});

test('errors are kept for whoever asks, the last 32 of them, once, and without a listener', () => {
  const lines = new OutputLines();
  for (let at = 0; at < 40; at++) lines.add(`error ${at}`);
  lines.add('fine');
  const errors = lines.takeErrors();
  expect(errors).toHaveLength(32);
  expect(errors.at(-1)).toBe('error 39');
  expect(lines.takeErrors()).toEqual([]);
});

test('an endless line costs no endless memory', () => {
  const { lines, heard } = listen();
  for (let at = 0; at < 100; at++) lines.push(Buffer.alloc(10_000, 'a'));
  lines.push(Buffer.from('\nnext\n'));
  expect(heard).toEqual([`info: ${'a'.repeat(4096)}`, 'info: next']);
});
