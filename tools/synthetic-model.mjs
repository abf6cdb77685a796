// Writes GGUF files shaped like Qwen2-Audio without its weights: tiny ones that load in milliseconds and answer a WAV
// with babble, or the full 7B shape as sparse files that take the real memory once loaded. It knows nothing of this
// package.   node tools/synthetic-model.mjs tiny|full FOLDER
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** @typedef {'F32' | 'F16' | 'Q4_0' | 'Q4_K' | 'Q5_K' | 'Q6_K'} TensorType */
/** @typedef {'F32' | 'Q4_0' | 'Q4_K_M' | 'Q5_K_M'} Quantization */
/** @typedef {{ name: string, type: TensorType, dims: number[], fill?: 'one' | 'noise' }} Tensor */
/** @typedef {[key: string, type: 'u32' | 'f32' | 'bool' | 'text' | 'texts' | 'f32s' | 'i32s', value: any]} Entry */
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

export const tinyLanguage = { hidden: 256, layers: 2, heads: 4, kvHeads: 4, ffn: 512, vocab: 512, context: 4096 };
export const fullLanguage = {
  hidden: 4096,
  layers: 32,
  heads: 32,
  kvHeads: 32,
  ffn: 11008,
  vocab: 156032,
  context: 8192,
};
export const tinyProjector = { width: 64, layers: 2, heads: 4, ffn: 128, projection: 256, mels: 128, positions: 1500 };
export const fullProjector = {
  width: 1280,
  layers: 32,
  heads: 20,
  ffn: 5120,
  projection: 4096,
  mels: 128,
  positions: 1500,
};

/** @type {Record<TensorType, { id: number, weights: number, bytes: number }>} one block of each type */
const TYPES = {
  F32: { id: 0, weights: 1, bytes: 4 },
  F16: { id: 1, weights: 1, bytes: 2 },
  Q4_0: { id: 2, weights: 32, bytes: 18 },
  Q4_K: { id: 12, weights: 256, bytes: 144 },
  Q5_K: { id: 13, weights: 256, bytes: 176 },
  Q6_K: { id: 14, weights: 256, bytes: 210 },
};

/** @type {Record<Quantization, { fileType: number, most: TensorType, sensitive: TensorType, output: TensorType }>} */
const MIXES = {
  F32: { fileType: 0, most: 'F32', sensitive: 'F32', output: 'F32' },
  Q4_0: { fileType: 2, most: 'Q4_0', sensitive: 'Q4_0', output: 'Q6_K' },
  Q4_K_M: { fileType: 15, most: 'Q4_K', sensitive: 'Q6_K', output: 'Q6_K' },
  Q5_K_M: { fileType: 17, most: 'Q5_K', sensitive: 'Q6_K', output: 'Q6_K' },
};

const ALIGNMENT = 32;
const PRINTABLE = 94;
const SPECIALS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|AUDIO|>', '<|audio_bos|>', '<|audio_eos|>'];
const TEMPLATE =
  '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n';

/**
 * The language model. Its text is made of printable characters: rows of the output for other tokens are zero.
 * @param {string} file
 * @param {LanguageShape} [shape]
 */
export function writeLanguageModel(file, shape = {}) {
  const { hidden, layers, heads, kvHeads, ffn, vocab, context } = { ...tinyLanguage, ...shape };
  const { quantization = 'Q4_K_M', random = vocab < 10_000, endToken = 258, architecture = 'qwen2' } = shape;
  const mix = MIXES[quantization];
  const kvWidth = (hidden / heads) * kvHeads;
  const tokens = [...byteTokens(), ...SPECIALS];
  while (tokens.length < vocab) tokens.push(`t${tokens.length}`);
  /** @type {Entry[]} */
  const metadata = [
    ['general.architecture', 'text', architecture],
    ['general.name', 'text', 'Qwen2-Audio synthetic'],
    ['general.file_type', 'u32', mix.fileType],
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
    ['tokenizer.ggml.merges', 'texts', ['a b']],
    ['tokenizer.ggml.eos_token_id', 'u32', endToken],
    ['tokenizer.ggml.padding_token_id', 'u32', 256],
    ['tokenizer.ggml.bos_token_id', 'u32', 256],
    ['tokenizer.ggml.add_bos_token', 'bool', false],
    ['tokenizer.chat_template', 'text', TEMPLATE],
  ];
  /** @type {Tensor[]} */
  const tensors = [
    { name: 'token_embd.weight', type: mix.most, dims: [hidden, vocab], fill: 'noise' },
    { name: 'output_norm.weight', type: 'F32', dims: [hidden], fill: 'one' },
    { name: 'output.weight', type: mix.output, dims: [hidden, vocab], fill: 'noise' },
  ];
  for (let layer = 0; layer < layers; layer++) {
    // llama.cpp's "use more bits" rule of the _M mixes
    const eighth = Math.floor(layers / 8);
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
  return writeGguf(file, metadata, tensors, random);
}

/**
 * The audio projector ("mmproj") that belongs beside the language model.
 * @param {string} file
 * @param {ProjectorShape} [shape]
 */
export function writeAudioProjector(file, shape = {}) {
  const { width, layers, heads, ffn, projection, mels, positions } = { ...tinyProjector, ...shape };
  const random = shape.random ?? width < 1000;
  const type = shape.type ?? (random ? 'F32' : 'F16');
  /** @type {Entry[]} */
  const metadata = [
    ['general.architecture', 'text', 'clip'],
    ['general.type', 'text', 'mmproj'],
    ['general.name', 'text', 'Qwen2-Audio projector synthetic'],
    ['general.file_type', 'u32', TYPES[type].id],
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
  return writeGguf(file, metadata, tensors, random);
}

/**
 * A 440 Hz tone as 16 kHz mono PCM.
 * @param {string} file
 * @param {number} [seconds]
 */
export function writeTone(file, seconds = 2) {
  const rate = 16_000;
  const samples = Math.round(rate * seconds);
  const wav = Buffer.alloc(44 + samples * 2);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + samples * 2, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16); // length of the format
  wav.writeUInt16LE(1, 20); // PCM
  wav.writeUInt16LE(1, 22); // channels
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate * 2, 28);
  wav.writeUInt16LE(2, 32); // bytes per sample
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++) {
    wav.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / rate)), 44 + 2 * i);
  }
  fs.writeFileSync(file, wav);
  return { fileBytes: wav.length };
}

