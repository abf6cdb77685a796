/**
 * Writes sparse GGUF files of several architectures: every weight is zero, every shape is real. It knows nothing of this package.
 *   node tools/architectures.mjs qwen3 FILE '{"layers":4}'
 */
import { pathToFileURL } from 'node:url';
import { listByteTokens, writeGgufFile } from './gguf-file.mjs';

/** @typedef {import('./gguf-file.mjs').Entry} Entry */
/** @typedef {import('./gguf-file.mjs').Tensor} Tensor */
/** @typedef {import('./gguf-file.mjs').TensorType} Type */
/**
 * @typedef {object} Shape
 * @property {string} [architecture]
 * @property {string} [header] the architecture that the header names, for a header that lies
 * @property {number} [hidden]
 * @property {number} [layers]
 * @property {number} [heads]
 * @property {number | number[]} [kvHeads]
 * @property {number} [headLength]
 * @property {number} [ffn]
 * @property {number} [vocab]
 * @property {number} [context] the context that it says it was trained for
 * @property {number} [window]
 * @property {number} [pooling] how the embeddings of a text become one, by the engine's numbers: 3 takes the last
 * @property {number} [experts]
 * @property {number} [expertsUsed]
 * @property {number} [expertFfn]
 * @property {boolean} [normed] FalconMamba's norms within the scan
 * @property {boolean} [tied] the embedding is the output too
 * @property {boolean} [biased] every product has a bias
 * @property {boolean} [fused] one weight for queries, keys and values
 * @property {Type} [type]
 */

// The engine looks these up in every vocabulary of phi3.
const PHI_TOKENS = ['<unk>', '<s>', '</s>', '<|endoftext|>'];
const TEMPLATE = '{% for m in messages %}{{ m.content }}{% endfor %}';

/** @type {Record<string, Shape>} small ones that load in milliseconds */
export const SMALL = {
  qwen2: { heads: 8, kvHeads: 2 },
  llama: { heads: 8, kvHeads: 4 },
  qwen3: { heads: 8, kvHeads: 2, headLength: 128 },
  gemma3: { heads: 4, kvHeads: 1, headLength: 256, layers: 8, window: 512 },
  phi3: { heads: 8, kvHeads: 8, fused: true, window: 2048 },
  qwen2moe: { heads: 8, kvHeads: 8, experts: 8, expertsUsed: 2, expertFfn: 256 },
  qwen3moe: { heads: 8, kvHeads: 2, headLength: 128, experts: 16, expertsUsed: 4, expertFfn: 256 },
  lfm2: { heads: 8, kvHeads: [0, 0, 2, 0, 2, 0], layers: 6 },
  mamba: { layers: 4 },
};

/** @type {Record<string, Shape>} what some models of an architecture have and others have not */
export const VARIANTS = {
  'llama, tied': { architecture: 'llama', tied: true },
  'llama with biases': { architecture: 'llama', heads: 8, kvHeads: 2, biased: true },
  'llama with two of eight experts': { architecture: 'llama', experts: 8, expertsUsed: 2 },
  'llama with one of four experts': { architecture: 'llama', experts: 4, expertsUsed: 1 },
  'lfm2 with a window': { architecture: 'lfm2', heads: 8, kvHeads: [0, 0, 2, 0, 2, 0], layers: 6, window: 512 },
  'gemma3 with a window longer than the context': { ...SMALL['gemma3'], architecture: 'gemma3', window: 8192 },
  'mamba with norms': { architecture: 'mamba', normed: true },
  'qwen2 in F32': { architecture: 'qwen2', type: 'F32' },
};

/** @param {string} file @param {Shape} shape @returns {{ fileBytes: number }} */
export function writeModel(file, shape) {
  const whole = completeShape(shape);
  return writeGgufFile(file, listEntries(whole), listTensors(whole));
}

/** @typedef {ReturnType<typeof completeShape>} WholeShape */

/** @param {Shape} shape */
function completeShape(shape) {
  const { architecture = 'llama', hidden = 512, layers = 4, heads = 8, ffn = 1408, vocab = 2048 } = shape;
  const { experts = 0, expertsUsed = 0, expertFfn = ffn, window = 0, type = /** @type {Type} */ ('Q4_0') } = shape;
  const { kvHeads = heads, headLength = hidden / heads, header = architecture, context = 131_072 } = shape;
  const { tied = false, fused = false, biased = false, normed = false, pooling = 0 } = shape;
  return {
    ...{ architecture, header, hidden, layers, heads, kvHeads, headLength, ffn, vocab, context, window, type },
    ...{ experts, expertsUsed, expertFfn, tied, fused, biased, normed, pooling },
    scan: { inner: hidden * 2, rank: hidden / 16 },
  };
}

