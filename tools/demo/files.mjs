/** The demo's models: which files there are. What they need, the guard finds out. */
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  fullLanguage,
  fullProjector,
  writeAudioProjector,
  writeLanguageModel,
  writeTone,
} from '../synthetic-model.mjs';

/** @typedef {import('nexa-memory-guard').Quantization} Quantization */

/**
 * @typedef {object} Files
 * @property {string} name what `loadModel` is asked for
 * @property {string} directory
 * @property {boolean} temporary
 * @property {Record<string, string>} models path by quantization; empty for the user's own file
 * @property {string} projector
 * @property {string} audio
 */

/** Small enough for a laptop, large enough for a chunk of audio (750 tokens). */
export const CONTEXT = 2048;

/** A wide vocabulary makes the file large and listening quick: most of its weights are looked up, not multiplied. */
const SMALL = { hidden: 512, layers: 2, heads: 8, kvHeads: 8, ffn: 1024, vocab: 128_000, context: 4096 };
const SMALL_PROJECTOR = {
  width: 128,
  layers: 2,
  heads: 4,
  ffn: 256,
  projection: 512,
  type: /** @type {const} */ ('F32'),
};

/** @param {boolean} full @returns {Promise<Files>} */
export async function makeFiles(full) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'nexa-memory-guard-demo-'));
  const shape = full ? fullLanguage : SMALL;
  /** @type {Record<string, string>} */
  const models = {};
  for (const quantization of /** @type {Quantization[]} */ (['Q5_K_M', 'Q4_K_M', 'Q4_0'])) {
    const file = path.join(directory, `qwen2audio-${quantization}.gguf`);
    writeLanguageModel(file, { ...shape, quantization, random: !full });
    models[quantization] = file;
  }
  const projector = path.join(directory, 'mmproj-qwen2audio.gguf');
  writeAudioProjector(projector, full ? fullProjector : { ...SMALL_PROJECTOR, random: true });
  const audio = path.join(directory, 'tone.wav');
  writeTone(audio, 1);
  return { name: 'qwen2audio', directory, temporary: true, models, projector, audio };
}

/** The user's own files. @param {string} model @param {string} projector @param {string} audio @returns {Files} */
export function describeOwnFiles(model, projector, audio) {
  return {
    name: model,
    directory: path.dirname(model),
    temporary: false,
    models: {},
    projector,
    audio,
  };
}
