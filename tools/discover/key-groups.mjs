/** Keys of a plan that belong together, in the proportions of real models. It names no architecture. */

/** @typedef {import('./draft-header.mjs').Plan['keys']} Keys */

/** @type {Keys} */
export const EXPERTS = { expert_count: ['u32', 'experts'], expert_used_count: ['u32', 'expertsUsed'] };

/** Keys and values of all heads are compressed into one. @type {Keys} */
export const LATENT = {
  'attention.head_count_kv': ['u32', 1],
  'attention.key_length': ['u32', 160],
  'attention.value_length': ['u32', 128],
  'attention.key_length_mla': ['u32', 96],
  'attention.value_length_mla': ['u32', 64],
  'rope.dimension_count': ['u32', 32],
};

/** The second Mamba: heads of 64. @type {Keys} */
export const SCAN = {
  'ssm.inner_size': ['u32', 1024],
  'ssm.state_size': ['u32', 64],
  'ssm.time_step_rank': ['u32', 16],
  'ssm.group_count': ['u32', 1],
};

/** A gated delta net. @type {Keys} */
export const DELTA = {
  'ssm.inner_size': ['u32', 1024],
  'ssm.state_size': ['u32', 64],
  'ssm.time_step_rank': ['u32', 16],
  'ssm.group_count': ['u32', 4],
  'attention.key_length': ['u32', 128],
  'attention.value_length': ['u32', 128],
};

/** Positions of images have parts. @type {Keys} */
export const SECTIONS = { 'rope.dimension_sections': ['i32s', [8, 12, 12, 0]] };

/** @type {Keys} */
export const NO_HEADS = { 'attention.head_count': ['u32', 0], 'attention.head_count_kv': ['u32', 0] };

/** @type {Keys} */
export const WINDOW = { 'attention.sliding_window': ['u32', 'window'] };

/** @param {number} key @param {number} [value] @returns {Keys} */
export function lengthen(key, value = key) {
  return { 'attention.key_length': ['u32', key], 'attention.value_length': ['u32', value] };
}

/** @param {...number} values one for each layer @returns {['u32s', number[]]} */
export function listLayers(...values) {
  return ['u32s', values];
}

/** @param {number} layers @param {number} group of which the last layer doesn't slide @returns {['bools', boolean[]]} */
export function listSliding(layers, group) {
  return ['bools', Array.from({ length: layers }, (_, layer) => layer % group < group - 1)];
}