/** @param {WholeShape} shape @returns {Entry[]} */
function listEntries({ architecture, header, hidden, layers, heads, kvHeads, headLength, ffn, vocab, ...shape }) {
  /** @param {string} key */
  const own = (key) => `${header}.${key}`;
  const attends = architecture !== 'mamba';
  const tokens = [...listByteTokens(), '<|end|>', ...(architecture === 'phi3' ? PHI_TOKENS : [])];
  while (tokens.length < vocab) tokens.push(`t${tokens.length}`);
  /** @type {Entry[]} */
  const entries = [
    ['general.architecture', 'text', header],
    ['general.name', 'text', `${architecture} synthetic`],
    [own('context_length'), 'u32', shape.context],
    [own('embedding_length'), 'u32', hidden],
    [own('block_count'), 'u32', layers],
    [own('feed_forward_length'), 'u32', attends ? ffn : 0],
    [own('attention.head_count'), 'u32', attends ? heads : 0],
    Array.isArray(kvHeads)
      ? [own('attention.head_count_kv'), 'i32s', kvHeads]
      : [own('attention.head_count_kv'), 'u32', attends ? kvHeads : 0],
    [own('attention.layer_norm_rms_epsilon'), 'f32', 1e-5],
    ['tokenizer.ggml.model', 'text', 'gpt2'],
    ['tokenizer.ggml.pre', 'text', 'qwen2'],
    ['tokenizer.ggml.tokens', 'texts', tokens],
    ['tokenizer.ggml.token_type', 'i32s', tokens.map((_, id) => (id === 256 ? 3 : 1))],
    ['tokenizer.ggml.merges', 'texts', ['a b']],
    ['tokenizer.ggml.eos_token_id', 'u32', 256],
    ['tokenizer.ggml.bos_token_id', 'u32', 256],
    ['tokenizer.ggml.add_bos_token', 'bool', false],
    ['tokenizer.chat_template', 'text', TEMPLATE],
  ];
  if (attends && headLength * heads !== hidden) {
    entries.push([own('attention.key_length'), 'u32', headLength], [own('attention.value_length'), 'u32', headLength]);
  }
  if (architecture === 'phi3') entries.push([own('rope.dimension_count'), 'u32', headLength]);
  if (shape.pooling) entries.push([own('pooling_type'), 'u32', shape.pooling]);
  if (shape.window > 0) entries.push([own('attention.sliding_window'), 'u32', shape.window]);
  if (shape.experts > 0) {
    entries.push([own('expert_count'), 'u32', shape.experts], [own('expert_used_count'), 'u32', shape.expertsUsed]);
    entries.push([own('expert_feed_forward_length'), 'u32', shape.expertFfn]);
  }
  if (architecture === 'lfm2') entries.push([own('shortconv.l_cache'), 'u32', 3]);
  if (!attends) {
    entries.push([own('ssm.conv_kernel'), 'u32', 4], [own('ssm.inner_size'), 'u32', shape.scan.inner]);
    entries.push([own('ssm.dt_b_c_rms'), 'bool', shape.normed]);
    entries.push([own('ssm.state_size'), 'u32', 16], [own('ssm.time_step_rank'), 'u32', shape.scan.rank]);
  }
  return entries;
}

/** @param {WholeShape} shape @returns {Tensor[]} */
function listTensors(shape) {
  const { architecture, hidden, layers, kvHeads, vocab, type } = shape;
  /** @type {Tensor[]} */
  const tensors = [{ name: 'token_embd.weight', dims: [hidden, vocab], type }];
  /** @type {Add} */
  const add = (name, dims, as = type) => void tensors.push({ name, dims, type: as });
  /** @type {Vector} */
  const vector = (name, length) => add(name, [length], 'F32');
  vector(architecture === 'lfm2' ? 'token_embd_norm.weight' : 'output_norm.weight', hidden);
  if (!shape.tied) add('output.weight', [hidden, vocab], type === 'F32' ? 'F32' : 'Q6_K');
  for (let layer = 0; layer < layers; layer++) {
    const own = `blk.${layer}.`;
    const kv = Array.isArray(kvHeads) ? (kvHeads[layer] ?? 0) : kvHeads;
    vector(`${own}attn_norm.weight`, hidden);
    if (architecture === 'mamba') addMamba(own, shape, add, vector);
    else if (kv === 0) addShortConvolution(own, hidden, add);
    else addAttention(own, { ...shape, kv }, add, vector);
    if (architecture !== 'mamba') addFeedForward(own, shape, add, vector);
  }
  return tensors;
}

