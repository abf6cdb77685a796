// Writes the files of a shape from what is known of its architecture. It loads nothing.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { listRecipeTensors, readRecipes, resizeVocabulary, writeRecipe } from '../../tools/architecture-file.mjs';
import { BLOCKS } from '../../tools/gguf-file.mjs';
import { writeLora } from '../../tools/lora-file.mjs';

/** @typedef {import('../../tools/architecture-file.mjs').Recipe} Recipe */
/** @typedef {import('../../tools/gguf-file.mjs').TensorType} TensorType */

const FIXTURE = fileURLToPath(new URL('../../test/fixtures/architectures.jsonl', import.meta.url));
/** @type {Map<string, Recipe>} */
const recipes = new Map(readRecipes(FIXTURE).map((recipe) => [recipe.name, recipe]));

/** @param {string} name */
export function findRecipe(name) {
  const recipe = recipes.get(name);
  if (!recipe) throw new Error(`No architecture is called ${name}.`);
  return recipe;
}

/**
 * `type` is that of all matrices, `vocab` the number of tokens; with a `rank` there is an adapter beside it. `dims` are
 * those of tensors that the engine looks at only sometimes, which the recipe has as single numbers.
 * @param {string} name @param {{ vocab?: number, type?: TensorType, rank?: number, dims?: Record<string, number[]> }} [changes]
 * @returns {(folder: string, file?: string) => import('./cases.mjs').Files}
 */
export function writeShape(name, { vocab, type, rank, dims = {} } = {}) {
  return (folder, file = 'model.gguf') => {
    const model = path.join(folder, file);
    const whole = vocab === undefined ? findRecipe(name) : resizeVocabulary(findRecipe(name), vocab);
    const typed = type === undefined ? whole : changeTypes(whole, type);
    /** @type {Recipe['tensors']} */
    const tensors = typed.tensors.map(([name, own, ...rest]) => [name, dims[name] ?? own, ...rest]);
    const recipe = { ...typed, tensors };
    writeRecipe(model, recipe);
    if (rank === undefined) return { model };
    const lora = path.join(folder, 'lora.gguf');
    writeLora(lora, recipe.architecture, listRecipeTensors(recipe), rank);
    return { model, lora };
  };
}

/** Rows that do not fill blocks of the type get another one, as they do when a model is quantized. @param {Recipe} recipe @param {TensorType} type @returns {Recipe} */
function changeTypes(recipe, type) {
  const { weights } = BLOCKS[type];
  /** @type {Recipe['tensors']} */
  const tensors = recipe.tensors.map(([name, dims, own, ...rest]) => {
    const fitting = (dims[0] ?? 0) % weights === 0 ? type : 'Q8_0';
    return [name, dims, own === 'F32' ? own : fitting, ...rest];
  });
  return { ...recipe, tensors };
}
