/** The numbers of the survival run, for all of its processes. It acts on nothing. */
import path from 'node:path';
import { MiB } from 'nexa-memory-guard';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';

/** Small, so that nearly all of the limit is there to be used. */
export const RESERVES = { minFreeBytes: 24 * MiB, minFreeRatioAfterLoad: 0 };

/**
 * What the processes of a row do beside loading, and with which options they are guarded.
 *
 * @typedef {object} Situation
 * @property {number} limitBytes of the group
 * @property {import('nexa-memory-guard').GuardOptions} options
 * @property {number} reserveBytes what these options keep free; the packer keeps it, too
 * @property {boolean} disturbed whether another program beside them takes memory and returns it
 * @property {boolean} learns whether the models were seen before
 * @property {number} heapMostBytes up to which each process's own heap grows and shrinks
 * @property {number} givenShare of a model's truth that is given as its footprint; 0: it is estimated
 * @property {'engine' | 'buffers'} sdk whose models lie in native memory, or in buffers of JavaScript
 * @property {number} loadMs for which a load of buffers takes its memory bit by bit
 */

const OLD = {
  limitBytes: 1024 * MiB,
  options: RESERVES,
  reserveBytes: RESERVES.minFreeBytes,
  disturbed: true,
  learns: true,
  heapMostBytes: 0,
  givenShare: 0,
  sdk: /** @type {const} */ ('engine'),
  loadMs: 0,
};
/** Default options: 512 MiB stay free, and a quarter of the limit. */
const NEW = { ...OLD, limitBytes: 4096 * MiB, options: {}, reserveBytes: 1024 * MiB, disturbed: false, learns: false };

/** @type {Record<string, Situation>} */
export const SITUATIONS = {
  'small reserve': OLD,
  'own heaps': { ...NEW, heapMostBytes: 120 * MiB },
  'takes 30 % more': { ...NEW, givenShare: 1 / 1.3 },
  'many processes': NEW,
  'loads of 20 s': { ...NEW, sdk: 'buffers', loadMs: 20_000 },
  'JavaScript buffers': { ...NEW, sdk: 'buffers' },
};

/** The situations beside the first, each with so many processes. */
export const PROCESSES = {
  'own heaps': 4,
  'takes 30 % more': 4,
  'many processes': 16,
  'loads of 20 s': 6,
  'JavaScript buffers': 6,
};

/** F32 is never repacked, so the file's length is what its weights take. One layer has 12.1 MiB. */
const SHAPE = { quantization: /** @type {const} */ ('F32'), hidden: 512, heads: 8, kvHeads: 8, ffn: 1408, vocab: 512 };
const LAYERS = { m50: 4, m110: 9, m210: 17, m390: 32 };

export const MODELS = /** @type {(keyof typeof LAYERS)[]} */ (Object.keys(LAYERS));
/** The same sizes, for models that are buffers. */
export const MODEL_BYTES = { m50: 50 * MiB, m110: 110 * MiB, m210: 210 * MiB, m390: 390 * MiB };
/** @param {import('./packer.mjs').Holder} holder whose model is buffers */
export function findBuffersTruth({ model }) {
  return { mappedBytes: 0, anonymousBytes: MODEL_BYTES[/** @type {keyof typeof MODEL_BYTES} */ (model)] };
}
/** Where the parent writes what each model truly takes. */
export const TRUTHS_FILE = 'truths.json';
export const LOAD = { contextSize: 256, microBatchSize: 8, batchSize: 64 };

/** More tokens than a micro-batch: the compute buffers are touched to their end. */
export const PROMPT = 'a '.repeat(10);

/** The disturber goes up and down by these steps. The processes' own heaps move too. */
export const DISTURBER = { mostBytes: 128 * MiB, stepBytes: 8 * MiB, everyMs: 250 };

/** @typedef {'unguarded' | 'availableMemory' | 'freemem' | 'guarded' | 'guarded 25 %'} Mode */
/** @type {readonly Mode[]} */
export const MODES = ['unguarded', 'availableMemory', 'freemem', 'guarded', 'guarded 25 %'];

/** @param {string} folder @param {string} model */
export function getModelFile(folder, model) {
  return path.join(folder, `${model}.gguf`);
}

/** Sparse files: they take no disk, and their pages take memory as any others. @param {string} folder */
export function writeModels(folder) {
  for (const model of MODELS)
    writeLanguageModel(getModelFile(folder, model), { ...SHAPE, layers: LAYERS[model], context: 2048 });
}
