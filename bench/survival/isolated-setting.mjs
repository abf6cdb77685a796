/** The numbers of the rows whose models may live in processes of their own, and what goes wrong in them. It acts on nothing. */
import path from 'node:path';
import { MiB } from 'nexa-memory-guard';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { LOAD as LOAD_OF_ALL, MODELS, RESERVES } from './setting.mjs';

/**
 * What goes wrong in a row.
 *
 * @typedef {object} Fault
 * @property {number} moreShare of its promise that each model takes beside that
 * @property {number} crashShare of all loads and all answers in which the engine crashes
 */

/** @type {Record<string, Fault>} */
export const FAULTS = {
  'takes what was promised': { moreShare: 0, crashShare: 0 },
  'takes 30 % more than was promised': { moreShare: 0.3, crashShare: 0 },
  'takes 100 % more than was promised': { moreShare: 1, crashShare: 0 },
  'crashes in one of ten': { moreShare: 0, crashShare: 0.1 },
};

/** @typedef {'isolated' | 'isolated, no walls' | 'guarded' | 'unguarded'} Keeper */
/** @type {readonly Keeper[]} */
export const KEEPERS = ['isolated', 'isolated, no walls', 'guarded', 'unguarded'];

/** Without walls it is asked where they matter most. @param {string} fault */
export function listKeepers(fault) {
  return KEEPERS.filter((keeper) => keeper !== 'isolated, no walls' || FAULTS[fault]?.moreShare === 1);
}

/** As many programs, each with up to so many models. */
export const PROGRAMS = 4;
export const MOST_MODELS = 6;
export const LIMIT_BYTES = 1024 * MiB;
/** How the name of the limited group ends. Groups that end otherwise are walls of models. */
export const GROUP_ENDING = '-survival';
/** One thread: many engines that each wait for a second one by spinning keep each other from computing. */
export const LOAD = { ...LOAD_OF_ALL, threads: 1 };
/** More tokens than a micro-batch. */
export const PROMPT = 'a '.repeat(5);
export { RESERVES };

/**
 * Each model comes in three sizes, so that there is a smaller one to go down to. All are F32, which is the least work per byte, and have as many layers as
 * make them as large as their names say. One layer has 7.2 MB.
 */
const LADDER = /** @type {const} */ ({ Q5_K_M: 1, Q4_K_M: 0.86, Q4_0: 0.8 });
const SHAPE = { hidden: 384, heads: 6, kvHeads: 6, ffn: 1056, vocab: 512, context: 16_384, random: false };
const LAYERS = { m50: 7, m110: 16, m210: 30, m390: 56 };
/** Keys and values of a token in a layer, in F16. */
const TOKEN_BYTES = 2 * SHAPE.hidden * 2;
/** What a model takes beside its file, about: a process, the context, what it computes in. */
const BESIDE_BYTES = 24 * MiB;

/** @param {string} folder @param {string} model */
export function getLadderFile(folder, model, quantization = 'Q5_K_M') {
  return path.join(folder, `${model}-${quantization}.gguf`);
}

/** @param {string} folder */
export function writeLadders(folder) {
  for (const model of MODELS) {
    for (const [name, share] of Object.entries(LADDER)) {
      const shape = { ...SHAPE, quantization: /** @type {const} */ ('F32'), layers: Math.round(LAYERS[model] * share) };
      writeLanguageModel(getLadderFile(folder, model, name), shape);
    }
  }
}

/** Tokens of context by which a model takes so much more. @param {string} model @param {number} fileBytes @param {number} share */
export function countMoreTokens(model, fileBytes, share) {
  const layers = LAYERS[/** @type {keyof typeof LAYERS} */ (model)];
  return Math.round(((fileBytes + BESIDE_BYTES) * share) / (layers * TOKEN_BYTES));
}
