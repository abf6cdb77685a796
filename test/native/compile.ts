/** Builds small programs of the addon's sources with g++, in a folder that is removed with the test. It knows no test. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';

export const compiler = spawnSync('g++', ['--version']).status === 0;
if (!compiler) console.warn('Parts of the addon are not tested by themselves: there is no g++.');

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The folder of a program that was compiled without a warning. */
export function compile(sources: readonly string[], flags: readonly string[]): { directory: string; program: string } {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-native-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const program = join(directory, 'program');
  const warnings = ['-std=c++17', '-Wall', '-Wextra', '-Wconversion'];
  const paths = sources.map((source) => join(root, source));
  const built = spawnSync('g++', [...warnings, ...flags, '-o', program, ...paths], { encoding: 'utf8' });
  expect(built.stderr).toBe('');
  return { directory, program };
}
