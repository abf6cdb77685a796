import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listSiblings } from '../../src/model-files/list-siblings.ts';

let models: string;
beforeEach(() => {
  models = mkdtempSync(join(tmpdir(), 'nexa-siblings-'));
});
afterEach(() => rmSync(models, { recursive: true, force: true }));

/** Empty files: names decide. */
function lay(...files: string[]): void {
  for (const file of files) {
    mkdirSync(dirname(join(models, file)), { recursive: true });
    writeFileSync(join(models, file), '');
  }
}

const siblings = async (file: string) =>
  (await listSiblings(join(models, file))).map(({ path }) => path.slice(models.length + 1));

describe('the siblings of a file', () => {
  test('lie beside it, differ in the quantization alone, and are no projectors', async () => {
    lay('m-Q8_0.gguf', 'M.Q4_0.gguf', 'm-q4_0.gguf', 'm-1b-Q4_0.gguf', 'mmproj-Q8_0.gguf', 'm.gguf', 'sub/m-Q6_K.gguf');
    expect(await siblings('m-Q8_0.gguf')).toEqual(['m-Q8_0.gguf', 'm-q4_0.gguf']);
  });

  test('of a split model lie in folders of their quantizations, and beside these', async () => {
    lay(
      'BF16/m-BF16-00001-of-00002.gguf',
      'BF16/m-BF16-00002-of-00002.gguf',
      'UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00003.gguf',
      'm-Q8_0/m-Q8_0-00001-of-00002.gguf',
      'm-Q4_0.gguf',
      'MTP/m-Q4_1.gguf',
      'n-Q6_K/m-Q6_K.gguf',
      'Q5_0/m-Q5_1.gguf',
    );
    const expected = [
      'BF16/m-BF16-00001-of-00002.gguf',
      'UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00003.gguf',
      'm-Q4_0.gguf',
      'm-Q8_0/m-Q8_0-00001-of-00002.gguf',
    ];
    expect(await siblings('BF16/m-BF16-00001-of-00002.gguf')).toEqual(expected);
    expect(await siblings('m-Q8_0/m-Q8_0-00001-of-00002.gguf')).toEqual(expected);
    expect(await siblings('m-Q4_0.gguf')).toEqual(expected);
  });

  test('are none if its name says no quantization, or nothing is there', async () => {
    lay('m.gguf', 'm-Q4_0.gguf');
    expect(await siblings('m.gguf')).toEqual([]);
    expect(await siblings('gone/m-Q4_0.gguf')).toEqual([]);
  });
});
