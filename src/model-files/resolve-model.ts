/** From a model's name or path to its files: the quantization, its siblings, the projector. It opens no model. */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { defaultModelFolders, type FoundFile, findModelFiles } from './model-folders.ts';
import { canonicalQuantization, type ModelName, projectorRank, readModelName, simplify } from './model-name.ts';
import { missingQuantization, missingSibling, noModel, unknownModel, unknownRepository } from './resolve-errors.ts';
import { repositoryFiles, repositoryName } from './sdk-cache.ts';

export interface ResolvedModel {
  /** `qwen2audio`, a repository such as `NexaAI/Qwen2-Audio-7B-GGUF`, or the file's name without its ending. */
  readonly name: string;
  /** Absolute; the first shard of a split model. */
  readonly modelPath: string;
  readonly projectorPath?: string;
  /** As the file's name says. */
  readonly quantization?: string;
}

export interface ResolveOptions {
  readonly quantization?: string | undefined;
  readonly modelsDir?: string | undefined;
  readonly projectorPath?: string | undefined;
}

const KNOWN_MODELS = ['qwen2audio'] as const;
/** What a load without a quantization takes: the documented default, then the smaller one, then the larger one. */
const PREFERRED = ['Q4_K_M', 'Q4_0', 'Q5_K_M'];

/**
 * The files to load. Throws `ERR_UNKNOWN_MODEL`, `ERR_UNKNOWN_QUANTIZATION`, and `ERR_MODEL_FILE` where the model is
 * known and this quantization of it is not there.
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  const known = knownModel(name);
  const quantization = knownQuantization(options.quantization ?? repositoryOf(name)?.quantization);
  const files = known ? await resolveKnown(known, quantization, options) : await resolvePath(name, quantization);
  const projectorPath = options.projectorPath === undefined ? files.projectorPath : resolve(options.projectorPath);
  return {
    name: files.name,
    modelPath: files.modelPath,
    ...(projectorPath !== undefined && { projectorPath }),
    ...(files.quantization !== undefined && { quantization: files.quantization }),
  };
}

/** The quantizations that are there, with their paths; of a path, itself and its siblings. Throws as `resolveModel` does. */
export async function listQuantizations(
  name: string,
  options: Pick<ResolveOptions, 'modelsDir'> = {},
): Promise<ReadonlyMap<string, string>> {
  const known = knownModel(name);
  return known ? byQuantization(await filesOf(known, options.modelsDir)) : siblings(pathOf(name));
}

/** Files beside `path` whose names differ from its own in the quantization alone; itself among them. */
export async function siblings(path: string): Promise<ReadonlyMap<string, string>> {
  const own = readModelName(resolve(path));
  if (!own?.quantization) return new Map();
  const beside = await findModelFiles(dirname(resolve(path)), 1);
  return byQuantization(beside.filter((file) => file.pattern === own.pattern && !file.projector));
}

async function resolveKnown(
  name: string,
  quantization: string | undefined,
  { modelsDir }: ResolveOptions,
): Promise<ResolvedModel> {
  const files = await filesOf(name, modelsDir);
  const models = byQuantization(files);
  const chosen = quantization ?? PREFERRED.find((each) => models.has(each)) ?? [...models.keys()][0];
  const modelPath = chosen === undefined ? files.find((file) => !file.projector)?.path : models.get(chosen);
  if (modelPath === undefined) throw missingQuantization(name, String(chosen), [...models.values()]);
  const projectorPath = await projectorOf(modelPath, files);
  return { name, modelPath, ...(chosen && { quantization: chosen }), ...(projectorPath && { projectorPath }) };
}

async function resolvePath(name: string, quantization: string | undefined): Promise<ResolvedModel> {
  const asked = pathOf(name);
  const own = readModelName(asked);
  let modelPath = asked;
  if (quantization !== undefined && quantization !== own?.quantization) {
    const found = await siblings(asked);
    const sibling = found.get(quantization);
    if (sibling === undefined) throw missingSibling(asked, quantization, [...found.values()]);
    modelPath = sibling;
  }
  const says = readModelName(modelPath)?.quantization;
  const projectorPath = own?.projector ? undefined : await projectorOf(modelPath, []);
  return {
    name: basename(modelPath).replace(/\.gguf$/i, ''),
    modelPath,
    ...(says && { quantization: says }),
    ...(projectorPath && { projectorPath }),
  };
}

