/** Knows which files beside a model hold its weights, and that they do. It must not read them. */
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { type FileStamp, formatByteCount, modelFileError, quote, stampFile } from '../../gguf/model-file.ts';
import type { OnnxModel } from './read-onnx.ts';

/** A file beside a model. */
export interface ExternalFile {
  readonly path: string;
  readonly stamp: FileStamp;
}

/** No model of today has more than a few hundred. */
const MOST_FILES = 4096;

/**
 * Lists the files that hold weights of this model, but for those of `given`, which the program has in memory. Rejects with `ERR_MODEL_FILE` for one that
 * is missing, too short, or not below the model's folder: nobody's model may have other files of the machine read.
 */
export async function listExternalFiles(
  modelPath: string,
  { tensors }: OnnxModel,
  given: readonly string[] = [],
): Promise<readonly ExternalFile[]> {
  const ends = new Map<string, number>();
  for (const { external } of tensors) {
    if (!external || given.includes(external.location)) continue;
    const { location, offset, length } = external;
    ends.set(location, Math.max(ends.get(location) ?? 0, offset + length));
    if (ends.size > MOST_FILES) {
      throw modelFileError(modelPath, `have its weights in at most ${MOST_FILES} files`, 'more', 'export it again');
    }
  }
  const files: ExternalFile[] = [];
  for (const [location, end] of ends) files.push(await findFile(modelPath, location, end));
  return files;
}

async function findFile(modelPath: string, location: string, end: number): Promise<ExternalFile> {
  if (!isBelow(location)) {
    throw modelFileError(
      modelPath,
      'have its weights in its own folder',
      quote(location),
      'load no model that you do not trust',
    );
  }
  const path = join(dirname(modelPath), location);
  const stamp = await stampFile(path);
  if (stamp.sizeBytes >= end) return { path, stamp };
  throw modelFileError(
    path,
    `have at least ${formatByteCount(end)} of weights`,
    formatByteCount(stamp.sizeBytes),
    'download it again',
  );
}

/** By its text: a link is the file system's own matter, and caches of models consist of links. */
function isBelow(location: string): boolean {
  const path = normalize(location);
  const leaves = path === '..' || path.startsWith(`..${sep}`) || path.startsWith('../');
  return !leaves && !isAbsolute(path) && !/^[a-z]:|^[\\/]|\0/i.test(location);
}
