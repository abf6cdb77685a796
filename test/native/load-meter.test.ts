/** The meter of a load by itself: what it takes of memory that its allocator had free. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { compile, compiler } from './compile.ts';

const SOURCES = ['load_meter', 'load_window', 'load_windows', 'address_map', 'resident_bytes'];

it.skipIf(!compiler || process.platform !== 'linux')(
  'what malloc had free is a load’s only while it blocks the main thread, or if its models live in JavaScript',
  { timeout: 60_000 },
  () => {
    const sources = SOURCES.map((name) => `native/linux/${name}.cc`);
    const { program } = compile(['test/native/load-meter.cc', ...sources], ['-pthread']);
    const { status, stdout } = spawnSync(program, [], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  },
);
