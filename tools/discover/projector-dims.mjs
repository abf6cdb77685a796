/** The dims of a projector's tensors by the ends of their names: the engine asks for names only. It knows no type of projector. */

/** In elements or counts. */
export const PROJECTOR_SIZES = Object.freeze({
  width: 256,
  heads: 4,
  headLength: 64,
  ffn: 512,
  layers: 2,
  patch: 14,
  image: 224,
  patches: 256,
  mels: 128,
  positions: 1500,
  /** The language model's width. */
  text: 512,
});

const { width, ffn, patch, patches, mels, positions, headLength, text } = PROJECTOR_SIZES;

/** The first that fits. @type {readonly [name: RegExp, dims: readonly number[]][]} */
const DIMS = [
  [/attn_qkv\.weight$/, [width, 3 * width]],
  [/attn_qkv\.bias$/, [3 * width]],
  [/attn_[qk]_norm\.weight$/, [headLength]],
  [/attn_(q|k|v|out)\.weight$/, [width, width]],
  [/blk\.\d+\.ffn_(up|gate)(_1)?\.weight$/, [width, ffn]],
  [/blk\.\d+\.ffn_(up|gate)(_1)?\.bias$/, [ffn]],
  [/blk\.\d+\.ffn_down(_1)?\.weight$/, [ffn, width]],
  [/^v\.patch_embd\.weight/, [patch, patch, 3, width]],
  [/^v\.position_embd\.weight$/, [width, patches]],
  [/^a\.position_embd\.weight$/, [width, positions]],
  [/^a\.conv1d\.1\.weight$/, [3, mels, width]],
  [/^a\.conv1d\.2\.weight$/, [3, width, width]],
  [/^a\.conv1d\.[12]\.bias$/, [1, width]],
  [/^mm\.input_norm\./, [width]],
  [/^mm\.[01]\.weight$/, [width, text]],
  [/^mm\.2\.weight$/, [text, text]],
  [/^mm\.\d+\.bias$/, [text]],
  [/^v\.(token_embd|image_newline|view_sep|boi|eoi)/, [text]],
  [/^mm\.image_(begin|end)$/, [text]],
  [/^resampler\.kv\.weight$/, [width, text]],
  [/^resampler\.query$/, [text, 96]],
  [/^resampler\.pos_embed_k$/, [text, patches]],
  [/^resampler\.ln_/, [text]],
  [/^resampler\..*weight$/, [text, text]],
  [/^resampler\./, [text]],
];
const MATRIX = /\.weight(\.1)?$/;

/** @param {string} name @returns {readonly number[]} a vector as wide as the encoder if it is no other */
export function findProjectorDims(name) {
  return DIMS.find(([pattern]) => pattern.test(name))?.[1] ?? [width];
}

/** @param {string} name @param {readonly number[]} dims @returns {'F16' | 'F32'} */
export function chooseProjectorType(name, dims) {
  return MATRIX.test(name) && dims.length > 1 && dims.slice(1).some((dim) => dim > 1) && !/position|pos_embd/.test(name)
    ? 'F16'
    : 'F32';
}
