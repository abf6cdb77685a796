// Estimates of projectors against what the engine measures, for every type that it loads.
//   npm run compile && node bench/footprint/projector-mirror.mjs
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { computeEncoders } from '../../lib/footprint/encoders.js';
import { readGguf } from '../../lib/gguf/read-gguf.js';
import { EngineQuestions } from '../../tools/engine-question.mjs';
import { readProjectorRecipes, writeProjectorRecipe } from '../../tools/projector-file.mjs';

const FIXTURE = new URL('../../test/fixtures/projectors.jsonl', import.meta.url);
const MiB = 2 ** 20;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-mirror-'));
const questions = new EngineQuestions();
try {
  printLine('projector', 'engine computes in', 'estimate', 'off', 'notes');
  printLine(...new Array(5).fill('---'));
  for (const recipe of readProjectorRecipes(FIXTURE.pathname)) {
    const file = path.join(folder, 'mmproj.gguf');
    const { tensorBytes } = writeProjectorRecipe(file, recipe);
    const { bytes } = await questions.askProjector(file);
    // The engine tells one sum, and its weights are as long as the file's.
    const engine = (bytes ?? Number.NaN) - tensorBytes;
    printLine(recipe.name, formatMiB(engine), ...(await estimate(file, engine)));
  }
} finally {
  await questions.close();
  fs.rmSync(folder, { recursive: true });
}

/** @param {string} file @param {number} engine @returns {Promise<string[]>} cells */
async function estimate(file, engine) {
  try {
    const { buffers, notes } = computeEncoders(await readGguf(file), 1);
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.bytes, 0);
    return [formatMiB(bytes), `${((bytes / engine - 1) * 100).toFixed(1)} %`, notes.join('; ')];
  } catch (error) {
    return ['', '', String(error)];
  }
}

/** @param {...string} cells */
function printLine(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

/** @param {number} bytes */
function formatMiB(bytes) {
  return `${(bytes / MiB).toFixed(2)} MiB`;
}