/** Files of a known model by their path below the searched folder: its folder may bear the name instead of the file. */
async function filesOf(name: string, modelsDir: string | undefined): Promise<readonly FoundFile[]> {
  const folders = modelsDir === undefined ? defaultModelFolders() : [resolve(modelsDir)];
  if (name.includes('/')) {
    const files = await repositoryFiles(name, folders);
    if (!files.some((file) => !file.projector)) throw unknownRepository(name, folders);
    return files;
  }
  const found: FoundFile[] = [];
  for (const folder of folders) found.push(...(await findModelFiles(folder)));
  const files = found.filter((file) => simplify(file.file).includes(name));
  if (!files.some((file) => !file.projector)) throw unknownModel(name, folders, found);
  return files;
}

/** The first folder wins, then the shortest name. */
function byQuantization(files: readonly FoundFile[]): Map<string, string> {
  const models = new Map<string, string>();
  for (const file of files) {
    if (file.projector || !file.quantization) continue;
    const known = models.get(file.quantization);
    const shorter = known !== undefined && dirname(known) === dirname(file.path) && file.path.length < known.length;
    if (known === undefined || shorter) models.set(file.quantization, file.path);
  }
  return models;
}

/** The projector beside the model, or else among `others`. One that names no model needs a folder with no other model. */
async function projectorOf(modelPath: string, others: readonly FoundFile[]): Promise<string | undefined> {
  const declared = others.find((file) => file.projector && file.declared);
  if (declared) return declared.path;
  const own = readModelName(modelPath) ?? unnamed(modelPath);
  const beside = await findModelFiles(dirname(modelPath), 1);
  const alone = beside.every((file) => file.projector || file.stem === own.stem);
  for (const files of [beside, others]) {
    const ranked = files
      .filter((file) => file.projector && !beside.some((other) => claims(other, file, own)))
      .map((file) => ({ path: file.path, rank: projectorRank(file, own) }))
      .filter((each): each is { path: string; rank: number } => each.rank !== undefined)
      .filter((each) => each.rank < 2 || (alone && files === beside))
      .sort((a, b) => a.rank - b.rank || a.path.length - b.path.length);
    if (ranked[0]) return ranked[0].path;
  }
  return undefined;
}

/** Another model with the projector's very name: a `qwen2` must not take the projector of a `qwen2audio`. */
function claims(other: ModelName, projector: ModelName, own: ModelName): boolean {
  return !other.projector && other.stem !== own.stem && projectorRank(projector, other) === 0;
}

function unnamed(path: string): ModelName {
  return { file: path, stem: simplify(basename(path)), projector: false, pattern: '' };
}

/** A model that has a name: one of those that are known, or a repository of the SDK's cache. */
function knownModel(name: string): string | undefined {
  if (typeof name !== 'string' || name.trim() === '' || name.includes('\0')) throw noModel(name, KNOWN_MODELS);
  const repository = repositoryOf(name)?.repository;
  if (repository !== undefined) return repository;
  return KNOWN_MODELS.find((known) => known === simplify(name) && !isPath(name));
}

/** A file of that very name is a path. */
export function repositoryOf(name: string): ReturnType<typeof repositoryName> {
  return existsSync(name) ? undefined : repositoryName(name);
}

function pathOf(name: string): string {
  if (!isPath(name)) throw noModel(name, KNOWN_MODELS);
  return resolve(name);
}

function isPath(name: string): boolean {
  return /[/\\]|\.gguf$/i.test(name);
}

function knownQuantization(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const known = canonicalQuantization(given);
  if (known) return known;
  const message = `Expected \`quantization\` to be one such as Q4_0, Q4_K_M or Q5_K_M, got ${describe(given)}.`;
  throw new MemoryGuardError('ERR_UNKNOWN_QUANTIZATION', message);
}
