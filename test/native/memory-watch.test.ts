/** The addon's watching thread alone, under the thread and the address sanitizer. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { getFixture } from '../support/fixtures.ts';
import { compile, compiler } from './compile.ts';

const SOURCES = [
  'memory_watch',
  'kernel_notice',
  'left_bytes',
  'memory_files',
  'fill_rows',
  'watch_thread',
  'watched_files',
].map((name) => `native/linux/${name}.cc`);

describe.skipIf(!compiler || process.platform !== 'linux')('watches that come and go on several threads', () => {
  it.each(['thread', 'address,undefined'])('hear what happens, clean under %s', { timeout: 180_000 }, (sanitizer) => {
    const flags = ['-O1', '-g', '-pthread', `-fsanitize=${sanitizer}`, '-fno-sanitize-recover=all'];
    const { directory, program } = compile(['test/native/memory-watch.cc', ...SOURCES], flags);
    const meminfo = join(getFixture('v2-three-levels'), 'proc', 'meminfo');
    const { status, stdout, stderr } = spawnSync(program, [meminfo, join(directory, 'usage'), '60'], {
      encoding: 'utf8',
    });
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: '160 heard\n' });
  });
});
