/** Writes what was found out about a type of projector as a sparse GGUF file. It finds nothing out. */
import fs from 'node:fs';
import { writeGgufFile } from './gguf-file.mjs';

/** @typedef {import('./gguf-file.mjs').Entry} Entry */
/** @typedef {{ name: string, keys: Entry[], tensors: [name: string, dims: number[], type: 'F16' | 'F32'][] }} ProjectorRecipe */

/** @param {string} file @param {ProjectorRecipe} recipe */
export function writeProjectorRecipe(file, { keys, tensors }) {
  return writeGgufFile(
    file,
    keys,
    tensors.map(([name, dims, type]) => ({ name, dims, type })),
  );
}

/** Reads recipes, one a line. @param {string} file @returns {ProjectorRecipe[]} */
export function readProjectorRecipes(file) {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}
