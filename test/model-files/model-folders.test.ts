import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findModelFiles, listDefaultFolders } from '../../src/model-files/model-folders.ts';

function layFolder(...files: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-model-folders-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  return folder;
}

const find = async (folder: string, depth?: number) => (await findModelFiles(folder, depth)).map(({ file }) => file);

describe('where models are looked for', () => {
  test('starts with the variable, then the caches, then ./models', () => {
    const cache = (name: string) => `/home/me/.cache/${name}`;
    const caches = [cache('nexa.ai'), cache('nexa'), cache('geniex'), resolve('models')];
    expect(listDefaultFolders({ NEXA_DATADIR: '/data' }, '/home/me')).toEqual(['/data', ...caches]);
    const both = { NEXA_DATADIR: '/data', GENIEX_DATADIR: '/more' };
    expect(listDefaultFolders(both, '/home/me')).toEqual(['/data', '/more', ...caches]);
    expect(listDefaultFolders({ NEXA_DATADIR: '' }, '/home/me')).toEqual(caches);
    expect(listDefaultFolders({}, '/home/me')).toEqual(caches);
  });
});

describe('the models of a folder', () => {
  test('are the GGUF files in it and below it, sorted, with what their names say', async () => {
    const folder = layFolder('b-Q4_0.gguf', 'a/mmproj-b.GGUF', 'notes.txt', 'gguf');
    const found = await findModelFiles(folder);
    expect(found.map(({ path }) => path)).toEqual([join(folder, 'a/mmproj-b.GGUF'), join(folder, 'b-Q4_0.gguf')]);
    expect(found.map(({ projector, quantization }) => [projector, quantization])).toEqual([
      [true, undefined],
      [false, 'Q4_0'],
    ]);
  });

  test('are of a split model the first file only', async () => {
    const folder = layFolder('m-00001-of-00002.gguf', 'm-00002-of-00002.gguf');
    expect(await find(folder)).toEqual(['m-00001-of-00002.gguf']);
  });

  test('lie as deep as was asked, and no deeper than the cache of the SDK is', async () => {
    const folder = layFolder('m.gguf', '1/m.gguf', '1/2/3/4/m.gguf', '1/2/3/4/5/m.gguf');
    expect(await find(folder, 1)).toEqual(['m.gguf']);
    expect(await find(folder, 2)).toEqual(['1/m.gguf', 'm.gguf']);
    expect(await find(folder)).toEqual(['1/2/3/4/m.gguf', '1/m.gguf', 'm.gguf']);
  });

  test('are looked for only in the folders that are entered', async () => {
    const folder = layFolder('m.gguf', 'BF16/m.gguf', 'other/m.gguf');
    const found = await findModelFiles(folder, 2, (name) => name === 'BF16');
    expect(found.map(({ file }) => file)).toEqual(['BF16/m.gguf', 'm.gguf']);
  });

  test('are none if the folder is not there, or a file', async () => {
    const folder = layFolder('m.gguf');
    expect(await find(join(folder, 'gone'))).toEqual([]);
    expect(await find(join(folder, 'm.gguf'))).toEqual([]);
  });

  test('are found once if a link leads back into the folder', async () => {
    const folder = layFolder('m.gguf');
    symlinkSync(folder, join(folder, 'again'));
    expect(await find(folder)).toEqual(['m.gguf']);
  });
});
