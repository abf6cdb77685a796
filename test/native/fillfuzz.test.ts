/** The addon's parser alone, under the address and undefined-behaviour sanitizers. Needs g++. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { filesIn, fixture } from '../support/fixtures.ts';

const source = fileURLToPath(new URL('fillfuzz.cc', import.meta.url));
const parser = fileURLToPath(new URL('../../native/linux/fill.cc', import.meta.url));
const compiler = spawnSync('g++', ['--version']).status === 0;
if (!compiler) console.warn('The parser is not run under sanitizers: there is no g++.');

it.skipIf(!compiler)('reads nothing behind the end and makes no number out of damage', { timeout: 180_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-fuzz-'));
  try {
    const program = join(directory, 'fillfuzz');
    const flags = ['-std=c++17', '-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
    const built = spawnSync('g++', [...flags, '-o', program, source, parser], { encoding: 'utf8' });
    expect(built.stderr).toBe('');
    const files = ['v1-docker-bind', 'v2-three-levels', 'overcommit-2', 'rlimits'].flatMap((name) =>
      filesIn(fixture(name)).map((file) => join(fixture(name), file)),
    );
    const { status, stdout, stderr } = spawnSync(program, ['30000', '20261125', ...files], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^30000 runs, [1-9]\d{3,} read\n$/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
