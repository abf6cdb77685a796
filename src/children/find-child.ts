/** Where the program of a model's process lies: one file of this package, which a bundled application must carry along. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPackageDirectory } from '../addon/load-addon.ts';
import { MemoryGuardError } from '../core/errors.ts';

const NAME = 'nexa-memory-guard';

/**
 * The path that was given, or that of the file beside this module, in its package, or in `node_modules`.
 *
 * @throws MemoryGuardError `ERR_RUNTIME_NOT_FOUND` with what to pass.
 */
export function findChild(given: string | undefined, url: string | undefined = import.meta.url): string {
  const candidates = given === undefined ? listCandidates(url) : [given];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const file = `${NAME}/dist/child.js`;
  const message = `Expected the program of a model's process at ${candidates.join(' or ')}, found no file there; copy ${file} beside your bundle and pass its path as \`childPath\`, or choose \`isolation: 'none'\`.`;
  throw new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message);
}

function listCandidates(url: string | undefined): string[] {
  if (!url?.startsWith('file:')) return [`node_modules/${NAME}/dist/child.js`];
  const directory = findPackageDirectory(url);
  const candidates = [fileURLToPath(new URL('./child.js', url))];
  if (directory !== undefined) candidates.push(join(directory, 'dist', 'child.js'));
  try {
    candidates.push(join(createRequire(url).resolve(`${NAME}/package.json`), '..', 'dist', 'child.js'));
  } catch {
    // It is not installed where this module looks.
  }
  return [...new Set(candidates)];
}
