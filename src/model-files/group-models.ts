/** Which files are one model in several quantizations, by names and places alone. It reads no folder. */
import { basename, dirname, join } from 'node:path';
import { LADDER, type LadderStep } from '../core/quantizations.ts';
import type { FoundFile } from './model-folders.ts';
import { type ModelName, NAMELESS_PATTERN, readModelName } from './model-name.ts';

/** One model: its files that name a quantization, in the order in which they were found. */
export type ModelGroup = readonly FoundFile[];

/**
 * The models among these files. Two files are one model if their names differ in the quantization alone and they lie in one
 * folder, or in folders of it that are named by a quantization: `Qwen3-0.6B` and `Qwen3-8B` are two models, and so are a model and
 * its draft. Models of the first folder come first, and of one folder the shortest name: a draft has a longer one than its model.
 */
export function groupModels(files: readonly FoundFile[]): readonly ModelGroup[] {
  const groups = new Map<string, FoundFile[]>();
  for (const file of files) {
    if (file.projector || file.step === undefined) continue;
    const key = file.declared ? dirname(file.path) : join(findModelFolder(file), file.pattern);
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  const roots = [...new Set(files.map(findModelFolder))];
  const rank = ([file]: ModelGroup) => roots.indexOf(findModelFolder(file!));
  return [...groups.values()].sort((a, b) => rank(a) - rank(b) || a[0]!.pattern.length - b[0]!.pattern.length);
}

/** The folder that holds all quantizations of a file's model: its own, or the one above if its own is named by the quantization. */
export function findModelFolder(file: Pick<FoundFile, 'path' | 'pattern' | 'step'>): string {
  const folder = dirname(file.path);
  const isOfStep = file.step !== undefined && readStepFolder(basename(folder), file) === file.step;
  return isOfStep ? dirname(folder) : folder;
}

/** The step that names a folder, alone (`BF16`) or after the model's name (`Qwen3-8B-Q8_0`). */
export function readStepFolder(folder: string, { pattern }: Pick<ModelName, 'pattern'>): LadderStep | undefined {
  const name = readModelName(`${folder}.gguf`);
  return name?.pattern === NAMELESS_PATTERN || name?.pattern === pattern ? name.step : undefined;
}

/** What is asked for, as a name writes it. */
type Preferred = Pick<ModelName, 'quantization'>;

/**
 * The file of each step of one model, best first. Of several with one step, `preferred` comes first, then what was made like it,
 * then what names the type itself and no recipe, then the shortest name.
 */
export function chooseFiles(
  group: ModelGroup,
  preferred?: Pick<ModelName, 'quantization'>,
): ReadonlyMap<LadderStep, FoundFile> {
  const liking = (file: FoundFile) => rankLiking(file, preferred);
  const better = (a: FoundFile, b: FoundFile) => liking(a) - liking(b) || a.path.length - b.path.length;
  const steps = LADDER.map((step) => [step, group.filter((file) => file.step === step).sort(better)[0]] as const);
  return new Map(steps.filter((each): each is [LadderStep, FoundFile] => each[1] !== undefined));
}

function rankLiking({ quantization = '', step }: FoundFile, preferred: Preferred | undefined): number {
  if (quantization === preferred?.quantization) return 0;
  const [mark, type] = splitMark(quantization);
  const [preferredMark] = splitMark(preferred?.quantization ?? '');
  return 1 + (mark === preferredMark ? 0 : 2) + (type === step ? 0 : 1);
}

/** `UD` and `Q4_K_XL` of `UD-Q4_K_XL`; no mark of a type or recipe alone. */
function splitMark(quantization: string): readonly [mark: string, type: string] {
  const end = quantization.lastIndexOf('-');
  return [quantization.slice(0, Math.max(0, end)), quantization.slice(end + 1)];
}
