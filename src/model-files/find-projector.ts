/** Which projector belongs to a model, by names and places alone. It opens no file. */
import { basename, dirname } from 'node:path';
import { findModelFolder } from './group-models.ts';
import { type FoundFile, findModelFiles } from './model-folders.ts';
import { type ModelName, rankProjector, readModelName, simplifyName } from './model-name.ts';

/**
 * The path of the projector beside the model, or else among `others`. A projector whose name says no model is taken only from a
 * folder that holds no other model. `undefined` if none belongs to the model.
 */
export async function findProjector(modelPath: string, others: readonly FoundFile[]): Promise<string | undefined> {
  const declared = others.find((file) => file.projector && file.declared);
  if (declared) return declared.path;
  const own = readModelName(modelPath) ?? unnamedModel(modelPath);
  // A split model lies in a folder of its quantization, and its projector above that.
  const places = new Set([dirname(modelPath), findModelFolder({ ...own, path: modelPath })]);
  const beside = (await Promise.all([...places].map((folder) => findModelFiles(folder, 1)))).flat();
  const alone = beside.every((file) => file.projector || file.stem === own.stem);
  for (const files of [beside, others]) {
    const ranked = files
      .filter((file) => file.projector && !beside.some((other) => ownsProjector(other, file, own)))
      .map((file) => ({ path: file.path, rank: rankProjector(file, own) }))
      .filter((each): each is { path: string; rank: number } => each.rank !== undefined)
      .filter(({ rank }) => rank < 2 || (alone && files === beside))
      .sort((a, b) => a.rank - b.rank || a.path.length - b.path.length);
    if (ranked[0]) return ranked[0].path;
  }
  return undefined;
}

/** Whether another model has the projector's very name: a `qwen2` must not take the projector of a `qwen2audio`. */
function ownsProjector(other: ModelName, projector: ModelName, own: ModelName): boolean {
  return !other.projector && other.stem !== own.stem && rankProjector(projector, other) === 0;
}

function unnamedModel(path: string): ModelName {
  return { file: path, stem: simplifyName(basename(path)), projector: false, pattern: '' };
}