/** @typedef {(name: string, dims: number[], as?: Type) => void} Add */
/** @typedef {(name: string, length: number) => void} Vector */

/** @param {string} own @param {WholeShape & { kv: number }} shape @param {Add} add @param {Vector} vector */
function addAttention(own, { architecture, hidden, heads, headLength, kv, fused, biased }, add, vector) {
  const q = heads * headLength;
  if (fused) {
    add(`${own}attn_qkv.weight`, [hidden, q + 2 * kv * headLength]);
  } else {
    for (const [part, rows] of /** @type {[string, number][]} */ ([
      ['q', q],
      ['k', kv * headLength],
      ['v', kv * headLength],
    ])) {
      add(`${own}attn_${part}.weight`, [hidden, rows]);
      if (biased || architecture.startsWith('qwen2')) vector(`${own}attn_${part}.bias`, rows);
    }
  }
  add(`${own}attn_output.weight`, [q, hidden]);
  if (biased) vector(`${own}attn_output.bias`, hidden);
  if (['qwen3', 'qwen3moe', 'gemma3', 'lfm2'].includes(architecture)) {
    vector(`${own}attn_q_norm.weight`, headLength);
    vector(`${own}attn_k_norm.weight`, headLength);
  }
  if (architecture === 'gemma3') vector(`${own}post_attention_norm.weight`, hidden);
}

/** @param {string} own @param {number} hidden @param {Add} add */
function addShortConvolution(own, hidden, add) {
  add(`${own}shortconv.conv.weight`, [3, hidden], 'F32');
  add(`${own}shortconv.in_proj.weight`, [hidden, 3 * hidden]);
  add(`${own}shortconv.out_proj.weight`, [hidden, hidden]);
}

/** @param {string} own @param {WholeShape} shape @param {Add} add @param {Vector} vector */
function addFeedForward(own, { architecture, hidden, ffn, experts, expertFfn, biased }, add, vector) {
  vector(`${own}ffn_norm.weight`, hidden);
  if (experts > 0) {
    add(`${own}ffn_gate_inp.weight`, [hidden, experts], 'F32');
    add(`${own}ffn_gate_exps.weight`, [hidden, expertFfn, experts]);
    add(`${own}ffn_up_exps.weight`, [hidden, expertFfn, experts]);
    add(`${own}ffn_down_exps.weight`, [expertFfn, hidden, experts]);
    if (architecture !== 'qwen2moe') return;
    vector(`${own}ffn_gate_inp_shexp.weight`, hidden);
  }
  const suffix = experts > 0 ? '_shexp' : '';
  const double = architecture === 'phi3';
  if (!double) add(`${own}ffn_gate${suffix}.weight`, [hidden, ffn]);
  add(`${own}ffn_up${suffix}.weight`, [hidden, double ? 2 * ffn : ffn]);
  add(`${own}ffn_down${suffix}.weight`, [ffn, hidden]);
  if (biased) {
    vector(`${own}ffn_gate.bias`, ffn);
    vector(`${own}ffn_up.bias`, ffn);
    vector(`${own}ffn_down.bias`, hidden);
  }
  if (architecture === 'gemma3') vector(`${own}post_ffw_norm.weight`, hidden);
}

/** @param {string} own @param {WholeShape} shape @param {Add} add @param {Vector} vector */
function addMamba(own, { hidden, scan: { inner, rank } }, add, vector) {
  add(`${own}ssm_in.weight`, [hidden, 2 * inner]);
  add(`${own}ssm_conv1d.weight`, [4, inner], 'F32');
  vector(`${own}ssm_conv1d.bias`, inner);
  add(`${own}ssm_x.weight`, [inner, rank + 32]);
  add(`${own}ssm_dt.weight`, [rank, inner]);
  vector(`${own}ssm_dt.bias`, inner);
  add(`${own}ssm_a`, [16, inner], 'F32');
  vector(`${own}ssm_d`, inner);
  add(`${own}ssm_out.weight`, [inner, hidden]);
}

const [, script, architecture, file, shape] = process.argv;
if (architecture && file && script && import.meta.url === pathToFileURL(script).href) {
  console.log(writeModel(file, { architecture, ...SMALL[architecture], ...JSON.parse(shape ?? '{}') }));
}
