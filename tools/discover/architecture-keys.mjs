/** What the header keys of any architecture are set to, by the end of their names. It knows no architecture. */

/** @typedef {import('../gguf-file.mjs').ValueType} ValueType */
/** @typedef {Record<string, number>} Sizes in elements or counts */
/** @typedef {[type: ValueType, value: unknown]} KeyValue a text as the value of a number names a size */

/** The sizes of a small model that loads in milliseconds. No other length is that of the vocabulary, so that another can take its place. */
export const SMALL_SIZES = Object.freeze({
  hidden: 512,
  layers: 4,
  heads: 8,
  kvHeads: 2,
  ffn: 1408,
  vocab: 2080,
  window: 512,
  experts: 8,
  expertsUsed: 2,
  expertFfn: 256,
});

/** What follows from them. @param {Sizes} sizes @returns {Sizes} */
export function completeSizes(sizes) {
  const { hidden = 512, heads = 8 } = sizes;
  const headLength = sizes['headLength'] ?? hidden / heads;
  return { headLength, inner: 2 * hidden, rank: hidden / 16, halfHead: headLength / 2, ...sizes };
}

/** Every model has these. @type {Record<string, KeyValue>} */
export const COMMON_KEYS = {
  context_length: ['u32', 131_072],
  embedding_length: ['u32', 'hidden'],
  block_count: ['u32', 'layers'],
  feed_forward_length: ['u32', 'ffn'],
  'attention.head_count': ['u32', 'heads'],
  'attention.head_count_kv': ['u32', 'kvHeads'],
};

/** Those that only some ask for. @type {Record<string, KeyValue>} */
export const ASKED_KEYS = {
  'attention.clamp_kqv': ['f32', 8],
  'attention.compress_rope_freq_base': ['f32', 160_000],
  'attention.decay_lora_rank': ['u32', 64],
  'attention.gate_lora_rank': ['u32', 128],
  'attention.group_norm_epsilon': ['f32', 1e-5],
  'attention.group_norm_groups': ['u32', 8],
  'attention.iclr_lora_rank': ['u32', 64],
  'attention.indexer.block_size': ['u32', 64],
  'attention.indexer.head_count': ['u32', 8],
  'attention.indexer.key_length': ['u32', 64],
  'attention.indexer.local_blocks': ['u32', 1],
  'attention.indexer.top_k': ['u32', 64],
  'attention.key_length_mla': ['u32', 96],
  'attention.key_length_swa': ['u32', 'headLength'],
  'attention.kv_lora_rank': ['u32', 128],
  'attention.layer_norm_epsilon': ['f32', 1e-5],
  'attention.layer_norm_rms_epsilon': ['f32', 1e-5],
  'attention.output_group_count': ['u32', 8],
  'attention.output_lora_rank': ['u32', 64],
  'attention.q_lora_rank': ['u32', 192],
  'attention.relative_buckets_count': ['u32', 32],
  'attention.sliding_window': ['u32', 'window'],
  'attention.sliding_window_pattern': ['u32', 2],
  'attention.value_length_mla': ['u32', 64],
  'attention.value_length_swa': ['u32', 'headLength'],
  'attention.value_residual_mix_lora_rank': ['u32', 32],
  'convnext.block_count': ['u32', 'layers'],
  'convnext.embedding_length': ['u32', 'hidden'],
  embedding_length_per_layer_input: ['u32', 64],
  expert_count: ['u32', 'experts'],
  expert_feed_forward_length: ['u32', 'expertFfn'],
  expert_gating_func: ['u32', 2],
  expert_group_scale: ['f32', 0.05],
  expert_shared_count: ['u32', 1],
  expert_used_count: ['u32', 'expertsUsed'],
  expert_weights_norm: ['bool', true],
  expert_weights_scale: ['f32', 1],
  experts_per_group: ['u32', 2],
  features_length: ['u32', 'hidden'],
  full_attention_interval: ['u32', 2],
  hash_layer_count: ['u32', 0],
  'hyper_connection.count': ['u32', 4],
  'hyper_connection.epsilon': ['f32', 1e-6],
  'hyper_connection.sinkhorn_iterations': ['u32', 2],
  interleave_moe_layer_step: ['u32', 1],
  'kda.head_dim': ['u32', 64],
  leading_dense_block_count: ['u32', 1],
  logit_scale: ['f32', 1],
  moe_every_n_layers: ['u32', 2],
  'posnet.block_count': ['u32', 'layers'],
  'posnet.embedding_length': ['u32', 'hidden'],
  'rope.dimension_count': ['u32', 'headLength'],
  'rope.dimension_sections': ['i32s', [8, 12, 12, 0]],
  'rope.scaling.yarn_log_multiplier': ['f32', 0.1],
  'shortconv.l_cache': ['u32', 3],
  'ssm.conv_kernel': ['u32', 4],
  'ssm.group_count': ['u32', 1],
  'ssm.inner_size': ['u32', 'inner'],
  'ssm.state_size': ['u32', 16],
  'ssm.time_step_rank': ['u32', 'rank'],
  swiglu_clamp_exp: ['f32', 10],
  target_hidden_size: ['u32', 'hidden'],
  time_decay_extra_dim: ['u32', 64],
  time_mix_extra_dim: ['u32', 32],
  token_shift_count: ['u32', 2],
  use_parallel_residual: ['bool', true],
  'wkv.head_size': ['u32', 64],
  'xielu.alpha_n': ['f32', 0.8],
  'xielu.alpha_p': ['f32', 0.8],
  'xielu.beta': ['f32', 0.5],
  'xielu.eps': ['f32', 1e-6],
  token_type_count: ['u32', 2],
};

/** Puts a size in the place of its name. @param {KeyValue} value @param {Sizes} sizes @returns {KeyValue} */
export function resolveValue([type, value], sizes) {
  return typeof value === 'string' && type !== 'text' ? [type, sizes[value]] : [type, value];
}
