/** What encoders of images with gates or fused heads have that the engine doesn't ask for: a table of numbers. Whatever isn't here is found out by asking. */
import { PROJECTOR_SIZES } from './projector-dims.mjs';
import {
  BIASES,
  CLASSED,
  GATED,
  HALF_THE_HEADS,
  listBlocks,
  MERGED,
  MERGER,
  PATCH,
  PATCH_BIAS,
  PIXELS,
  POSITIONS,
  POST,
  TWO_PATCHES,
  WEIGHTS,
  withBiases,
} from './projector-parts.mjs';

const { width, text } = PROJECTOR_SIZES;

/** @type {Readonly<Record<string, import('./projector-plans.mjs').ProjectorPlan>>} */
export const GATED_VISION_PLANS = {
  'qwen2.5vl_merger': {
    kind: 'vision',
    tensors: [
      ...GATED,
      ...listBlocks('v', ...BIASES.filter((part) => !part.startsWith('ln'))),
      ...TWO_PATCHES,
      'v.post_ln.weight',
    ],
    dims: MERGER,
    keys: { n_wa_pattern: ['u32', 2] },
  },
  qwen3vl_merger: {
    kind: 'vision',
    tensors: [
      ...listBlocks('v', 'attn_qkv.weight', 'attn_qkv.bias', 'ln1.weight', 'ln2.weight', ...BIASES.slice(3)),
      ...TWO_PATCHES,
      'v.patch_embd.bias',
      ...POSITIONS,
      ...POST,
    ],
    dims: MERGER,
  },
  gemma4v: {
    kind: 'vision',
    tensors: [
      ...GATED,
      ...listBlocks('v', 'attn_q_norm.weight', 'attn_k_norm.weight', 'attn_post_norm.weight', 'ffn_post_norm.weight'),
      ...PATCH,
      ...POSITIONS,
    ],
    dims: { 'mm.input_projection.weight': [width, text], 'v.position_embd.weight': [width, 1024, 2] },
  },
  pixtral: {
    kind: 'vision',
    tensors: [...GATED, ...PATCH, 'v.pre_ln.weight', 'mm.1.bias', 'mm.2.bias'],
  },
  'pixtral with a merger': {
    kind: 'vision',
    tensors: [...GATED, ...PATCH, 'v.pre_ln.weight', 'mm.input_norm.weight', 'mm.patch_merger.weight'],
    dims: { 'mm.patch_merger.weight': [MERGED, width] },
    keys: { spatial_merge_size: ['u32', 2] },
  },
  lightonocr: {
    kind: 'vision',
    tensors: [...GATED, ...PATCH, 'v.pre_ln.weight', 'mm.input_norm.weight', 'mm.patch_merger.weight'],
    dims: { 'mm.patch_merger.weight': [MERGED, width] },
    keys: { spatial_merge_size: ['u32', 2] },
  },
  cogvlm: {
    kind: 'vision',
    tensors: [
      ...listBlocks('v', 'attn_qkv.weight', 'attn_qkv.bias', 'ln1.weight', 'ln2.weight', ...BIASES.slice(3)),
      ...PATCH_BIAS,
      ...POSITIONS,
      'v.class_embd',
    ],
    dims: {
      ...CLASSED,
      'mm.model.fc.weight': [width, text],
      ...withBiases({ 'mm.post_fc_norm': [text] }),
      'mm.up.weight': [text, 1024],
      'mm.gate.weight': [text, 1024],
      'mm.down.weight': [1024, text],
    },
  },
  dots_ocr: {
    kind: 'vision',
    tensors: [...GATED, ...PATCH_BIAS, 'v.pre_ln.weight'],
    dims: { ...MERGER, 'mm.post_norm.weight': [width] },
    keys: { 'projector.scale_factor': ['u32', 2], ...PIXELS },
  },
  glm4v: {
    kind: 'vision',
    tensors: [
      ...GATED,
      ...TWO_PATCHES,
      'v.patch_embd.bias',
      'v.norm_embd.weight',
      ...POSITIONS,
      'v.post_ln.weight',
      'mm.post_norm.bias',
    ],
    dims: {
      'mm.patch_merger.weight': [2, 2, width, text],
      'mm.patch_merger.bias': [text],
      'mm.model.fc.weight': [text, text],
      ...withBiases({ 'mm.post_norm': [text] }),
      'mm.up.weight': [text, 1024],
      'mm.gate.weight': [text, 1024],
      'mm.down.weight': [1024, text],
    },
  },
  exaone4_5: {
    kind: 'vision',
    tensors: [
      ...listBlocks(
        'v',
        'attn_qkv.weight',
        'attn_qkv.bias',
        'ln1.weight',
        'ln2.weight',
        'ffn_gate.weight',
        'attn_out.bias',
      ),
      ...TWO_PATCHES,
      'v.post_ln.weight',
    ],
    dims: { ...MERGER, ...HALF_THE_HEADS },
    keys: { 'attention.head_count_kv': ['u32', 2], n_wa_pattern: ['u32', 2], ...PIXELS },
  },
  mimovl: {
    kind: 'vision',
    tensors: [
      ...listBlocks(
        'v',
        'attn_qkv.weight',
        'attn_qkv.bias',
        'ln1.weight',
        'ln2.weight',
        'ffn_gate.weight',
        'attn_sinks',
      ),
      ...TWO_PATCHES,
      ...POST,
    ],
    dims: {
      ...MERGER,
      ...HALF_THE_HEADS,
      ...Object.fromEntries(listBlocks('v', 'attn_sinks').map((name) => [name, [4]])),
    },
    keys: {
      'attention.head_count_kv': ['u32', 2],
      window_size: ['u32', 64],
      wa_pattern_mode: ['i32s', [-1, 0]],
      ...PIXELS,
    },
  },
  gemma4uv: {
    kind: 'vision',
    tensors: [...PATCH_BIAS, ...POSITIONS, ...listBlocks('v', ...WEIGHTS)],
    dims: {
      'v.patch_embd.weight': [3 * 42 * 42, width],
      ...withBiases({ 'v.patch_norm.1': [3 * 42 * 42], 'v.patch_norm.2': [width], 'v.patch_norm.3': [width] }),
      'v.position_embd.weight': [width, 1024, 2],
      'mm.input_projection.weight': [width, text],
    },
  },
};
