// The shapes of bench/footprint/footprint.mjs: what is loaded, how, and what is done with it. It loads nothing and knows nothing of this package.
import { ARCHITECTURE_CASES } from './architecture-cases.mjs';
import { FULL_CASES } from './full-cases.mjs';
import { KNOWN_CASES } from './known-cases.mjs';
import { OPTION_CASES } from './option-cases.mjs';
import { PROJECTOR_CASES } from './projector-cases.mjs';
import { WEIGHT_CASES } from './weight-cases.mjs';

/** Options of `estimateFootprint`, without paths. @typedef {Omit<import('nexa-memory-guard').EstimateFootprintOptions, 'modelPath' | 'projectorPath' | 'draftPath' | 'engine' | 'loraPaths'> & { contextSize: number }} Run */
/** @typedef {'@fugood/llama.node' | 'node-llama-cpp'} EngineName */
/** Paths. @typedef {{ model: string, projector?: string, lora?: string, draft?: string, media?: string }} Files */
/**
 * What is done with the model once it is loaded. With `turns` each prompt begins with the one before and has as many tokens more; `predict` tokens are
 * answered, whatever they are. `speculative` has the model guess its next tokens. `flashAttentionFalse` says so in a way that the engine does not hear.
 * @typedef {{ kind: 'decode' | 'embed' | 'nothing', tokens: number, turns?: number, predict?: number, speculative?: boolean, flashAttentionFalse?: boolean }} Use
 */
/**
 * @typedef {object} Case
 * @property {string} name
 * @property {Run} run
 * @property {Use} use
 * @property {readonly EngineName[]} engines that can do that
 * @property {boolean} [full] of the 7B shape: it takes minutes
 * @property {(folder: string) => Files} write
 */

/** @type {readonly Case[]} */
export const CASES = [
  ...KNOWN_CASES,
  ...ARCHITECTURE_CASES,
  ...WEIGHT_CASES,
  ...OPTION_CASES,
  ...PROJECTOR_CASES,
  ...FULL_CASES,
];
