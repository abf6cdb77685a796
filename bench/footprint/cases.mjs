// The shapes of bench/footprint/footprint.mjs and how their files are written; it loads nothing and knows nothing of this package.

import { SMALL, writeModel } from '../../tools/architectures.mjs';
import { fullLanguage, fullProjector, writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';

/** More than a micro-batch, so that one is full. */
const TOKENS = 600;
/** Exactly one micro-batch: the engine decodes 512 tokens at once, and at 7B each takes it 0.6 to 1.3 s. */
const FULL_TOKENS = 512;
const MID = { hidden: 512, layers: 8, ffn: 1408, vocab: 32_000 };

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {boolean} full of the 7B shape
 * @property {boolean} [extra] so long that it runs only by its name
 * @property {number} tokens to decode, beside those of audio
 * @property {any} run options of the estimate
 * @property {boolean} hears 30 s of audio
 * @property {boolean} hasProjector
 * @property {(model: string, projector: string) => void} write
 */

/** @type {readonly Case[]} */
export const CASES = [
  ...Object.entries(SMALL).map(([architecture, small]) =>
    createSmallCase(architecture, { architecture, ...MID, ...small }, {}),
  ),
  createSmallCase('llama, no flash attention', { architecture: 'llama', ...MID }, { flashAttention: 'off' }),
  createSmallCase('llama, K q8_0 V q4_0', { architecture: 'llama', ...MID }, { kvCacheType: { k: 'q8_0', v: 'q4_0' } }),
  createSmallCase('llama, no mmap', { architecture: 'llama', ...MID }, { mmap: false }),
  createSmallCase('gemma3, 2 sequences', { architecture: 'gemma3', ...MID, ...SMALL['gemma3'] }, { sequences: 2 }),
  {
    name: 'qwen2 hearing 30 s',
    full: false,
    tokens: TOKENS,
    run: { contextSize: 4096 },
    hears: true,
    hasProjector: true,
    write(model, projector) {
      const language = { heads: 8, kvHeads: 8, ...MID, quantization: /** @type {const} */ ('Q4_0') };
      writeLanguageModel(model, language);
      const audio = { width: 512, layers: 8, heads: 8, ffn: 2048, projection: 512, random: false };
      writeAudioProjector(projector, { ...audio, type: 'F16' });
    },
  },
  ...['Q4_0', 'Q4_K_M', 'Q5_K_M'].flatMap((quantization) =>
    [2048, 4096].map((context) => createFullCase(quantization, context)),
  ),
  {
    ...createFullCase('Q4_0', 2048),
    name: 'Qwen2-Audio 7B hearing 30 s, Q4_0, 2048',
    extra: true,
    tokens: 1,
    hears: true,
  },
];

/** @param {string} name @param {any} shape @param {any} run @returns {Case} */
function createSmallCase(name, shape, run) {
  const write = (/** @type {string} */ model) => {
    writeModel(model, shape);
  };
  const own = { contextSize: 4096, ...run };
  return { name, full: false, tokens: TOKENS, run: own, hears: false, hasProjector: false, write };
}

/** @param {any} quantization @param {number} contextSize @returns {Case} */
function createFullCase(quantization, contextSize) {
  return {
    name: `Qwen2-Audio 7B ${quantization}, ${contextSize}`,
    full: true,
    tokens: FULL_TOKENS,
    run: { contextSize },
    hears: false,
    hasProjector: true,
    write(model, projector) {
      writeLanguageModel(model, { ...fullLanguage, quantization });
      writeAudioProjector(projector, fullProjector);
    },
  };
}
