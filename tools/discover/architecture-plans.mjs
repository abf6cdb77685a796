/**
 * What each architecture has that the engine doesn't ask for: which layers slide, what belongs together. It is a table of numbers, in the
 * proportions of real models. Whatever isn't here is found out by asking.
 */
import { EXPERTS, LATENT, lengthen, listLayers, listSliding, SECTIONS, WINDOW } from './key-groups.mjs';
import { RECURRENT_PLANS } from './recurrent-plans.mjs';

/** @typedef {import('./draft-header.mjs').Plan} Plan */

const BIASES = ['blk.*.attn_q.bias', 'blk.*.attn_k.bias', 'blk.*.attn_v.bias'];
/** What an encoder was trained for: T5's decoder attends to as many. @type {Plan['keys']} */
const SHORT = { context_length: ['u32', 512] };
const OUTPUT = ['output.weight'];
const EXPERT_GATE = 'blk.*.ffn_gate_exps.weight';
const EXPERT_BIAS = 'blk.*.exp_probs_b.bias';
/** The first of four layers is dense, the others choose experts. */
const EXPERTS_BEHIND_ONE = [
  ...['gate', 'up', 'down'].map((part) => ({ name: `blk.*.ffn_${part}.weight`, layers: [0] })),
  ...['gate_inp', 'gate_exps', 'up_exps', 'down_exps'].map((part) => ({
    name: `blk.*.ffn_${part}.weight`,
    layers: [1, 2, 3],
  })),
];

