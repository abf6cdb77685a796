/** The GGUF files in a folder, and the folders in which the SDK keeps its own. It knows names and no contents. */

import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { readdir } from '../core/file-system.ts';
import { type ModelName, readModelName } from './model-name.ts';

export interface FoundFile extends ModelName {
  /** Absolute. `file` is relative to the folder that was searched. */
  readonly path: string;
  /** The SDK's own manifest says that it belongs to the models beside it. */
  readonly declared?: boolean;
}

/** The SDK's cache has models/publisher/repository/file: this depth finds them and stays quick in a large folder. */
const MAX_DEPTH = 5;
const MAX_FOLDERS = 2000;

/** `$NEXA_DATADIR` and `$GENIEX_DATADIR`, the cache folders of both generations of the SDK, then `./models`. */
export function listDefaultFolders(
  env: { readonly NEXA_DATADIR?: string | undefined; readonly GENIEX_DATADIR?: string | undefined } = process.env,
  home: string = homedir(),
): readonly string[] {
  const named = [env.NEXA_DATADIR, env.GENIEX_DATADIR].filter((folder) => folder !== undefined && folder !== '');
  const caches = ['nexa.ai', 'nexa', 'geniex'].map((name) => join(home, '.cache', name));
  return [...named.map((folder) => resolve(folder!)), ...caches, resolve('models')];
}

/**
 * The GGUF files of a folder and those below it, sorted by path; later shards of a model are left out. A folder that isn't there
 * or can't be read holds nothing. A `depth` of 1 is the folder alone; of the folders below it those count that `enters` by name.
 */
export async function findModelFiles(
  folder: string,
  depth = MAX_DEPTH,
  enters: (folder: string) => boolean = () => true,
): Promise<readonly FoundFile[]> {
  const root = resolve(folder);
  const found: FoundFile[] = [];
  const folders: { path: string; depth: number }[] = [{ path: root, depth }];
  for (let index = 0; index < Math.min(folders.length, MAX_FOLDERS); index++) {
    const { path, depth: left } = folders[index]!;
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const entryPath = join(path, entry.name);
      const name = readModelName(relative(root, entryPath));
      if (entry.isDirectory()) {
        if (left > 1 && enters(entry.name)) folders.push({ path: entryPath, depth: left - 1 });
      } else if (name && (name.shard ?? 1) === 1) {
        found.push({ ...name, path: entryPath });
      }
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}
