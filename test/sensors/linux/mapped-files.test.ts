import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import { readMappedFiles } from '../../../src/sensors/linux/mapped-files.ts';
import { copyFixture, getFixture } from '../../support/fixtures.ts';

describe('readMappedFiles', () => {
  const files = readMappedFiles({ root: getFixture('mappings') });
  const byInode = (device: string, inode: string) =>
    files.find((file) => file.device === device && file.inode === inode);

  it('counts a part that is mapped twice once', () => {
    // 0-256 MiB and 128-384 MiB of the file.
    expect(byInode('fe:00', '770001')).toEqual({
      device: 'fe:00',
      inode: '770001',
      path: '/models/qwen2 audio/model.Q4_K_M.gguf',
      bytes: 384 * MiB,
      mappingsBytes: 512 * MiB,
      executable: false,
    });
  });

  it('adds parts that lie side by side', () => {
    expect(byInode('fe:00', '260689')).toMatchObject({ path: '/usr/bin/node', bytes: 3 * MiB, executable: true });
  });

  it('does not add parts of equal inodes on different devices', () => {
    expect(byInode('fe:10', '770001')).toMatchObject({ path: '/other/disk.gguf', bytes: 64 * 1024 });
  });

  it('names a file that was deleted and one with a newline', () => {
    expect(byInode('fe:00', '770002')?.path).toBe('/models/old.gguf');
    expect(byInode('fe:00', '770003')?.path).toBe('/models/two\nlines.gguf');
  });

  it('leaves out the heap, shared memory, memfds, devices and files on tmpfs', () => {
    expect(files.map((file) => `${file.device} ${file.inode}`).sort()).toEqual(
      ['fe:00 260689', 'fe:00 770001', 'fe:00 770002', 'fe:00 770003', 'fe:10 770001'].sort(),
    );
  });

  it('refuses a line that it does not understand', () => {
    const root = copyFixture('mappings');
    writeFileSync(join(root, 'proc/self/maps'), 'somewhere r--p file\n');
    expect(() => readMappedFiles({ root })).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });

  it.each(['maps', 'mountinfo'])('refuses without %s', (name) => {
    const root = copyFixture('mappings');
    rmSync(join(root, 'proc/self', name));
    expect(() => readMappedFiles({ root })).toThrow('ENOENT');
  });

  it.skipIf(process.platform !== 'linux')('finds the program of this process', () => {
    const own = readMappedFiles().find((file) => file.path === process.execPath);
    expect(own?.bytes).toBeGreaterThan(MiB);
  });
});