/** @type {Readonly<Record<string, Plan>>} by a name of this package; the architecture is another one if it says so */
export const PLANS = {
  ...RECURRENT_PLANS,
  ...planUsual('apertus arcee bitnet chatglm cogvlm command-r dbrx dream ernie4_5 exaone falcon gemma glm4 gpt2'),
  ...planUsual('gptneox granite grovemoe hunyuan-dense hunyuan_vl internlm2 llada llada-moe llama-embed'),
  ...planUsual('maincoder minicpm mistral3 mpt nanbeige nemotron neo-bert eurobert olmo orion pangu-embedded'),
  ...planUsual('phi2 plamo refact seed_oss smollm3 stablelm starcoder starcoder2 talkie xverse bloom baichuan jais'),
  ...planUsual('jina-bert-v3 qwen qwen3 qwen3vl arctic bailingmoe deepseek exaone-moe glm4moe hunyuan-moe'),
  ...planUsual('qwen3moe qwen3vlmoe rnd1 hy_v3 bailingmoe2 phimoe'),
  llama: { tensors: OUTPUT },
  'llama with experts': { architecture: 'llama', keys: { ...EXPERTS }, tensors: [...OUTPUT, EXPERT_GATE] },
  granitemoe: { keys: { ...EXPERTS }, tensors: [EXPERT_GATE] },
  grok: { keys: { ...EXPERTS }, tensors: ['blk.*.ffn_gate.weight', EXPERT_GATE] },
  'ernie4_5-moe': { keys: { ...EXPERTS, leading_dense_block_count: ['u32', 1] }, tensors: [EXPERT_GATE, EXPERT_BIAS] },
  codeshell: { tensors: ['token_embd.weight'] },
  qwen2: { tensors: [...OUTPUT, ...BIASES] },
  paddleocr: { keys: { ...SECTIONS } },
  qwen2vl: { keys: { ...SECTIONS }, tensors: BIASES },
  qwen2moe: { keys: { ...EXPERTS }, tensors: BIASES },
  phi3: {
    keys: { 'attention.sliding_window': ['u32', 2048], 'rope.dimension_count': ['u32', 'headLength'] },
    tensors: ['blk.*.attn_qkv.weight'],
  },
  gemma2: { sizes: { layers: 6 }, keys: { ...WINDOW } },
  gemma3: {
    sizes: { layers: 8 },
    keys: { ...WINDOW, 'attention.sliding_window_pattern': ['u32', 6] },
  },
  'gemma-embedding': { sizes: { layers: 8 } },
  gemma3n: { sizes: { layers: 25 }, keys: { 'attention.sliding_window_pattern': listSliding(25, 5) } },
  gemma4: {
    sizes: { layers: 10 },
    keys: {
      'attention.sliding_window_pattern': listSliding(10, 5),
      'attention.key_length': ['u32', 128],
      'attention.value_length': ['u32', 128],
      'attention.key_length_swa': ['u32', 64],
      'attention.value_length_swa': ['u32', 64],
      'rope.dimension_count_swa': ['u32', 64],
      'attention.shared_kv_layers': ['u32', 5],
      'attention.head_count_kv': listLayers(2, 2, 2, 2, 1, 2, 2, 2, 2, 1),
      embedding_length_per_layer_input: ['u32', 64],
    },
  },
  'gemma4 with experts': {
    architecture: 'gemma4',
    sizes: { layers: 5 },
    keys: {
      ...EXPERTS,
      ...lengthen(128),
      'attention.sliding_window_pattern': listSliding(5, 5),
      'attention.key_length_swa': ['u32', 64],
      'attention.value_length_swa': ['u32', 64],
      'rope.dimension_count_swa': ['u32', 64],
      expert_feed_forward_length: ['u32', 256],
      embedding_length_per_layer_input: ['u32', 0],
    },
    tensors: ['blk.*.ffn_gate_inp.weight', 'blk.*.ffn_gate_up_exps.weight'],
  },
  'glm4moe with a draft layer': {
    architecture: 'glm4moe',
    sizes: { layers: 5 },
    keys: { ...EXPERTS, nextn_predict_layers: ['u32', 1], leading_dense_block_count: ['u32', 1] },
    tensors: [EXPERT_BIAS],
  },
  cohere2: { keys: { 'attention.sliding_window_pattern': ['u32', 4] } },
  cohere2moe: {
    keys: {
      ...EXPERTS,
      'attention.layer_norm_epsilon': ['f32', 1e-5],
      'attention.sliding_window_pattern': listSliding(4, 4),
    },
  },
  olmo2: {},
  'olmo2 with a window': {
    architecture: 'olmo2',
    sizes: { layers: 8 },
    keys: { ...WINDOW, 'attention.sliding_window_pattern': listSliding(8, 4) },
  },
  exaone4: {},
  'exaone4 with a window': {
    architecture: 'exaone4',
    sizes: { layers: 64, hidden: 256, heads: 4 },
    keys: { ...WINDOW, 'attention.sliding_window_pattern': listSliding(64, 4) },
  },
  'gpt-oss': { sizes: { heads: 16, headLength: 64 }, keys: { ...EXPERTS, ...lengthen(64) } },
  llama4: { keys: { ...EXPERTS } },
  afmoe: { keys: { ...EXPERTS, ...WINDOW } },
  laguna: {
    keys: { ...EXPERTS, ...WINDOW },
    tensors: [{ name: 'blk.*.attn_gate.weight', dims: [512, 512] }],
  },
  smallthinker: {
    sizes: { ffn: 256 },
    keys: {
      ...EXPERTS,
      expert_feed_forward_length: ['u32', 256],
      expert_gating_func: ['u32', 2],
      ...WINDOW,
    },
  },
  mellum: {
    keys: {
      ...EXPERTS,
      ...WINDOW,
      'attention.sliding_window_pattern': listSliding(4, 4),
    },
  },
  mimo2: {
    keys: { ...EXPERTS, 'attention.sliding_window_pattern': listLayers(0, 1, 1, 1) },
    tensors: EXPERTS_BEHIND_ONE,
  },
  step35: {
    keys: { ...EXPERTS, 'attention.sliding_window_pattern': listLayers(0, 1, 1, 1) },
    tensors: EXPERTS_BEHIND_ONE,
  },
  plamo3: { sizes: { layers: 8 }, keys: { ...WINDOW } },
  'modern-bert': { sizes: { kvHeads: 8, layers: 6 }, keys: { 'attention.sliding_window': ['u32', 128] } },
  bert: { sizes: { kvHeads: 8 }, keys: { ...SHORT } },
  'nomic-bert': { sizes: { kvHeads: 8 }, keys: { moe_every_n_layers: ['u32', 0] } },
  'nomic-bert-moe': { sizes: { kvHeads: 8 }, keys: { ...EXPERTS } },
  'jina-bert-v2': {
    sizes: { kvHeads: 8 },
    tensors: [{ name: 'blk.*.ffn_up.weight', dims: [512, 1408] }, 'blk.*.ffn_gate.weight'],
  },
  t5: {
    sizes: { kvHeads: 8 },
    keys: { ...SHORT },
    tensors: ['enc', 'dec'].flatMap((part) => [
      { name: `${part}.blk.*.attn_rel_b.weight`, layers: [0] },
      `${part}.blk.*.ffn_gate.weight`,
    ]),
  },
  t5encoder: {
    sizes: { kvHeads: 8 },
    keys: { ...SHORT },
    tensors: [{ name: 'enc.blk.*.attn_rel_b.weight', layers: [0] }, 'enc.blk.*.ffn_gate.weight'],
  },
  dots1: { sizes: { kvHeads: 8 }, keys: { ...EXPERTS, expert_gating_func: ['u32', 2] }, tensors: [EXPERT_BIAS] },
  olmoe: { sizes: { kvHeads: 8 }, keys: { ...EXPERTS } },
  'minimax-m2': { keys: { ...EXPERTS, expert_gating_func: ['u32', 2] } },
  jais2: { sizes: { kvHeads: 8 } },
  chameleon: { sizes: { vocab: 10_240 } },
  minicpm3: { sizes: { kvHeads: 8 }, keys: { ...lengthen(96, 64), 'rope.dimension_count': ['u32', 32] } },
  plm: { sizes: { kvHeads: 8 }, keys: { ...lengthen(96, 64), 'rope.dimension_count': ['u32', 32] } },
  deepseek2: {
    keys: {
      ...EXPERTS,
      ...LATENT,
      leading_dense_block_count: ['u32', 1],
    },
    tensors: [EXPERT_BIAS],
  },
  'deepseek2 of old files': {
    architecture: 'deepseek2',
    sizes: { kvHeads: 8 },
    keys: {
      ...EXPERTS,
      ...lengthen(96, 64),
      'rope.dimension_count': ['u32', 32],
      leading_dense_block_count: ['u32', 1],
    },
  },
  'deepseek2-ocr': { sizes: { kvHeads: 8 }, keys: { ...EXPERTS } },
  deepseek32: { keys: { ...EXPERTS, ...LATENT } },
  'glm-dsa': {
    keys: { ...EXPERTS, ...LATENT },
    tensors: ['k_norm.weight', 'k_norm.bias', 'proj.weight', 'attn_k.weight', 'attn_q_b.weight'].map(
      (part) => `blk.*.indexer.${part}`,
    ),
  },
  mistral4: { keys: { ...EXPERTS, ...LATENT } },
  deepseek4: {
    keys: {
      ...EXPERTS,
      'attention.head_count_kv': ['u32', 1],
      'rope.dimension_count': ['u32', 32],
      'attention.q_lora_rank': ['u32', 64],
      'attention.compress_ratios': listLayers(0, 0, 4, 128),
      expert_gating_func: ['u32', 4],
    },
  },
  'minimax-m3': {
    keys: { ...EXPERTS, 'attention.indexer.head_count': ['u32', 2], 'rope.dimension_count': ['u32', 32] },
  },
  deci: {
    keys: {
      'attention.head_count': listLayers(8, 0, 8, 8),
      'attention.head_count_kv': listLayers(2, 0, 0, 4),
      feed_forward_length: listLayers(1408, 704, 0, 1408),
    },
  },
  openelm: {
    keys: {
      ...lengthen(64),
      'attention.head_count': listLayers(8, 8, 12, 12),
      'attention.head_count_kv': listLayers(2, 2, 3, 3),
      feed_forward_length: listLayers(512, 1024, 1408, 1536),
    },
  },
};

/** Nothing but what the engine asks for. @param {string} names @returns {Record<string, Plan>} */
function planUsual(names) {
  return Object.fromEntries(names.split(' ').map((name) => [name, {}]));
}
