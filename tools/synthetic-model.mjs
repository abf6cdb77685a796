/**
 * Writes GGUF files shaped like Qwen2-Audio without its weights, and a WAV for them to hear: tiny ones that load in milliseconds and
 * answer with babble, or the full 7B shape as sparse files that take the real memory once loaded. It knows nothing of this package.
 *   node tools/synthetic-model.mjs tiny|full FOLDER
 */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { BLOCKS, listByteTokens, writeGgufFile } from './gguf-file.mjs';
import { createRandom } from './random.mjs';
import { writeTone } from './tone.mjs';

export { writeTone };

/** @typedef {import('./gguf-file.mjs').Entry} Entry */
/** @typedef {import('./gguf-file.mjs').TensorType} TensorType */
/** @typedef {'F32' | 'Q4_0' | 'Q4_K_M' | 'Q5_K_M'} Quantization */
/** @typedef {import('./gguf-file.mjs').Tensor & { fill: 'one' | 'noise' }} Tensor */
/**
 * @typedef {object} LanguageShape
 * @property {number} [hidden] width of a token
 * @property {number} [layers]
 * @property {number} [heads]
 * @property {number} [kvHeads] heads of the KV cache; fewer than `heads` is grouped-query attention
 * @property {number} [ffn]
 * @property {number} [vocab]
 * @property {number} [context] the context the model says it was trained for
 * @property {Quantization} [quantization]
 * @property {number} [endToken] the token that ends a text
 * @property {readonly string[]} [merges] pairs such as "a b" that the tokenizer makes one token of; the model itself writes single characters
 * @property {string} [architecture]
 * @property {boolean} [random] fill the F32 tensors with seeded noise; without it the file is sparse
 */
/**
 * @typedef {object} ProjectorShape
 * @property {number} [width]
 * @property {number} [layers]
 * @property {number} [heads]
 * @property {number} [ffn]
 * @property {number} [projection] the language model's `hidden`
 * @property {number} [mels]
 * @property {number} [positions]
 * @property {'F16' | 'F32'} [type]
 * @property {boolean} [random]
 */

const tinyLanguage = { hidden: 256, layers: 2, heads: 4, kvHeads: 4, ffn: 512, vocab: 512, context: 4096 };
export const fullLanguage = {
  hidden: 4096,
  layers: 32,
  heads: 32,
  kvHeads: 32,
  ffn: 11008,
  vocab: 156032,
  context: 8192,
};
const tinyProjector = { width: 64, layers: 2, heads: 4, ffn: 128, projection: 256, mels: 128, positions: 1500 };
export const fullProjector = {
  width: 1280,
  layers: 32,
  heads: 20,
  ffn: 5120,
  projection: 4096,
  mels: 128,
  positions: 1500,
};

/** @type {Record<Quantization, { fileType: number, most: TensorType, sensitive: TensorType, output: TensorType }>} */
const MIXES = {
  F32: { fileType: 0, most: 'F32', sensitive: 'F32', output: 'F32' },
  Q4_0: { fileType: 2, most: 'Q4_0', sensitive: 'Q4_0', output: 'Q6_K' },
  Q4_K_M: { fileType: 15, most: 'Q4_K', sensitive: 'Q6_K', output: 'Q6_K' },
  Q5_K_M: { fileType: 17, most: 'Q5_K', sensitive: 'Q6_K', output: 'Q6_K' },
};

const PRINTABLE = 94;
const SPECIALS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|AUDIO|>', '<|audio_bos|>', '<|audio_eos|>'];
// A template's last line break is dropped, but not that of a text in it.
const TEMPLATE =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{{ '<|im_start|>assistant\n' }}";

/**
 * The language model. Its text is made of printable characters: rows of the output for other tokens are zero.
 * @param {string} file
 * @param {LanguageShape} [shape]
 */
export function writeLanguageModel(file, shape = {}) {
  const whole = { ...tinyLanguage, quantization: /** @type {const} */ ('Q4_K_M'), ...shape };
  const { random = whole.vocab < 10_000 } = shape;
  return writeGgufFile(file, listLanguageEntries(whole), listLanguageTensors(whole), createFilling(random));
}

