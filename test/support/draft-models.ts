/** Small models whose last layer guesses tokens, as `bench/footprint/known-cases.mjs` has them. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readRecipes, writeRecipe } from '../../tools/architecture-file.mjs';

const FIXTURE = fileURLToPath(new URL('../fixtures/architectures.jsonl', import.meta.url));

/** What the fixture has as single numbers, since the engine looks at it only when it guesses. */
const DRAFT_DIMS: Readonly<Record<string, number[]>> = {
  'blk.*.nextn.eh_proj.weight': [1024, 512],
  'blk.*.nextn.enorm.weight': [512],
  'blk.*.nextn.hnorm.weight': [512],
};

/** Returns the path of a qwen35 of 512 wide: eight layers, six of which keep a state, and with `drafts` one that guesses. */
export function writeDraftModel(folder: string, { drafts = true } = {}): string {
  const name = drafts ? 'qwen35 with a draft layer' : 'qwen35';
  const recipe = readRecipes(FIXTURE).find((each) => each.name === name)!;
  const tensors = recipe.tensors.map(([tensor, dims, ...rest]) => [tensor, DRAFT_DIMS[tensor] ?? dims, ...rest]);
  const path = join(folder, `${name.replaceAll(' ', '-')}.gguf`);
  writeRecipe(path, { ...recipe, tensors: tensors as typeof recipe.tensors });
  return path;
}
