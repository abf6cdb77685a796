import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSmallFile } from '../../src/core/read-small-file.ts';

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-small-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'file');
}

describe('a small file', () => {
  it('is read whole, up to the most that is expected', async () => {
    const path = place();
    writeFileSync(path, 'four');
    expect(String(await readSmallFile(path, { mostBytes: 4 }))).toBe('four');
    await expect(readSmallFile(path, { mostBytes: 3 })).rejects.toThrow('it has 4 bytes');
    writeFileSync(path, '');
    expect(await readSmallFile(path, { mostBytes: 3 })).toHaveLength(0);
  });

  it('that is missing is the system error', async () => {
    await expect(readSmallFile(place(), { mostBytes: 1 })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.skipIf(process.platform === 'win32')('is no pipe, no folder and no device', async () => {
    const [pipe, folder] = [place(), place()];
    execFileSync('mkfifo', [pipe]);
    mkdirSync(folder);
    for (const path of [pipe, folder, '/dev/zero']) {
      await expect(readSmallFile(path, { mostBytes: 10 })).rejects.toThrow('it is no regular file');
    }
  });

  it.skipIf(process.platform === 'win32')('is followed through a link unless that is refused', async () => {
    const [path, link] = [place(), place()];
    writeFileSync(path, 'x');
    symlinkSync(path, link);
    expect(await readSmallFile(link, { mostBytes: 1 })).toHaveLength(1);
    await expect(readSmallFile(link, { mostBytes: 1, refuseLink: true })).rejects.toThrow('it is no regular file');
  });
});