/** @param {typeof tinyLanguage & LanguageShape & { quantization: Quantization }} shape @returns {Entry[]} */
function listLanguageEntries({ hidden, layers, heads, kvHeads, ffn, vocab, context, quantization, ...shape }) {
  const { endToken = 258, architecture = 'qwen2', merges = [] } = shape;
  const tokens = [...listByteTokens(), ...SPECIALS, ...merges.map((pair) => pair.replace(' ', ''))];
  while (tokens.length < vocab) tokens.push(`t${tokens.length}`);
  return [
    ['general.architecture', 'text', architecture],
    ['general.name', 'text', 'Qwen2-Audio synthetic'],
    ['general.file_type', 'u32', MIXES[quantization].fileType],
    ['general.quantization_version', 'u32', 2],
    [`${architecture}.context_length`, 'u32', context],
    [`${architecture}.embedding_length`, 'u32', hidden],
    [`${architecture}.block_count`, 'u32', layers],
    [`${architecture}.feed_forward_length`, 'u32', ffn],
    [`${architecture}.attention.head_count`, 'u32', heads],
    [`${architecture}.attention.head_count_kv`, 'u32', kvHeads],
    [`${architecture}.attention.layer_norm_rms_epsilon`, 'f32', 1e-5],
    [`${architecture}.rope.freq_base`, 'f32', 10_000],
    ['tokenizer.ggml.model', 'text', 'gpt2'],
    ['tokenizer.ggml.pre', 'text', 'qwen2'],
    ['tokenizer.ggml.tokens', 'texts', tokens],
    ['tokenizer.ggml.token_type', 'i32s', tokens.map((_, id) => (id >= 256 && id < 256 + SPECIALS.length ? 3 : 1))],
    ['tokenizer.ggml.merges', 'texts', merges.length > 0 ? merges : ['a b']],
    ['tokenizer.ggml.eos_token_id', 'u32', endToken],
    ['tokenizer.ggml.padding_token_id', 'u32', 256],
    ['tokenizer.ggml.bos_token_id', 'u32', 256],
    ['tokenizer.ggml.add_bos_token', 'bool', false],
    ['tokenizer.chat_template', 'text', TEMPLATE],
  ];
}

/** @param {typeof tinyLanguage & { quantization: Quantization }} shape @returns {Tensor[]} */
function listLanguageTensors({ hidden, layers, heads, kvHeads, ffn, vocab, quantization }) {
  const mix = MIXES[quantization];
  const kvWidth = (hidden / heads) * kvHeads;
  const eighth = Math.floor(layers / 8);
  /** @type {Tensor[]} */
  const tensors = [
    { name: 'token_embd.weight', type: mix.most, dims: [hidden, vocab], fill: 'noise' },
    { name: 'output_norm.weight', type: 'F32', dims: [hidden], fill: 'one' },
    { name: 'output.weight', type: mix.output, dims: [hidden, vocab], fill: 'noise' },
  ];
  for (let layer = 0; layer < layers; layer++) {
    // llama.cpp's "use more bits" rule of the _M mixes
    const special = layer < layers / 8 || layer >= (7 * layers) / 8 || (layer - eighth) % 3 === 2;
    const careful = special ? mix.sensitive : mix.most;
    tensors.push(
      { name: `blk.${layer}.attn_norm.weight`, type: 'F32', dims: [hidden], fill: 'one' },
      { name: `blk.${layer}.attn_q.weight`, type: mix.most, dims: [hidden, hidden], fill: 'noise' },
      { name: `blk.${layer}.attn_q.bias`, type: 'F32', dims: [hidden], fill: 'noise' },
      { name: `blk.${layer}.attn_k.weight`, type: mix.most, dims: [hidden, kvWidth], fill: 'noise' },
      { name: `blk.${layer}.attn_k.bias`, type: 'F32', dims: [kvWidth], fill: 'noise' },
      { name: `blk.${layer}.attn_v.weight`, type: careful, dims: [hidden, kvWidth], fill: 'noise' },
      { name: `blk.${layer}.attn_v.bias`, type: 'F32', dims: [kvWidth], fill: 'noise' },
      { name: `blk.${layer}.attn_output.weight`, type: mix.most, dims: [hidden, hidden], fill: 'noise' },
      { name: `blk.${layer}.ffn_norm.weight`, type: 'F32', dims: [hidden], fill: 'one' },
      { name: `blk.${layer}.ffn_gate.weight`, type: mix.most, dims: [hidden, ffn], fill: 'noise' },
      { name: `blk.${layer}.ffn_up.weight`, type: mix.most, dims: [hidden, ffn], fill: 'noise' },
      { name: `blk.${layer}.ffn_down.weight`, type: careful, dims: [ffn, hidden], fill: 'noise' },
    );
  }
  return tensors;
}

/**
 * The audio projector ("mmproj") that belongs beside the language model.
 * @param {string} file
 * @param {ProjectorShape} [shape]
 */
export function writeAudioProjector(file, shape = {}) {
  const whole = { ...tinyProjector, ...shape };
  const random = shape.random ?? whole.width < 1000;
  const type = shape.type ?? (random ? 'F32' : 'F16');
  return writeGgufFile(
    file,
    listProjectorEntries({ ...whole, type }),
    listProjectorTensors({ ...whole, type }),
    createFilling(random),
  );
}

