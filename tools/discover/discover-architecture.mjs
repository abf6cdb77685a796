/**
 * Finds out which keys and tensors the engine wants in a file of an architecture: it writes a header, has the engine open it, and puts in
 * what the engine complains about, until the engine lays a context out.
 *   node tools/discover/discover-architecture.mjs FIXTURE [NAME]...
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeRecipe } from '../architecture-file.mjs';
import { EngineQuestions } from '../engine-question.mjs';
import { PLANS } from './architecture-plans.mjs';
import { DraftHeader } from './draft-header.mjs';
import { findReason, readComplaint } from './engine-complaint.mjs';

/** @typedef {import('../architecture-file.mjs').Recipe} Recipe */
/** @typedef {import('./draft-header.mjs').Plan} Plan */
/** @typedef {{ recipe: Recipe, problem: string | undefined, asks: number }} Discovered */

/** A model of 30 layers, each with shapes of its own, takes 200. */
const MOST_ASKS = 600;
const CONTEXT = { n_ctx: 512, n_batch: 512, n_ubatch: 512 };

/**
 * @param {EngineQuestions} questions @param {string} file that is written again and again @param {string} name @param {Plan} plan
 * @returns {Promise<Discovered>} with the reason if the engine still doesn't open the last header
 */
export async function discoverArchitecture(questions, file, name, plan) {
  const draft = new DraftHeader(name, plan);
  for (let asks = 1; asks <= MOST_ASKS; asks++) {
    const recipe = draft.toRecipe();
    writeRecipe(file, recipe);
    const answer = await questions.askModel(file, [CONTEXT]);
    if (answer.opened) {
      const [laid] = answer.contexts;
      return { recipe, problem: laid?.buffers ? undefined : `no context: ${findReason(laid?.log ?? '')}`, asks };
    }
    const complaint = readComplaint(answer.log);
    if (!repair(draft, complaint)) return { recipe, problem: describe(complaint, answer.log), asks };
  }
  return { recipe: draft.toRecipe(), problem: `it still complains after ${MOST_ASKS} asks`, asks: MOST_ASKS };
}

/** @param {DraftHeader} draft @param {import('./engine-complaint.mjs').Complaint} complaint */
function repair(draft, complaint) {
  switch (complaint.kind) {
    case 'key':
      return draft.addKey(complaint.key);
    case 'keyType':
      return draft.changeType(complaint.key, complaint.expected);
    case 'arrayLength':
      return draft.changeLength(complaint.key, complaint.expected);
    case 'tensor':
      return draft.addTensor(complaint.name);
    case 'shape':
      return draft.shapeTensor(complaint.name, complaint.dims);
    case 'tensorType':
      return draft.widenTensor(complaint.name);
    case 'unusedTensors':
      return draft.dropUnused(complaint.used);
    case 'experts':
      return draft.addExperts();
    default:
      return false;
  }
}

/** @param {import('./engine-complaint.mjs').Complaint} complaint @param {string} log */
function describe(complaint, log) {
  return complaint.kind === 'other' ? complaint.text : findReason(log);
}

const [, script, target, ...names] = process.argv;
if (target && script && import.meta.url === pathToFileURL(script).href) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-discover-'));
  const questions = new EngineQuestions();
  const lines = [];
  const startMs = performance.now();
  try {
    for (const name of names.length > 0 ? names : Object.keys(PLANS)) {
      const file = path.join(folder, 'model.gguf');
      const { recipe, problem, asks } = await discoverArchitecture(questions, file, name, PLANS[name] ?? {});
      console.log(`${name}: ${problem ?? 'opened'} (${asks} asks)`);
      if (problem === undefined) lines.push(JSON.stringify(recipe));
    }
  } finally {
    await questions.close();
    fs.rmSync(folder, { recursive: true });
  }
  fs.writeFileSync(target, lines.map((line) => `${line}\n`).join(''));
  console.log(`${lines.length} architectures in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}
