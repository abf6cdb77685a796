/** Where the program of a model's process lies: one file of this package, which a bundled application must carry along. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listPackageFolders, PACKAGE } from '../addon/package-folders.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { listProgramFiles } from '../core/program-files.ts';

/**
 * The path that was given, or that of the file beside one of `files`, from which this code runs, or in a folder of the package.
 *
 * @throws MemoryGuardError `ERR_RUNTIME_NOT_FOUND` with what to pass.
 */
export function findChild(given: string | undefined, files: readonly string[] = listProgramFiles()): string {
  const candidates = given === undefined ? listCandidates(files) : [given];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const message = `Expected the program of a model's process at ${candidates.join(' or ') || 'a known place'}, found no file there; keep ${PACKAGE} out of your bundle by \`external: ['${PACKAGE}']\`, or copy it beside your bundle (\`cp -rL node_modules/${PACKAGE} <folder of the bundle>/\`), or pass the path of its dist/child.js as \`childPath\`, or choose \`isolation: 'none'\`.`;
  throw new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message);
}

function listCandidates(files: readonly string[]): string[] {
  const beside = files.slice(0, 1).map((file) => join(dirname(file), 'child.js'));
  const packaged = listPackageFolders(files).map((folder) => join(folder, 'dist', 'child.js'));
  return [...new Set([...beside, ...packaged])];
}