/** @param {typeof tinyProjector & { type: 'F16' | 'F32' }} shape @returns {Entry[]} */
function listProjectorEntries({ width, layers, heads, ffn, projection, mels, type }) {
  return [
    ['general.architecture', 'text', 'clip'],
    ['general.type', 'text', 'mmproj'],
    ['general.name', 'text', 'Qwen2-Audio projector synthetic'],
    ['general.file_type', 'u32', BLOCKS[type].id],
    ['clip.has_audio_encoder', 'bool', true],
    ['clip.projector_type', 'text', 'qwen2a'],
    ['clip.audio.projector_type', 'text', 'qwen2a'],
    ['clip.audio.embedding_length', 'u32', width],
    ['clip.audio.feed_forward_length', 'u32', ffn],
    ['clip.audio.block_count', 'u32', layers],
    ['clip.audio.attention.head_count', 'u32', heads],
    ['clip.audio.attention.layer_norm_epsilon', 'f32', 1e-5],
    ['clip.audio.num_mel_bins', 'u32', mels],
    ['clip.audio.projection_dim', 'u32', projection],
    ['clip.use_gelu', 'bool', true],
  ];
}

/** @param {typeof tinyProjector & { type: 'F16' | 'F32' }} shape @returns {Tensor[]} */
function listProjectorTensors({ width, layers, ffn, projection, mels, positions, type }) {
  /** @type {(name: string, ...dims: number[]) => Tensor} */
  const weight = (name, ...dims) => ({ name: `${name}.weight`, type, dims, fill: 'noise' });
  /** @type {(name: string, ...dims: number[]) => Tensor} */
  const bias = (name, ...dims) => ({ name: `${name}.bias`, type: 'F32', dims, fill: 'noise' });
  /** @type {(name: string) => Tensor[]} */
  const norm = (name) => [
    { name: `${name}.weight`, type: 'F32', dims: [width], fill: 'one' },
    { name: `${name}.bias`, type: 'F32', dims: [width], fill: 'noise' },
  ];
  const tensors = [
    weight('a.conv1d.1', 3, mels, width),
    bias('a.conv1d.1', 1, width),
    weight('a.conv1d.2', 3, width, width),
    bias('a.conv1d.2', 1, width),
    { ...weight('a.position_embd', width, positions), type: /** @type {const} */ ('F32') },
    ...norm('a.post_ln'),
    weight('mm.a.fc', width, projection),
    bias('mm.a.fc', projection),
  ];
  for (let layer = 0; layer < layers; layer++) {
    const block = `a.blk.${layer}`;
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_out']) {
      tensors.push(weight(`${block}.${part}`, width, width));
      if (part !== 'attn_k') tensors.push(bias(`${block}.${part}`, width));
    }
    tensors.push(...norm(`${block}.ln1`), ...norm(`${block}.ln2`));
    tensors.push(weight(`${block}.ffn_up`, width, ffn), bias(`${block}.ffn_up`, ffn));
    tensors.push(weight(`${block}.ffn_down`, ffn, width), bias(`${block}.ffn_down`, width));
  }
  return tensors;
}

/** @param {boolean} random @returns {((tensor: Tensor) => Float32Array | undefined) | undefined} */
function createFilling(random) {
  const next = createRandom(1);
  return random ? (tensor) => makeValues(tensor, next) : undefined;
}

/** @param {Tensor} tensor @param {() => number} next */
function makeValues({ name, type, dims, fill }, next) {
  if (type !== 'F32') return undefined;
  const values = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
  const end = name === 'output.weight' ? PRINTABLE * (dims[0] ?? 0) : values.length;
  for (let i = 0; i < end; i++) values[i] = fill === 'one' ? 1 : (next() - 0.5) * 0.1;
  return values;
}

/** @param {string | undefined} size @param {string | undefined} folder */
function main(size, folder) {
  if ((size !== 'tiny' && size !== 'full') || !folder) {
    console.error('usage: node tools/synthetic-model.mjs tiny|full FOLDER');
    process.exitCode = 2;
    return;
  }
  fs.mkdirSync(folder, { recursive: true });
  const [language, projector] = size === 'tiny' ? [tinyLanguage, tinyProjector] : [fullLanguage, fullProjector];
  for (const quantization of /** @type {const} */ (['Q4_0', 'Q4_K_M', 'Q5_K_M'])) {
    const file = path.join(folder, `qwen2audio-${quantization}.gguf`);
    console.log(file, writeLanguageModel(file, { ...language, quantization }));
  }
  const file = path.join(folder, 'mmproj-qwen2audio.gguf');
  console.log(file, writeAudioProjector(file, projector));
  console.log(path.join(folder, 'tone.wav'), writeTone(path.join(folder, 'tone.wav')));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv[2], process.argv[3]);
