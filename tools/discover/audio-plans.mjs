/** What encoders of sound have that the engine doesn't ask for: a table of numbers. Whatever isn't here is found out by asking. */
import { PROJECTOR_SIZES } from './projector-dims.mjs';
import { BIASES, listBlocks, WEIGHTS, WHISPER, withBiases } from './projector-parts.mjs';

const { width, text, layers } = PROJECTOR_SIZES;

/** @type {Readonly<Record<string, import('./projector-plans.mjs').ProjectorPlan>>} */
export const AUDIO_PLANS = {
  ultravox: {
    kind: 'audio',
    tensors: WHISPER,
    dims: {
      'mm.a.norm_pre.weight': [8 * width],
      'mm.a.mlp.1.weight': [8 * width, 1024],
      'mm.a.norm_mid.weight': [512],
      'mm.a.mlp.2.weight': [512, text],
    },
    keys: { 'projector.stack_factor': ['u32', 8] },
  },
  voxtral: {
    kind: 'audio',
    tensors: WHISPER,
    dims: { 'mm.a.mlp.1.weight': [4 * width, text], 'mm.a.mlp.2.weight': [text, text] },
    keys: { 'projector.stack_factor': ['u32', 4] },
  },
  musicflamingo: {
    kind: 'audio',
    tensors: WHISPER,
    dims: withBiases({ 'mm.a.mlp.1': [width, text], 'mm.a.mlp.2': [text, text] }),
  },
  qwen2a: { kind: 'audio', tensors: WHISPER, dims: withBiases({ 'mm.a.fc': [width, text] }) },
  glma: {
    kind: 'audio',
    tensors: WHISPER,
    dims: withBiases({ 'mm.a.mlp.1': [4 * width, 1024], 'mm.a.mlp.2': [1024, text], 'mm.a.norm_pre': [width] }),
    keys: { 'projector.stack_factor': ['u32', 4] },
  },
  meralion: {
    kind: 'audio',
    tensors: WHISPER,
    dims: withBiases({
      'mm.a.norm_pre': [8 * width],
      'mm.a.mlp.0': [8 * width, 1024],
      'mm.a.mlp.1': [1024, 1024],
      'mm.a.mlp.2': [1024, 1024],
      'mm.a.mlp.3': [1024, text],
    }),
    keys: { 'projector.stack_factor': ['u32', 8] },
  },
  qwen3a: {
    kind: 'audio',
    tensors: [
      ...listBlocks('a', ...WEIGHTS, ...BIASES),
      'a.position_embd.weight',
      'a.post_ln.weight',
      'a.post_ln.bias',
    ],
    dims: {
      ...withBiases({ 'a.conv2d.1': [3, 3, 1, 96], 'a.conv2d.2': [3, 3, 96, 96], 'a.conv2d.3': [3, 3, 96, 96] }),
      'a.conv_out.weight': [96 * 16, width],
      ...withBiases({ 'mm.a.mlp.1': [width, width], 'mm.a.mlp.2': [width, text] }),
    },
  },
  gemma4ua: {
    kind: 'audio',
    tensors: listBlocks('a', ...WEIGHTS),
    dims: { 'mm.a.input_projection.weight': [640, text] },
  },
  lfm2a: {
    kind: 'audio',
    tensors: [...listBlocks('a', ...WEIGHTS, ...BIASES), 'a.position_embd.weight'],
    dims: {
      'a.position_embd.weight': [text, 1500],
      'a.conv1d.0.weight': [3, 3, 1, width],
      'a.conv1d.2.weight': [3, 3, 1, width],
      'a.conv1d.3.weight': [1, 1, width, width],
      'a.conv1d.5.weight': [3, 3, 1, width],
      'a.conv1d.6.weight': [1, 1, width, width],
      ...Object.fromEntries([0, 2, 3, 5, 6].map((number) => [`a.conv1d.${number}.bias`, [1, 1, width]])),
      'a.pre_encode.out.weight': [16 * width, width],
      ...Object.fromEntries(
        Array.from({ length: layers }, (_, layer) => Object.entries(listConformerDims(layer))).flat(),
      ),
      ...withBiases({ 'mm.a.mlp.0': [width], 'mm.a.mlp.1': [width, text], 'mm.a.mlp.3': [text, text] }),
    },
  },
};

/** @param {number} layer @returns {Record<string, number[]>} */
function listConformerDims(layer) {
  const own = `a.blk.${layer}.`;
  return {
    [`${own}pos_bias_u`]: [64, 4],
    [`${own}pos_bias_v`]: [64, 4],
    [`${own}linear_pos.weight`]: [512, width],
    [`${own}conv_pw1.weight`]: [width, 2 * width],
    [`${own}conv_pw1.bias`]: [2 * width],
    [`${own}conv_dw.weight`]: [9, width],
    [`${own}conv_pw2.weight`]: [width, width],
  };
}
