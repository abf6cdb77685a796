// Writes the files of a shape from what is known of its architecture. It loads nothing.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { listRecipeTensors, readRecipes, resizeVocabulary, writeRecipe } from '../../tools/architecture-file.mjs';
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
 * `type` is that of all matrices, `vocab` the number of tokens; with a `rank` there is an adapter beside it.
 * @param {string} name @param {{ vocab?: number, type?: TensorType, rank?: number }} [changes]
 * @returns {(folder: string, file?: string) => import('./cases.mjs').Files}
 */
export function writeShape(name, { vocab, type, rank } = {}) {
  return (folder, file = 'model.gguf') => {
    const model = path.join(folder, file);
    const whole = vocab === undefined ? findRecipe(name) : resizeVocabulary(findRecipe(name), vocab);
    const recipe = type === undefined ? whole : changeTypes(whole, type);
    writeRecipe(model, recipe);
    if (rank === undefined) return { model };
    const lora = path.join(folder, 'lora.gguf');
    writeLora(lora, recipe.architecture, listRecipeTensors(recipe), rank);
    return { model, lora };
  };
}

/** @param {Recipe} recipe @param {TensorType} type @returns {Recipe} */
function changeTypes(recipe, type) {
  /** @type {Recipe['tensors']} */
  const tensors = recipe.tensors.map(([name, dims, own, ...rest]) => [name, dims, own === 'F32' ? own : type, ...rest]);
  return { ...recipe, tensors };
}
