import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listExternalFiles } from '../../../src/footprint/onnx/external-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'external-'));
  mkdirSync(join(folder, 'parts'));
  writeFileSync(join(folder, 'w.data'), Buffer.alloc(100));
  writeFileSync(join(folder, 'parts/w'), Buffer.alloc(10));
  symlinkSync('w.data', join(folder, 'link'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const list = (places: readonly { location: string; offset?: number; length?: number }[], given?: readonly string[]) =>
  listExternalFiles(
    join(folder, 'model.onnx'),
    {
      tensors: places.map(({ location, offset = 0, length = 4 }) => ({
        type: 1,
        elements: 1,
        rank: 1,
        bytes: 4,
        converted: false,
        external: { location, offset, length },
      })),
      nodes: 1,
      operators: new Set(),
      structureBytes: 0,
    },
    given,
  );

it('finds each file once, also in a folder and behind a link', async () => {
  const files = await list([
    { location: 'w.data' },
    { location: 'w.data', offset: 96 },
    { location: 'parts/w' },
    { location: 'link' },
  ]);
  expect(files.map(({ path }) => path.slice(folder.length + 1))).toEqual(['w.data', 'parts/w', 'link']);
  expect(files[0]!.stamp.sizeBytes).toBe(100);
});

it.each(['/etc/passwd', '../w.data', 'parts/../../w', '..', 'C:\\w', '\\\\server\\w', 'a\0b'])(
  'refuses weights outside of the folder: %s',
  async (location) => {
    await expect(list([{ location }])).rejects.toThrow(/in its own folder/);
  },
);

it('refuses a file that is missing, too short, or none', async () => {
  await expect(list([{ location: 'gone' }])).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  await expect(list([{ location: 'parts' }])).rejects.toThrow(/a directory/);
  await expect(list([{ location: 'w.data', offset: 97 }])).rejects.toThrow(/at least 101 bytes of weights, found 100/);
});

it('asks for none that the program has in memory', async () => {
  expect(await list([{ location: 'gone' }], ['gone'])).toEqual([]);
});

it('refuses a model in thousands of files', async () => {
  const places = Array.from({ length: 4097 }, (_, index) => ({ location: `${index}` }));
  await expect(list(places)).rejects.toThrow(/at most 4096 files/);
});
