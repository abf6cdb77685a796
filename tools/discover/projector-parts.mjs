/** Parts that the plans of several types of projectors share. It names no type. */
import { PROJECTOR_SIZES } from './projector-dims.mjs';

/** @typedef {import('../gguf-file.mjs').ValueType} ValueType */

const { width, text, patches, layers } = PROJECTOR_SIZES;
export const MERGED = 4 * width;

/** @param {string} prefix @param {...string} parts @returns {string[]} one of each for every layer */
export function listBlocks(prefix, ...parts) {
  return Array.from({ length: layers }, (_, layer) => parts.map((part) => `${prefix}.blk.${layer}.${part}`)).flat();
}

export const WEIGHTS = ['attn_q.weight', 'attn_k.weight', 'attn_v.weight', 'ln1.weight', 'ln2.weight'];
export const BIASES = ['attn_q', 'attn_k', 'attn_v', 'attn_out', 'ln1', 'ln2', 'ffn_up', 'ffn_down'].map(
  (part) => `${part}.bias`,
);
export const PATCH = ['v.patch_embd.weight'];
export const PATCH_BIAS = [...PATCH, 'v.patch_embd.bias'];
export const TWO_PATCHES = [...PATCH, 'v.patch_embd.weight.1'];
export const POSITIONS = ['v.position_embd.weight'];
export const POST = ['v.post_ln.weight', 'v.post_ln.bias'];
/** As in CLIP and SigLIP. */
export const BIASED = [...listBlocks('v', ...WEIGHTS, ...BIASES), ...PATCH_BIAS];
/** As in newer ones: no bias, a gate. */
export const GATED = listBlocks('v', ...WEIGHTS, 'ffn_gate.weight');
export const WHISPER = [
  ...listBlocks('a', ...WEIGHTS, ...BIASES.filter((part) => part !== 'attn_k.bias')),
  'a.position_embd.weight',
  'a.post_ln.weight',
  'a.post_ln.bias',
];
/** @param {Record<string, number[]>} dims @returns {Record<string, number[]>} */
export const withBiases = (dims) =>
  Object.fromEntries(
    Object.entries(dims).flatMap(([name, own]) => [
      [`${name}.weight`, own],
      [`${name}.bias`, [own.at(-1) ?? 0]],
    ]),
  );
export const MERGER = withBiases({ 'mm.0': [MERGED, MERGED], 'mm.2': [MERGED, text] });
export const NORMED_MERGER = withBiases({ 'mm.1': [MERGED, MERGED], 'mm.2': [MERGED, text] });
/** Keys and values have half as many heads as queries. */
export const HALF_THE_HEADS = Object.fromEntries([
  ...listBlocks('v', 'attn_qkv.weight').map((name) => [name, [width, 2 * width]]),
  ...listBlocks('v', 'attn_qkv.bias').map((name) => [name, [2 * width]]),
]);
/** The engine takes 24 by 24 patches for granted. */
export const MOBILE = { 'v.position_embd.weight': [width, 24 * 24 + 1] };
export const CLASSED = { 'v.position_embd.weight': [width, patches + 1] };
/** @type {Record<string, [ValueType, unknown]>} */
export const PIXELS = { image_min_pixels: ['u32', 56 * 56], image_max_pixels: ['u32', 448 * 448] };

/** @param {number} number */
export const listMobileBlock = (number) =>
  withBiases({
    [`mm.model.mb_block.${number}.block.0.1`]: [text],
    [`mm.model.mb_block.${number}.block.1.fc1`]: [text, text / 4],
    [`mm.model.mb_block.${number}.block.1.fc2`]: [text / 4, text],
    [`mm.model.mb_block.${number}.block.2.1`]: [text],
    [`mm.model.mb_block.${number}.block.0.0`]: [3, 3, 1, text],
    [`mm.model.mb_block.${number}.block.2.0`]: [text, text],
  });
