/** The files that the code of this package may run from: its own, a bundle that it became part of, the program's main one. It knows no package. */
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadNodeModule } from './node-module.ts';

/**
 * Lists those that are there, by absolute paths, the nearest to this code first. A bundle for CommonJS may have no `import.meta.url`, and one
 * of webpack has that of the machine on which it was made.
 */
export function listProgramFiles(
  url: string | undefined = import.meta.url,
  bundle: string | undefined = findCommonFile(),
  main: string | undefined = process.argv[1],
): readonly string[] {
  const own = url?.startsWith('file:') ? fileURLToPath(url) : undefined;
  const found = [own, bundle, main].filter((file) => file !== undefined && existsSync(file));
  return [...new Set(found.map((file) => realpathSync(file!)))];
}

/** `require` as a module of this program has it. */
export function makeProgramRequire(file: string = listProgramFiles()[0] ?? process.execPath): NodeJS.Require {
  // A bundler would take a call that it can read apart for an import of its own.
  return loadNodeModule('node:module').createRequire(file);
}

/** The file of a module of CommonJS, which only a bundle can be. */
function findCommonFile(): string | undefined {
  try {
    // A question for its type is answered by webpack, wrongly where it makes an ES module.
    return __filename;
  } catch {
    return undefined;
  }
}
