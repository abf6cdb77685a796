/** From a model's name or path to its files: the quantization, its siblings, the projector. It opens no model. */
import { basename, dirname, resolve } from 'node:path';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { KNOWN_MODELS } from '../core/known-models.ts';
import { findProjector } from './find-projector.ts';
import { type FoundFile, findModelFiles, listDefaultFolders } from './model-folders.ts';
import { normalizeQuantization, readModelName, simplifyName } from './model-name.ts';
import { readRepository } from './repository-name.ts';
import { missingQuantization, missingSibling, noModel, unknownModel, unknownRepository } from './resolve-errors.ts';
import { findRepositoryFiles } from './sdk-cache.ts';

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
  /** @default the folders of `listDefaultFolders` */
  readonly modelsDir?: string | undefined;
  /** @default the projector that `findProjector` finds */
  readonly projectorPath?: string | undefined;
}

/** What a load without a quantization takes: the documented default, then the smaller one, then the larger one. */
const PREFERRED_QUANTIZATIONS = ['Q4_K_M', 'Q4_0', 'Q5_K_M'];

/**
 * The files to load.
 *
 * @throws MemoryGuardError `ERR_UNKNOWN_MODEL`, `ERR_UNKNOWN_QUANTIZATION`, or `ERR_MODEL_FILE` if the model is known and this
 * quantization of it is not there.
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  return resolveFrom(name, options, (known) => findKnownFiles(known, options.modelsDir));
}

/** A model whose files were found. */
export interface FoundModel {
  /** The quantizations that are there, with their paths; for a path, its own and those of its siblings. */
  readonly quantizations: ReadonlyMap<string, string>;
  /** Does what `resolveModel` does, with the files of a known model that were found. */
  resolve(options: Omit<ResolveOptions, 'modelsDir'>): Promise<ResolvedModel>;
}

/** Searches the folders once, however many quantizations are resolved then. Throws as `resolveModel` does. */
export async function findModel(
  name: string,
  { modelsDir }: Pick<ResolveOptions, 'modelsDir'> = {},
): Promise<FoundModel> {
  const known = readKnownName(name);
  const files = known === undefined ? [] : await findKnownFiles(known, modelsDir);
  return {
    quantizations: known === undefined ? await findSiblings(readPath(name)) : groupByQuantization(files),
    resolve: (options) => resolveFrom(name, options, async () => files),
  };
}

/** Files beside `path`, itself among them, whose names differ from its own in the quantization alone; their paths by quantization. */
export async function findSiblings(path: string): Promise<ReadonlyMap<string, string>> {
  const own = readModelName(resolve(path));
  if (!own?.quantization) return new Map();
  const beside = await findModelFiles(dirname(resolve(path)), 1);
  return groupByQuantization(beside.filter((file) => file.pattern === own.pattern && !file.projector));
}

/** `findFiles` finds the files of a known model; a path needs none. */
async function resolveFrom(
  name: string,
  options: ResolveOptions,
  findFiles: (known: string) => Promise<readonly FoundFile[]>,
): Promise<ResolvedModel> {
  const known = readKnownName(name);
  const quantization = checkQuantization(options.quantization ?? readRepository(name)?.quantization);
  const files = known
    ? await resolveKnown(known, quantization, await findFiles(known))
    : await resolvePath(name, quantization);
  const projectorPath = options.projectorPath === undefined ? files.projectorPath : resolve(options.projectorPath);
  return {
    name: files.name,
    modelPath: files.modelPath,
    ...(projectorPath !== undefined && { projectorPath }),
    ...(files.quantization !== undefined && { quantization: files.quantization }),
  };
}

async function resolveKnown(
  name: string,
  quantization: string | undefined,
  files: readonly FoundFile[],
): Promise<ResolvedModel> {
  const models = groupByQuantization(files);
  const chosen = quantization ?? PREFERRED_QUANTIZATIONS.find((each) => models.has(each)) ?? [...models.keys()][0];
  const modelPath = chosen === undefined ? files.find((file) => !file.projector)?.path : models.get(chosen);
  if (modelPath === undefined) throw missingQuantization(name, String(chosen), [...models.values()]);
  const projectorPath = await findProjector(modelPath, files);
  return { name, modelPath, ...(chosen && { quantization: chosen }), ...(projectorPath && { projectorPath }) };
}

async function resolvePath(name: string, quantization: string | undefined): Promise<ResolvedModel> {
  const asked = readPath(name);
  const own = readModelName(asked);
  const isOwn = quantization === undefined || quantization === own?.quantization;
  const modelPath = isOwn ? asked : await findSibling(asked, quantization);
  const named = readModelName(modelPath)?.quantization;
  const projectorPath = own?.projector ? undefined : await findProjector(modelPath, []);
  return {
    name: basename(modelPath).replace(/\.gguf$/i, ''),
    modelPath,
    ...(named && { quantization: named }),
    ...(projectorPath && { projectorPath }),
  };
}

async function findSibling(path: string, quantization: string): Promise<string> {
  const found = await findSiblings(path);
  const sibling = found.get(quantization);
  if (sibling === undefined) throw missingSibling(path, quantization, [...found.values()]);
  return sibling;
}

/** The files of a known model, named by their path below the searched folder: the folder may bear the model's name instead of the file. */
async function findKnownFiles(name: string, modelsDir: string | undefined): Promise<readonly FoundFile[]> {
  const folders = modelsDir === undefined ? listDefaultFolders() : [resolve(modelsDir)];
  if (name.includes('/')) {
    const files = await findRepositoryFiles(name, folders);
    if (!files.some((file) => !file.projector)) throw unknownRepository(name, folders);
    return files;
  }
  const found: FoundFile[] = [];
  for (const folder of folders) found.push(...(await findModelFiles(folder)));
  const files = found.filter((file) => simplifyName(file.file).includes(name));
  if (!files.some((file) => !file.projector)) throw unknownModel(name, folders, found);
  return files;
}

/** Paths of the models by quantization. The first folder wins, then the shortest name. */
function groupByQuantization(files: readonly FoundFile[]): Map<string, string> {
  const models = new Map<string, string>();
  for (const file of files) {
    if (file.projector || !file.quantization) continue;
    const known = models.get(file.quantization);
    const shorter = known !== undefined && dirname(known) === dirname(file.path) && file.path.length < known.length;
    if (known === undefined || shorter) models.set(file.quantization, file.path);
  }
  return models;
}

/** The name of a known model, or of a repository of the SDK's cache; `undefined` for a path. */
function readKnownName(name: string): string | undefined {
  if (typeof name !== 'string' || name.trim() === '' || name.includes('\0')) throw noModel(name);
  const repository = readRepository(name)?.repository;
  if (repository !== undefined) return repository;
  return KNOWN_MODELS.find((known) => known === simplifyName(name) && !isPath(name));
}

function readPath(name: string): string {
  if (!isPath(name)) throw noModel(name);
  return resolve(name);
}

function isPath(name: string): boolean {
  return /[/\\]|\.gguf$/i.test(name);
}

function checkQuantization(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const quantization = normalizeQuantization(given);
  if (quantization) return quantization;
  const message = `Expected \`quantization\` to be one such as Q4_0, Q4_K_M or Q5_K_M, got ${describe(given)}.`;
  throw new MemoryGuardError('ERR_UNKNOWN_QUANTIZATION', message);
}
