/** Locks of Unix, on this kernel: what the ledger relies on, and the line of those who wait. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compile, compiler } from './compile.ts';

it.skipIf(!compiler || process.platform === 'win32')(
  'a lock keeps others out, ends with its process, and is handed on in the order in which they came',
  { timeout: 60_000 },
  () => {
    const { directory, program } = compile(['test/native/file-lock.cc', 'native/posix/file_lock.cc'], []);
    const { status, stdout } = spawnSync(program, [join(directory, 'lock')], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  },
);
