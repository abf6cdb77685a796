/** The demo's models: which files there are and what each of them needs. */
import { mkdtempSync, statSync } from 'node:fs';
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
/** @typedef {{ layers: number, hidden: number, vocab: number }} Shape */

/**
 * @typedef {object} Files
 * @property {string} name what `loadModel` is asked for
 * @property {string} directory
 * @property {boolean} temporary
 * @property {Shape} shape
 * @property {Record<string, string>} models path by quantization; '' for a model without a ladder
 * @property {string} projector
 * @property {string} audio
 */

export const CONTEXT = 2048;
export const MICRO_BATCH = 512;

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

/** Bytes of the encoder's graph: what the engine says it allocates for the full projector; small ones stay below it. */
const ENCODER_BYTES = 52 * 2 ** 20;

/** The runtime's own: its threads and tables, and what it keeps for each word of the vocabulary (54 MiB measured for 128,000). */
const BASE_BYTES = 16 * 2 ** 20;
const WORD_BYTES = 320;

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
  return { name: 'qwen2audio', directory, temporary: true, shape, models, projector, audio };
}

/** The user's own files, which are taken for Qwen2-Audio 7B. @param {string} model @param {string} projector @param {string} audio @returns {Files} */
export function ownFiles(model, projector, audio) {
  return {
    name: model,
    directory: path.dirname(model),
    temporary: false,
    shape: fullLanguage,
    models: { '': model },
    projector,
    audio,
  };
}

/**
 * File lengths + KV cache (K and V, two bytes each) + compute (logits and two activations of a micro-batch) + encoder +
 * the runtime's own.
 * The model's file is mapped, the rest is anonymous.
 * @param {Files} files @param {string | undefined} quantization
 */
export function footprintOf({ models, projector, shape }, quantization = '') {
  const { layers, hidden, vocab } = shape;
  const kvCacheBytes = 2 * 2 * layers * CONTEXT * hidden;
  const computeBytes = 4 * MICRO_BATCH * (vocab + 2 * hidden);
  return {
    mappedBytes: statSync(/** @type {string} */ (models[quantization])).size,
    anonymousBytes:
      kvCacheBytes + computeBytes + statSync(projector).size + ENCODER_BYTES + BASE_BYTES + WORD_BYTES * vocab,
  };
}
