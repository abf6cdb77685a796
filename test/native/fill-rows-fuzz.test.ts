/** The addon's parser alone, under the address and undefined-behaviour sanitizers. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { getFixture, listFixtureFiles } from '../support/fixtures.ts';
import { compile, compiler } from './compile.ts';

const SANITIZERS = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

it.skipIf(!compiler)('reads nothing behind the end and makes no number out of damage', { timeout: 180_000 }, () => {
  const { program } = compile(['test/native/fill-rows-fuzz.cc', 'native/linux/fill_rows.cc'], SANITIZERS);
  const files = ['v1-docker-bind', 'v2-three-levels', 'overcommit-2', 'rlimits'].flatMap((name) =>
    listFixtureFiles(getFixture(name)).map((file) => join(getFixture(name), file)),
  );
  const { status, stdout, stderr } = spawnSync(program, ['30000', '20261125', ...files], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^30000 runs, [1-9]\d{3,} read\n$/);
});
