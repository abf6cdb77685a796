import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { readHeaderText } from '../../src/gguf/read-header-text.ts';
import { writeGguf } from '../support/gguf-writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'nexa-text-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LONG = 'ä'.repeat(50_000);
const path = writeGguf(join(folder, 'm.gguf'), {
  entries: [
    ['general.architecture', 'string', 'qwen2'],
    ['a.short', 'string', 'kept'],
    ['a.number', 'u32', 1],
    ['a.list', 'string[]', Array(100).fill('x')],
    ['a.long', 'string', LONG],
  ],
});

test('a text is read whether it was kept or not', async () => {
  const file = await readGguf(path);
  expect(await readHeaderText(file, 'a.short', 10)).toBe('kept');
  expect(await readHeaderText(file, 'a.long', 2 ** 20)).toBe(LONG);
});

test('a text that is longer than it may be is refused, since its first part says nothing of the rest', async () => {
  const file = await readGguf(path);
  expect(await readHeaderText(file, 'a.long', 100_000)).toBe(LONG);
  await expect(readHeaderText(file, 'a.long', 99_999)).rejects.toMatchObject({
    code: 'ERR_MODEL_FILE',
    message: expect.stringMatching(/at most 99999 bytes in a\.long.*100000/),
  });
});

test.each(['a.number', 'a.list', 'a.absent'])('%s is no text', async (key) => {
  expect(await readHeaderText(await readGguf(path), key, 10)).toBeUndefined();
});

test('a file that became shorter is refused', async () => {
  const file = await readGguf(path);
  truncateSync(path, 1000);
  await expect(readHeaderText(file, 'a.long', 2 ** 20)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
});
