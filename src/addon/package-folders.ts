/** The folders that may hold what of this package is no module to import: its addons, and the program of its processes. It loads nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listProgramFiles, makeProgramRequire } from '../core/program-files.ts';
import { isPassing } from './passing-error.ts';

export const PACKAGE = 'nexa-memory-guard';

/**
 * Lists them for code that runs from one of `files`. The package's own code has one, the package. A bundle may have it copied beside
 * itself, has its parts in the root of its program, or finds the package in `node_modules`.
 */
export function listPackageFolders(files: readonly string[] = listProgramFiles()): readonly string[] {
  const own = findOwnPackage(files);
  return own === undefined ? [...new Set(files.flatMap(listFoldersFrom))] : [own];
}

/** The package, if its own files run. `undefined`: they are part of a bundle. */
export function findOwnPackage([nearest]: readonly string[] = listProgramFiles()): string | undefined {
  if (nearest === undefined) return undefined;
  const directory = findPackageDirectory(nearest);
  return readName(directory) === PACKAGE ? directory : undefined;
}

/**
 * Returns the nearest directory above a file that has a package.json with a name: for a bundle the root of its program, however deep the file
 * lies. A package.json without a name only tells Node how to read the files beside it. Without any, it is the directory above the file's.
 */
export function findPackageDirectory(file: string): string {
  const start = dirname(file);
  for (let directory = start; ; directory = dirname(directory)) {
    if (readName(directory) !== undefined) return directory;
    if (directory === dirname(directory)) return dirname(start);
  }
}

function listFoldersFrom(file: string): string[] {
  const installed = makeProgramRequire(file).resolve.paths(PACKAGE) ?? [];
  const found = installed.map((folder) => join(folder, PACKAGE)).find((folder) => existsSync(folder));
  return [join(dirname(file), PACKAGE), findPackageDirectory(file), ...(found === undefined ? [] : [found])];
}

function readName(directory: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    return typeof name === 'string' ? name : undefined;
  } catch (error) {
    // A file that can't be opened in this moment is not a file that isn't there.
    if (isPassing(error)) throw error;
    return undefined;
  }
}
