// One shape in many types of weights, mapped and read: some builds copy some types into an arrangement of their own.
import { ENGINES, TOKENS } from './case-defaults.mjs';
import { writeShape } from './recipes.mjs';

/** @typedef {import('../../tools/gguf-file.mjs').TensorType} TensorType */

/** @type {readonly TensorType[]} */
const TYPES = [
  'F32',
  'F16',
  'BF16',
  'Q8_0',
  'Q6_K',
  'Q5_K',
  'Q5_0',
  'Q4_K',
  'Q4_1',
  'Q4_0',
  'Q3_K',
  'Q2_K',
  'IQ4_NL',
  'IQ4_XS',
];
const use = /** @type {const} */ ({ kind: 'decode', tokens: TOKENS });

/** @type {readonly import('./cases.mjs').Case[]} */
export const WEIGHT_CASES = [
  ...TYPES.map((type) => createCase(`qwen2 in ${type}`, 'qwen2', type, {})),
  .../** @type {const} */ (['Q8_0', 'Q4_K', 'Q4_0']).map((type) =>
    createCase(`qwen2 in ${type}, no mmap`, 'qwen2', type, { mmap: false }),
  ),
  createCase('gpt-oss in MXFP4', 'gpt-oss', 'MXFP4', {}),
  createCase('qwen3moe in Q4_K', 'qwen3moe', 'Q4_K', {}),
];

/** @param {string} name @param {string} architecture @param {TensorType} type @param {object} run @returns {import('./cases.mjs').Case} */
function createCase(name, architecture, type, run) {
  return { name, run: { contextSize: 4096, ...run }, use, engines: ENGINES, write: writeShape(architecture, { type }) };
}
