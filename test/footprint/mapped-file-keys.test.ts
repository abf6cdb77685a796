import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { nameHeldFiles } from '../../src/footprint/mapped-file-keys.ts';
import { readMappedFiles } from '../../src/sensors/linux/mapped-files.ts';

const identity = (device: number) => ({ device, inode: 7, sizeBytes: 9, mtimeMs: 0 });

it.each([
  [0xfe00, 'fe:00 7'],
  [0x0801, '08:01 7'],
  [0x1a, '00:1a 7'],
  [0x100103, '01:103 7'], // minor 259
])('names device %d as the mappings do', (device, key) => {
  expect(nameHeldFiles([identity(device)])).toEqual([{ key, bytes: 9 }]);
});

it.skipIf(process.platform !== 'linux')('gives a file that is mapped here the name it is mapped by', () => {
  const mapped = readMappedFiles().find(({ path }) => path === process.execPath);
  const { dev, ino, size, mtimeMs } = statSync(fileURLToPath(`file://${process.execPath}`));
  const [held] = nameHeldFiles([{ device: dev, inode: ino, sizeBytes: size, mtimeMs }]);
  expect(held?.key).toBe(`${mapped?.device} ${mapped?.inode}`);
});
