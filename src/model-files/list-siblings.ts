/** The quantizations of a model that lie beside one file of it, by their names. It opens no model. */
import { basename, dirname, resolve } from 'node:path';
import { findModelFolder, readStepFolder } from './group-models.ts';
import { type FoundFile, findModelFiles } from './model-folders.ts';
import { readModelName } from './model-name.ts';

/**
 * Files whose names differ from that of `path` in the quantization alone, `path` itself among them if it is there: in its
 * folder, in folders of it that are named by a quantization, and if its own is such a folder, in those beside that. None if the
 * name says no quantization.
 */
export async function listSiblings(path: string): Promise<readonly FoundFile[]> {
  const own = readModelName(resolve(path));
  if (own?.step === undefined) return [];
  const root = findModelFolder({ ...own, path: own.file });
  const found = await findModelFiles(root, 2, (folder) => readStepFolder(folder, own) !== undefined);
  return found.filter((file) => {
    const folder = dirname(file.path);
    const inPlace = folder === root || readStepFolder(basename(folder), own) === file.step;
    return inPlace && file.pattern === own.pattern && !file.projector;
  });
}
