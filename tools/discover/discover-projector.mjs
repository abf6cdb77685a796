/**
 * Finds out which keys and tensors the engine wants in a projector of each type: it writes a header, has the engine load it, and puts in what
 * the engine misses.
 *   node tools/discover/discover-projector.mjs FIXTURE [TYPE]...
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeProjectorRecipe } from '../projector-file.mjs';
import { ProjectorQuestions } from '../projector-question.mjs';
import { chooseProjectorType, findProjectorDims, PROJECTOR_SIZES } from './projector-dims.mjs';
import { PROJECTOR_PLANS } from './projector-plans.mjs';

/** @typedef {import('../gguf-file.mjs').Entry} Entry */
/** @typedef {import('../projector-file.mjs').ProjectorRecipe} ProjectorRecipe */
/** @typedef {import('./projector-plans.mjs').ProjectorPlan} ProjectorPlan */

const MOST_ASKS = 200;
const MEAN = [0.5, 0.5, 0.5];

/**
 * @param {ProjectorQuestions} questions @param {string} file that is written again and again @param {string} name @param {ProjectorPlan} plan
 * @returns {Promise<{ recipe: ProjectorRecipe, problem: string | undefined, asks: number }>}
 */
export async function discoverProjector(questions, file, name, plan) {
  const names = new Set(plan.tensors);
  const describe = () => ({
    name,
    keys: listKeys(name, plan),
    tensors: [...names].map((each) => describeTensor(each, plan)),
  });
  for (let asks = 1; asks <= MOST_ASKS; asks++) {
    const recipe = describe();
    writeProjectorRecipe(file, recipe);
    const { loaded, log } = await questions.load(file);
    if (loaded) return { recipe, problem: undefined, asks };
    const missing = /unable to find tensor (\S+)/.exec(log)?.[1];
    if (missing === undefined || names.has(missing)) return { recipe, problem: findReason(log), asks };
    names.add(missing);
  }
  return { recipe: describe(), problem: `it still misses some after ${MOST_ASKS} asks`, asks: MOST_ASKS };
}

/** @param {string} name @param {ProjectorPlan} plan @returns {[string, number[], 'F16' | 'F32']} */
function describeTensor(name, { dims = {} }) {
  const own = [...(dims[name] ?? findProjectorDims(name))];
  return [name, own, chooseProjectorType(name, own)];
}

/** @param {string} name @param {ProjectorPlan} plan @returns {Entry[]} */
function listKeys(name, { kind, keys = {} }) {
  const { width, ffn, layers, heads, text, image, patch, mels } = PROJECTOR_SIZES;
  /** @type {Record<string, [import('../gguf-file.mjs').ValueType, unknown]>} */
  const own = {
    embedding_length: ['u32', width],
    feed_forward_length: ['u32', ffn],
    block_count: ['u32', layers],
    'attention.head_count': ['u32', heads],
    'attention.layer_norm_epsilon': ['f32', 1e-6],
    projection_dim: ['u32', text],
    ...(kind === 'audio' ? { num_mel_bins: ['u32', mels] } : {}),
    ...(kind === 'vision' ? { image_size: ['u32', image], patch_size: ['u32', patch] } : {}),
    ...(kind === 'vision' ? { image_mean: ['f32s', MEAN], image_std: ['f32s', MEAN] } : {}),
    ...keys,
  };
  return [
    ['general.architecture', 'text', 'clip'],
    ['general.type', 'text', 'mmproj'],
    ['general.file_type', 'u32', 1],
    [`clip.has_${kind}_encoder`, 'bool', true],
    ['clip.projector_type', 'text', name.split(' ')[0]],
    ['clip.use_gelu', 'bool', true],
    ...Object.entries(own).map(([key, [type, value]]) => /** @type {Entry} */ ([`clip.${kind}.${key}`, type, value])),
  ];
}

/** @param {string} log */
function findReason(log) {
  const lines = log
    .split('\n')
    .filter((line) => /Key not found|ASSERT|mismatch|error: |Error: |process ended/.test(line));
  return lines.map((line) => line.trim().slice(0, 160)).join('; ') || log.trim().slice(-200);
}

const [, script, target, ...types] = process.argv;
if (target && script && import.meta.url === pathToFileURL(script).href) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-discover-'));
  const questions = new ProjectorQuestions(PROJECTOR_SIZES.text);
  const lines = [];
  const startMs = performance.now();
  try {
    for (const name of types.length > 0 ? types : Object.keys(PROJECTOR_PLANS)) {
      const plan = PROJECTOR_PLANS[name];
      if (!plan) throw new Error(`No plan for ${name}`);
      const file = path.join(folder, 'mmproj.gguf');
      const { recipe, problem, asks } = await discoverProjector(questions, file, name, plan);
      console.log(`${name}: ${problem ?? 'loaded'} (${asks} asks)`);
      if (problem === undefined) lines.push(JSON.stringify(recipe));
    }
  } finally {
    await questions.close();
    fs.rmSync(folder, { recursive: true });
  }
  fs.writeFileSync(target, lines.map((line) => `${line}\n`).join(''));
  console.log(`${lines.length} projectors in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}
