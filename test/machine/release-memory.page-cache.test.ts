/** The real kernel's page cache, as `fincore` (util-linux) shows it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import { dropPageCache } from '../../src/machine/release-memory.ts';

const whyNot = !loadAddon()
  ? 'there is no addon'
  : spawnSync('fincore', ['-V']).error
    ? 'there is no fincore'
    : undefined;
if (whyNot) console.log(`skipped: dropping the page cache, since ${whyNot}`);

const cachedBytes = (file: string) =>
  Number(execFileSync('fincore', ['-b', '-n', '-r', '-o', 'RES', file], { encoding: 'utf8' }));

it.skipIf(whyNot)('a file’s cached pages go back to the system, and one that is missing is passed over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-pagecache-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [file, other] = [join(folder, 'model'), join(folder, 'other')];
  for (const path of [file, other]) {
    const descriptor = openSync(path, 'w');
    writeSync(descriptor, Buffer.alloc(8 * MiB, 1));
    fsyncSync(descriptor); // dirty pages stay
    closeSync(descriptor);
    readFileSync(path);
  }
  expect(cachedBytes(file)).toBe(8 * MiB);
  await dropPageCache([file, join(folder, 'missing')]);
  expect(cachedBytes(file)).toBe(0);
  expect(cachedBytes(other)).toBe(8 * MiB);
});
