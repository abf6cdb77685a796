/** Locks of both kinds that Unix has, on this kernel: the ledger must not care which one it gets. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compile, compiler } from './compile.ts';

it
  .skipIf(!compiler || process.platform === 'win32')
  .each([...(process.platform === 'linux' ? ['native/linux/file_lock.cc'] : []), 'native/darwin/file_lock.cc'])(
  '%s keeps others out and ends with its process',
  { timeout: 60_000 },
  (source) => {
    const { directory, program } = compile(['test/native/file-lock.cc', source], []);
    const { status, stdout } = spawnSync(program, [join(directory, 'lock')], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  },
);