/**
 * @param {string} file
 * @param {Entry[]} metadata
 * @param {Tensor[]} tensors
 * @param {boolean} random
 */
function writeGguf(file, metadata, tensors, random) {
  /** @type {Buffer[]} */
  const parts = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(metadata.length)];
  for (const [key, type, value] of metadata) parts.push(text(key), entryValue(type, value));
  let offset = 0;
  let tensorBytes = 0;
  const places = tensors.map((tensor) => {
    const place = { tensor, offset, bytes: sizeOf(tensor) };
    parts.push(text(tensor.name), u32(tensor.dims.length), ...tensor.dims.map(u64));
    parts.push(u32(TYPES[tensor.type].id), u64(offset));
    offset += align(place.bytes);
    tensorBytes += place.bytes;
    return place;
  });
  const header = Buffer.concat(parts);
  const dataStart = align(header.length);
  const fd = fs.openSync(file, 'w');
  try {
    fs.writeSync(fd, header, 0, header.length, 0);
    fs.ftruncateSync(fd, dataStart + offset); // the rest stays a hole: zero blocks are valid in every type
    if (random) {
      const next = seeded(1);
      for (const place of places) {
        const values = floatsOf(place.tensor, next);
        if (values) fs.writeSync(fd, new Uint8Array(values.buffer), 0, place.bytes, dataStart + place.offset);
      }
    }
  } finally {
    fs.closeSync(fd);
  }
  return { fileBytes: dataStart + offset, tensorBytes };
}

/** @param {Tensor} tensor @param {() => number} next */
function floatsOf({ name, type, dims, fill }, next) {
  if (type !== 'F32') return undefined;
  const values = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
  const end = name === 'output.weight' ? PRINTABLE * (dims[0] ?? 0) : values.length;
  for (let i = 0; i < end; i++) values[i] = fill === 'one' ? 1 : (next() - 0.5) * 0.1;
  return values;
}

/** @param {Tensor} tensor */
function sizeOf({ name, type, dims }) {
  const { weights, bytes } = TYPES[type];
  const row = dims[0] ?? 0;
  if (row % weights) throw new RangeError(`${name}: ${type} needs rows of a multiple of ${weights}, got ${row}.`);
  return (dims.reduce((product, dim) => product * dim, 1) / weights) * bytes;
}

/** @param {number} bytes */
const align = (bytes) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** @param {number} value */
export function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** @param {number} value */
export function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** @param {string} value */
export function text(value) {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

/** GGUF's value types: 4 u32, 5 i32, 6 f32, 7 bool, 8 string, 9 array. @param {Entry[1]} type @param {any} value */
export function entryValue(type, value) {
  switch (type) {
    case 'u32':
      return Buffer.concat([u32(4), u32(value)]);
    case 'f32':
      return Buffer.concat([u32(6), Buffer.from(new Float32Array([value]).buffer)]);
    case 'bool':
      return Buffer.concat([u32(7), Buffer.from([value ? 1 : 0])]);
    case 'text':
      return Buffer.concat([u32(8), text(value)]);
    case 'texts':
      return Buffer.concat([u32(9), u32(8), u64(value.length), ...value.map(text)]);
    case 'f32s':
      return Buffer.concat([u32(9), u32(6), u64(value.length), Buffer.from(new Float32Array(value).buffer)]);
    case 'i32s':
      return Buffer.concat([u32(9), u32(5), u64(value.length), Buffer.from(new Int32Array(value).buffer)]);
  }
}

/** GPT-2's printable stand-ins for the 256 byte values: those that print as themselves first. */
export function byteTokens() {
  const ranges = [...range(33, 126), ...range(161, 172), ...range(174, 255)];
  const others = range(0, 255).filter((byte) => !ranges.includes(byte));
  return [...ranges, ...others.map((_, index) => 256 + index)].map((code) => String.fromCodePoint(code));
}

/** @param {number} first @param {number} last */
const range = (first, last) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** Mulberry32: the same file every time. @param {number} seed */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
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
