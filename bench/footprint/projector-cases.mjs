// The projectors that an engine loads, each beside a small language model.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readProjectorRecipes, writeProjectorRecipe } from '../../tools/projector-file.mjs';
import { LLAMA_NODE, TOKENS } from './case-defaults.mjs';
import { writeMedia } from './media.mjs';
import { writeShape } from './recipes.mjs';

const FIXTURE = fileURLToPath(new URL('../../test/fixtures/projectors.jsonl', import.meta.url));
const projectors = new Map(readProjectorRecipes(FIXTURE).map((recipe) => [recipe.name, recipe]));

/** `node-llama-cpp` loads none. @type {readonly import('./cases.mjs').Case[]} */
export const PROJECTOR_CASES = [...projectors.keys()].map((name) => ({
  name: `the projector ${name}`,
  // They are given texts.
  run: { contextSize: 4096, maxImagePixels: 1 },
  use: { kind: /** @type {const} */ ('decode'), tokens: TOKENS },
  engines: LLAMA_NODE,
  write: writeWithProjector('qwen2', name),
}));

/**
 * @param {string} architecture @param {string} name of the projector @param {import('./media.mjs').Media} [media]
 * @returns {(folder: string) => import('./cases.mjs').Files}
 */
export function writeWithProjector(architecture, name, media) {
  return (folder) => {
    const recipe = projectors.get(name);
    if (!recipe) throw new Error(`No projector is called ${name}.`);
    const projector = path.join(folder, 'mmproj.gguf');
    writeProjectorRecipe(projector, recipe);
    return { ...writeShape(architecture)(folder), projector, ...(media && { media: writeMedia(folder, media) }) };
  };
}
