/** The models of this bench, real and imagined, and how often they are asked. It measures nothing. */
import path from 'node:path';
import { MiB } from 'nexa-memory-guard';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';

/** Of one layer each, so that their size is that of their vocabulary, and an answer takes no time. */
const SHAPE = { hidden: 512, layers: 1, heads: 8, kvHeads: 8, ffn: 512, quantization: /** @type {const} */ ('F32') };
const BYTES_PER_TOKEN = 2 * 512 * 4;

/** Weights of the six real models, in MiB. */
export const REAL_MIB = [50, 100, 150, 200, 300, 400];

/** Three of them fit, or so. */
export const LIMIT_BYTES = 1000 * MiB;
export const OPTIONS = { minFreeBytes: 32 * MiB, minFreeRatioAfterLoad: 0, minResidencyMs: 2000, reload: true };
export const LOAD = { contextSize: 512 };

export const REAL_REQUESTS = 60;
/** Real requests come so many times faster than those of the imagined traces. */
export const REAL_HASTE = 20;
export const REAL_SEED = 3;

/** @param {string} folder @returns {string[]} */
export function writeModels(folder) {
  return REAL_MIB.map((mib) => {
    const file = path.join(folder, `model-${mib}.gguf`);
    const vocab = Math.round((mib * MiB) / BYTES_PER_TOKEN / 256) * 256;
    writeLanguageModel(file, { ...SHAPE, vocab, random: false });
    return file;
  });
}
