/** From a model's name or path to its files: the quantization, its siblings, the projector. It opens no model. */
import { basename, resolve } from 'node:path';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { KNOWN_MODELS } from '../core/known-models.ts';
import type { LadderStep } from '../core/quantizations.ts';
import { findProjector } from './find-projector.ts';
import { chooseFiles, groupModels, type ModelGroup } from './group-models.ts';
import { listSiblings } from './list-siblings.ts';
import { type FoundFile, findModelFiles, listDefaultFolders } from './model-folders.ts';
import { readModelName, simplifyName } from './model-name.ts';
import { normalizeQuantization, type WrittenQuantization } from './read-quantization.ts';
import { readRepository } from './repository-name.ts';
import { missingQuantization, missingSibling, noModel, unknownModel, unknownRepository } from './resolve-errors.ts';
import { findRepositoryFiles } from './sdk-cache.ts';

export interface ResolvedModel {
  /** `qwen2audio`, a repository such as `NexaAI/Qwen2-Audio-7B-GGUF`, or the file's name without its ending. */
  readonly name: string;
  /** Absolute; the first shard of a split model. */
  readonly modelPath: string;
  readonly projectorPath?: string;
  /** As the file's name says, such as `Q4_K_M` or `UD-Q4_K_XL`. */
  readonly quantization?: string;
}

export interface ResolveOptions {
  /** A type of llama.cpp or a recipe, in any letters. A type is also what a recipe of it is found by if no file has its very name. */
  readonly quantization?: string | undefined;
  /** @default the folders of `listDefaultFolders` */
  readonly modelsDir?: string | undefined;
  /** @default the projector that `findProjector` finds */
  readonly projectorPath?: string | undefined;
}

/** What a load without a quantization takes: the documented default, then the smaller one, then the larger one, then the best. */
const PREFERRED_STEPS: readonly LadderStep[] = ['Q4_K_M', 'Q4_0', 'Q5_K_M'];

/**
 * The files to load.
 *
 * @throws MemoryGuardError `ERR_UNKNOWN_MODEL`, `ERR_UNKNOWN_QUANTIZATION`, or `ERR_MODEL_FILE` if the model is known and this
 * quantization of it is not there.
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  return (await findModel(name, options)).resolve(options);
}

/** A model whose files were found. */
export interface FoundModel {
  /**
   * The steps of the ladder that are there, best first, with their paths; for a path, its own and those of its siblings. Of several
   * files with one step that one which `resolve` gives for it.
   */
  readonly steps: ReadonlyMap<LadderStep, string>;
  /** Does what `resolveModel` does, with the files that were found. */
  resolve(options: Omit<ResolveOptions, 'modelsDir'>): Promise<ResolvedModel>;
}

/** Searches the folders once, however many quantizations are resolved then. Throws as `resolveModel` does. */
export async function findModel(
  name: string,
  { modelsDir, quantization }: Pick<ResolveOptions, 'modelsDir' | 'quantization'> = {},
): Promise<FoundModel> {
  const known = readKnownName(name);
  const asked = readAsked(quantization ?? readRepository(name)?.quantization);
  return known === undefined ? findByPath(readPath(name), asked) : findByName(known, asked, modelsDir);
}

type Asked = WrittenQuantization | undefined;

async function findByName(name: string, asked: Asked, modelsDir: string | undefined): Promise<FoundModel> {
  const files = await findKnownFiles(name, modelsDir);
  const groups = groupModels(files);
  const group = chooseGroup(groups, asked);
  // A step that the name alone would lead to another model for is none of this one.
  const steps = [...listPaths(group, asked)].filter(([step]) => chooseGroup(groups, { step }) === group);
  return {
    steps: new Map(steps),
    async resolve({ quantization, projectorPath }) {
      const wanted = readAsked(quantization) ?? asked;
      const found = chooseFile(group, wanted) ?? (wanted ? undefined : files.find((file) => !file.projector));
      if (found === undefined)
        throw missingQuantization(
          name,
          wanted!.quantization,
          group.map(({ path }) => path),
        );
      const projector = projectorPath === undefined ? await findProjector(found.path, files) : resolve(projectorPath);
      return describeFiles(name, found.path, found.quantization, projector);
    },
  };
}

async function findByPath(path: string, asked: Asked): Promise<FoundModel> {
  const own = readModelName(path);
  const siblings = await listSiblings(path);
  const steps = new Map(listPaths(siblings, asked ?? own));
  if (asked === undefined && own?.step !== undefined && steps.has(own.step)) steps.set(own.step, path);
  return {
    steps,
    async resolve({ quantization, projectorPath }) {
      const wanted = readAsked(quantization) ?? asked;
      const modelPath = chooseSibling(path, siblings, wanted);
      const found = own?.projector ? undefined : await findProjector(modelPath, []);
      const projector = projectorPath === undefined ? found : resolve(projectorPath);
      const name = basename(modelPath).replace(/\.gguf$/i, '');
      return describeFiles(name, modelPath, readModelName(modelPath)?.quantization, projector);
    },
  };
}

/** The file that the path means, or the sibling of it that is wanted. */
function chooseSibling(path: string, siblings: ModelGroup, wanted: Asked): string {
  const own = readModelName(path);
  if (wanted === undefined || wanted.quantization === own?.quantization) return path;
  const sibling = chooseFile(siblings, wanted)?.path;
  if (sibling !== undefined) return sibling;
  throw missingSibling(
    path,
    wanted.quantization,
    siblings.map((file) => file.path),
  );
}

/** The model that a name means, if several lie there: the first one that has what is asked for, else the first one. */
function chooseGroup(groups: readonly ModelGroup[], asked: Pick<WrittenQuantization, 'step'> | undefined): ModelGroup {
  return groups.find((group) => group.some(({ step }) => step === asked?.step)) ?? groups[0] ?? [];
}

/** The file of the asked step; if none is asked for the preferred one, or the best if none of these is there. */
function chooseFile(group: ModelGroup, asked: Asked): FoundFile | undefined {
  const files = chooseFiles(group, asked);
  const step = asked?.step ?? PREFERRED_STEPS.find((each) => files.has(each)) ?? [...files.keys()][0];
  return step && files.get(step);
}

function listPaths(group: ModelGroup, preferred: Partial<WrittenQuantization> | undefined) {
  return new Map([...chooseFiles(group, preferred)].map(([step, { path }]) => [step, path] as const));
}

function describeFiles(
  name: string,
  modelPath: string,
  quantization: string | undefined,
  projectorPath: string | undefined,
): ResolvedModel {
  return {
    name,
    modelPath,
    ...(projectorPath !== undefined && { projectorPath }),
    ...(quantization !== undefined && { quantization }),
  };
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

function readAsked(given: string | undefined): Asked {
  if (given === undefined) return undefined;
  const quantization = normalizeQuantization(given);
  if (quantization) return quantization;
  const message = `Expected \`quantization\` to be one such as Q4_0, Q4_K_M or Q5_K_M, got ${describe(given)}.`;
  throw new MemoryGuardError('ERR_UNKNOWN_QUANTIZATION', message);
}
