/** The numbers of this bench, and the models that it loads. It measures nothing. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { MiB } from 'nexa-memory-guard';
import { fullLanguage, fullProjector, writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';

/** So small that they refuse nothing on the machine of a developer. */
export const RESERVES = { minFreeBytes: 64 * MiB, minFreeRatioAfterLoad: 0 };

export const GOALS = {
  delayMs: 20,
  abortMs: 100,
  firstTokenMs: 5,
  lossPercent: 2,
  startMs: 150,
};

/** Tokens of one answer: a 7B model writes one or two in a second on two cores. */
export const FULL_TOKENS = 5;
export const TINY_TOKENS = 512;

/** As in tools/synthetic-model.mjs, but with the vocabulary of Qwen2. */
const WIDE = {
  hidden: 64,
  layers: 1,
  heads: 2,
  kvHeads: 2,
  ffn: 128,
  vocab: 152_064,
  quantization: /** @type {const} */ ('F32'),
};

/**
 * All but the tiny one are sparse: they take no disk, and their pages take memory as any others.
 * @param {string} folder
 */
export function writeModels(folder) {
  // A projector beside a model is loaded with it.
  const whole = path.join(folder, 'whole');
  mkdirSync(whole);
  const files = {
    full: path.join(whole, 'qwen2audio-Q4_K_M.gguf'),
    projector: path.join(whole, 'mmproj-qwen2audio.gguf'),
    tiny: path.join(folder, 'tiny.gguf'),
    wide: path.join(folder, 'wide.gguf'),
    narrow: path.join(folder, 'narrow.gguf'),
  };
  writeLanguageModel(files.full, { ...fullLanguage, quantization: 'Q4_K_M' });
  writeAudioProjector(files.projector, fullProjector);
  writeLanguageModel(files.tiny, { quantization: 'F32' });
  writeLanguageModel(files.wide, { ...WIDE, random: false });
  writeLanguageModel(files.narrow, { ...WIDE, vocab: 512, random: false });
  return files;
}
