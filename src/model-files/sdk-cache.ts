/**
 * Models by the names that Nexa's own tools pull them with, such as `NexaAI/Qwen2-Audio-7B-GGUF:Q4_K_M`, in the folders
 * where those tools keep them. It reads their manifests and no model.
 */

import { join } from 'node:path';
import { MiB } from '../core/bytes.ts';
import { stat } from '../core/file-system.ts';
import { readSmallFile } from '../core/read-small-file.ts';
import { type FoundFile, findModelFiles } from './model-folders.ts';
import { readModelName } from './model-name.ts';
import { normalizeQuantization } from './read-quantization.ts';

/** Nexa SDK writes the first one, GenieX the second one; both have the same fields. */
const MANIFESTS = ['nexa.manifest', 'geniex.json'];

interface ManifestFile {
  readonly Name?: string;
  readonly Downloaded?: boolean;
}

interface Manifest {
  readonly ModelFile?: Readonly<Record<string, ManifestFile>> | null;
  readonly MMProjFile?: ManifestFile | null;
}

/** The files of the repository in the first of `folders` that has it; none if no folder has it. */
export async function findRepositoryFiles(
  repository: string,
  folders: readonly string[],
): Promise<readonly FoundFile[]> {
  for (const folder of folders) {
    for (const home of listHomes(repository, folder)) {
      if (!(await stat(home).catch(() => undefined))?.isDirectory()) continue;
      const files = (await readManifestFiles(home)) ?? (await findModelFiles(home, 2, isStepFolder));
      if (files.length > 0) return files;
    }
  }
  return [];
}

/** A split model lies in a folder that is named by its quantization. */
function isStepFolder(folder: string): boolean {
  return readModelName(`${folder}.gguf`)?.step !== undefined;
}

/** Folders in which the repository may lie. Older versions of Nexa SDK named its folder by the repository's name in base64. */
function listHomes(repository: string, folder: string): readonly string[] {
  const encoded = Buffer.from(repository).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  return ['', 'models', join('nexa_sdk', 'models')]
    .map((below) => join(folder, below, repository))
    .concat(join(folder, 'models', encoded));
}

/** `undefined` if no manifest is there that can be understood. */
async function readManifestFiles(home: string): Promise<readonly FoundFile[] | undefined> {
  for (const name of MANIFESTS) {
    const manifest = await readManifest(join(home, name));
    if (manifest === undefined) continue;
    const models = Object.entries(manifest.ModelFile ?? {}).map(([key, file]) => readManifestFile(home, file, key));
    const found = [...models, readManifestFile(home, manifest.MMProjFile, undefined)];
    return found.filter((file) => file !== undefined);
  }
  return undefined;
}

/** A manifest of a hundred files has 20 KiB. */
const MOST_MANIFEST_BYTES = 1 * MiB;

async function readManifest(path: string): Promise<Manifest | undefined> {
  try {
    const manifest: unknown = JSON.parse((await readSmallFile(path, { mostBytes: MOST_MANIFEST_BYTES })).toString());
    return typeof manifest === 'object' && manifest !== null ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/**
 * One file of a manifest: a model with its quantization as `key`, or the projector without one. `undefined` for a file that is not
 * downloaded yet, or whose name leads out of the folder.
 */
function readManifestFile(
  home: string,
  file: ManifestFile | null | undefined,
  key: string | undefined,
): FoundFile | undefined {
  const { Name: name, Downloaded: downloaded = true } = file ?? {};
  if (typeof name !== 'string' || !downloaded || /(^|[/\\])\.\.([/\\]|$)|^[/\\]|:/.test(name)) return undefined;
  const read = readModelName(name);
  if (read === undefined) return undefined;
  const byKey = key === undefined ? undefined : normalizeQuantization(key);
  return { ...read, ...byKey, projector: key === undefined, path: join(home, name), declared: true };
}
