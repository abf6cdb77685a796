/** What an architecture with recurrent layers has that the engine doesn't ask for: a table of numbers, in the proportions of real models. */
import { DELTA, EXPERTS, LATENT, listLayers, NO_HEADS, SCAN, SECTIONS } from './key-groups.mjs';

const CONVOLUTION_BIAS = ['blk.*.ssm_conv1d.bias'];
/** Of eight layers, those that keep a state. */
const DELTA_WEIGHTS = ['attn_qkv', 'attn_gate'].map((part) => ({
  name: `blk.*.${part}.weight`,
  layers: [0, 1, 2, 4, 5, 6],
}));

/** @type {Readonly<Record<string, import('./draft-header.mjs').Plan>>} */
export const RECURRENT_PLANS = {
  mamba: {},
  lfm2: { sizes: { layers: 6 }, keys: { 'attention.head_count_kv': listLayers(0, 0, 2, 0, 2, 0) } },
  lfm2moe: {
    sizes: { layers: 6 },
    keys: {
      ...EXPERTS,
      'attention.head_count_kv': listLayers(0, 0, 2, 0, 2, 0),
      leading_dense_block_count: ['u32', 2],
    },
  },
  mamba2: { keys: { ...NO_HEADS, ...SCAN } },
  jamba: { keys: { ...EXPERTS, 'attention.head_count_kv': listLayers(0, 0, 2, 0) } },
  granitehybrid: {
    sizes: { layers: 6 },
    keys: { ...SCAN, 'attention.head_count_kv': listLayers(0, 0, 2, 0, 0, 2) },
    tensors: CONVOLUTION_BIAS,
  },
  'granitehybrid with experts': {
    architecture: 'granitehybrid',
    sizes: { layers: 6 },
    keys: { ...EXPERTS, ...SCAN, 'attention.head_count_kv': listLayers(0, 0, 2, 0, 0, 2) },
    tensors: [...CONVOLUTION_BIAS, 'blk.*.ffn_gate_exps.weight'],
  },
  nemotron_h: {
    sizes: { layers: 6 },
    keys: {
      ...SCAN,
      'attention.head_count_kv': listLayers(0, 0, 0, 2, 0, 0),
      feed_forward_length: listLayers(0, 1408, 0, 0, 0, 1408),
    },
    tensors: CONVOLUTION_BIAS,
  },
  nemotron_h_moe: {
    sizes: { layers: 6 },
    keys: {
      ...EXPERTS,
      ...SCAN,
      'attention.head_count_kv': listLayers(0, 0, 0, 2, 0, 0),
      feed_forward_length: listLayers(0, 1408, 0, 0, 0, 1408),
      expert_feed_forward_length: ['u32', 256],
      expert_shared_feed_forward_length: ['u32', 512],
      expert_shared_count: ['u32', 1],
    },
    tensors: CONVOLUTION_BIAS,
  },
  'falcon-h1': { keys: { ...SCAN }, tensors: [...CONVOLUTION_BIAS, 'blk.*.ssm_norm.weight'] },
  plamo2: { keys: { ...SCAN, 'ssm.group_count': ['u32', 0], 'attention.head_count_kv': listLayers(0, 2, 0, 2) } },
  'kimi-linear': {
    keys: {
      ...EXPERTS,
      ...LATENT,
      'attention.head_count_kv': listLayers(0, 0, 0, 1),
      leading_dense_block_count: ['u32', 1],
    },
  },
  qwen3next: {
    sizes: { layers: 8 },
    keys: { ...EXPERTS, ...DELTA, expert_shared_feed_forward_length: ['u32', 256] },
    tensors: DELTA_WEIGHTS,
  },
  qwen35: { sizes: { layers: 8 }, keys: { ...DELTA, ...SECTIONS }, tensors: DELTA_WEIGHTS },
  'qwen35 with a draft layer': {
    architecture: 'qwen35',
    sizes: { layers: 9 },
    keys: { ...DELTA, ...SECTIONS, nextn_predict_layers: ['u32', 1] },
    tensors: [...DELTA_WEIGHTS, 'blk.*.attn_norm.weight'],
  },
  qwen35moe: { sizes: { layers: 8 }, keys: { ...EXPERTS, ...DELTA, ...SECTIONS }, tensors: DELTA_WEIGHTS },
  rwkv6: { keys: { ...NO_HEADS }, tensors: ['blk.*.time_mix_lerp_fused.weight'] },
  rwkv7: { keys: { ...NO_HEADS, 'attention.gate_lora_rank': ['u32', 128] } },
  rwkv6qwen2: { keys: { token_shift_count: ['u32', 1] } },
  arwkv7: { keys: { token_shift_count: ['u32', 1] } },
};
