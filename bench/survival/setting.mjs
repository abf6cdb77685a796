/** The numbers of the survival run, for all of its processes. It acts on nothing. */
import path from 'node:path';
import { MiB } from 'nexa-memory-guard';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';

export const LIMIT_BYTES = 1024 * MiB;

/** Small, so that nearly all of the limit is there to be used. */
export const RESERVES = { minFreeBytes: 24 * MiB, minFreeRatioAfterLoad: 0 };

/** F32 is never repacked, so the file's length is what its weights take. One layer has 12.1 MiB. */
const SHAPE = { quantization: /** @type {const} */ ('F32'), hidden: 512, heads: 8, kvHeads: 8, ffn: 1408, vocab: 512 };
const LAYERS = { m50: 4, m110: 9, m210: 17, m390: 32 };

export const MODELS = /** @type {(keyof typeof LAYERS)[]} */ (Object.keys(LAYERS));
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
