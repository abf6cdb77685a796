// Qwen2-Audio 7B in its full shape, sparse: each takes 5 to 15 minutes, and 40 to hear.
import path from 'node:path';
import { fullLanguage, fullProjector, writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { LLAMA_NODE } from './case-defaults.mjs';
import { writeMedia } from './media.mjs';

/** Exactly one micro-batch: the engine decodes 512 tokens at once, and at 7B each takes it 0.6 to 1.3 s. */
const FULL_TOKENS = 512;

/** @typedef {import('../../tools/synthetic-model.mjs').Quantization} Quantization */

/** @type {readonly import('./cases.mjs').Case[]} */
export const FULL_CASES = [
  .../** @type {const} */ (['Q4_0', 'Q4_K_M', 'Q5_K_M']).flatMap((quantization) =>
    [2048, 4096].map((contextSize) =>
      createCase(`Qwen2-Audio 7B ${quantization}, ${contextSize}`, quantization, contextSize, FULL_TOKENS),
    ),
  ),
  createCase('Qwen2-Audio 7B hearing 30 s, Q4_0, 2048', 'Q4_0', 2048, 1, 30),
];

/** @param {string} name @param {Quantization} quantization @param {number} contextSize @param {number} tokens @param {number} [seconds] to hear @returns {import('./cases.mjs').Case} */
function createCase(name, quantization, contextSize, tokens, seconds) {
  return {
    name,
    run: { contextSize, ...(seconds !== undefined && { audioSeconds: seconds }) },
    use: { kind: 'decode', tokens },
    engines: LLAMA_NODE,
    full: true,
    write(folder) {
      const [model, projector] = [path.join(folder, 'model.gguf'), path.join(folder, 'mmproj.gguf')];
      writeLanguageModel(model, { ...fullLanguage, quantization });
      writeAudioProjector(projector, fullProjector);
      return { model, projector, ...(seconds !== undefined && { media: writeMedia(folder, { seconds }) }) };
    },
  };
}
