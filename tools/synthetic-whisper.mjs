/**
 * Writes files for whisper.cpp in its own format, shaped as the published models but without their weights: a tiny one that loads in
 * milliseconds and answers with babble, or the real shapes as sparse files that take the real memory once loaded. It knows nothing of this package.
 *   node tools/synthetic-whisper.mjs tiny|base|small|medium|large FILE [TYPE]
 */
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';
import { BLOCKS } from './gguf-file.mjs';
import { createRandom } from './random.mjs';

/** @typedef {'F32' | 'F16' | 'Q8_0' | 'Q5_1' | 'Q5_0' | 'Q4_1' | 'Q4_0' | 'Q2_K' | 'Q3_K' | 'Q4_K' | 'Q5_K' | 'Q6_K'} WhisperType */
/**
 * @typedef {object} WhisperShape
 * @property {number} [vocab] 51864 for English alone, 51865, and 51866 from large-v3 on
 * @property {number} [audioContext]
 * @property {number} [width] of the encoder and of the decoder
 * @property {number} [heads]
 * @property {number} [audioLayers]
 * @property {number} [textContext]
 * @property {number} [textLayers]
 * @property {number} [mels]
 * @property {WhisperType} [type]
 * @property {boolean} [quiet] end every text at once: the matrices are left zero but for the one number that says so. For types of 32 weights and less
 * @property {boolean} [random] fill the matrices with seeded noise; without it the file is sparse
 */
/** @typedef {{ name: string, type: WhisperType, dims: number[] }} Tensor */

/** `enum ggml_ftype`; all quantized files have the version of their blocks times 1000 added. */
const FILE_TYPES = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q2_K: 10,
  Q3_K: 11,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
};
const BLOCK_VERSION = 2000;
const MAGIC = 0x67676d6c;
/** Texts that a file holds; the engine makes up those behind them. */
const TEXTS = 50257;
const BLANK = 220;
const FFT_BINS = 201;
const ALL_BLOCKS = { ...BLOCKS, Q5_1: { id: 7, weights: 32, bytes: 24 } };

const common = { vocab: 51865, audioContext: 1500, textContext: 448, mels: 80 };

/** As they are published, but for the first, which is smaller than all of them. */
export const whisperShapes = {
  mini: { ...common, width: 64, heads: 2, audioLayers: 4, textLayers: 2, textContext: 64 },
  tiny: { ...common, width: 384, heads: 6, audioLayers: 4, textLayers: 4 },
  base: { ...common, width: 512, heads: 8, audioLayers: 6, textLayers: 6 },
  small: { ...common, width: 768, heads: 12, audioLayers: 12, textLayers: 12 },
  medium: { ...common, width: 1024, heads: 16, audioLayers: 24, textLayers: 24 },
  large: { ...common, width: 1280, heads: 20, audioLayers: 32, textLayers: 32, mels: 128, vocab: 51866 },
  turbo: { ...common, width: 1280, heads: 20, audioLayers: 32, textLayers: 4, mels: 128, vocab: 51866 },
};

/** @param {string} file @param {WhisperShape} [given] what differs from the smallest shape */
export function writeWhisperModel(file, given = {}) {
  const shape = {
    ...whisperShapes.mini,
    type: /** @type {WhisperType} */ ('F16'),
    random: true,
    quiet: false,
    ...given,
  };
  const descriptor = fs.openSync(file, 'w');
  try {
    let at = writeAt(descriptor, encodeHeader(shape), 0);
    const random = createRandom(1);
    for (const tensor of listTensors(shape)) {
      at = writeAt(descriptor, encodeTensor(tensor), at);
      const bytes = countBytes(tensor);
      if (shape.random && !shape.quiet) writeAt(descriptor, makeNoise(tensor, bytes, random), at);
      if (shape.quiet) writeEnd(descriptor, tensor, shape, at);
      at += bytes;
    }
    fs.ftruncateSync(descriptor, at);
    return { fileBytes: at };
  } finally {
    fs.closeSync(descriptor);
  }
}

/** @param {number} descriptor @param {Buffer} bytes @param {number} at */
function writeAt(descriptor, bytes, at) {
  fs.writeSync(descriptor, bytes, 0, bytes.length, at);
  return at + bytes.length;
}

/** @param {Required<WhisperShape>} shape */
export function encodeHeader({ vocab, audioContext, width, heads, audioLayers, textContext, textLayers, mels, type }) {
  const quantized = ALL_BLOCKS[type].weights > 1;
  const fileType = FILE_TYPES[type] + (quantized ? BLOCK_VERSION : 0);
  const numbers = [audioContext, width, heads, audioLayers, textContext, width, heads, textLayers, mels, fileType];
  const filters = Buffer.alloc(mels * FFT_BINS * 4);
  for (let mel = 0; mel < mels; mel++) filters.writeFloatLE(0.01, (mel * FFT_BINS + mel + 1) * 4);
  // The engine looks for the blank by its text.
  const texts = Array.from({ length: TEXTS }, (_, token) =>
    encodeText(token === BLANK ? ' ' : ` w${token.toString(36)}`),
  );
  return Buffer.concat([
    encodeNumbers([MAGIC, vocab, ...numbers, mels, FFT_BINS]),
    filters,
    encodeNumbers([TEXTS]),
    ...texts,
  ]);
}

/** @param {readonly number[]} numbers */
function encodeNumbers(numbers) {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [index, number] of numbers.entries()) bytes.writeInt32LE(number, index * 4);
  return bytes;
}

/** @param {string} text */
function encodeText(text) {
  return Buffer.concat([encodeNumbers([Buffer.byteLength(text)]), Buffer.from(text)]);
}

/** @param {Tensor} tensor */
function encodeTensor({ name, type, dims }) {
  return Buffer.concat([encodeNumbers([dims.length, name.length, ALL_BLOCKS[type].id, ...dims]), Buffer.from(name)]);
}

/** @param {Tensor} tensor */
function countBytes({ type, dims }) {
  const { weights, bytes } = ALL_BLOCKS[type];
  return (dims.reduce((product, dim) => product * dim, 1) / weights) * bytes;
}

/** @param {Required<WhisperShape>} shape @returns {Tensor[]} */
function listTensors({ vocab, audioContext, width, audioLayers, textContext, textLayers, mels, type }) {
  /** @type {(name: string, ...dims: number[]) => Tensor} */
  const matrix = (name, ...dims) => ({ name: `${name}.weight`, type, dims });
  /** @type {(name: string, ...dims: number[]) => Tensor} */
  const plain = (name, ...dims) => ({ name, type: 'F32', dims });
  /** @type {(name: string, channels: number) => Tensor[]} */
  const convolution = (name, channels) => [
    { name: `${name}.weight`, type: type === 'F32' ? 'F32' : 'F16', dims: [3, channels, width] },
    plain(`${name}.bias`, 1, width),
  ];
  const norm = (/** @type {string} */ name) => [plain(`${name}.weight`, width), plain(`${name}.bias`, width)];
  const attention = (/** @type {string} */ name) => [
    ...norm(`${name}_ln`),
    matrix(`${name}.query`, width, width),
    plain(`${name}.query.bias`, width),
    matrix(`${name}.key`, width, width),
    matrix(`${name}.value`, width, width),
    plain(`${name}.value.bias`, width),
    matrix(`${name}.out`, width, width),
    plain(`${name}.out.bias`, width),
  ];
  const feedForward = (/** @type {string} */ name) => [
    ...norm(`${name}.mlp_ln`),
    matrix(`${name}.mlp.0`, width, 4 * width),
    plain(`${name}.mlp.0.bias`, 4 * width),
    matrix(`${name}.mlp.2`, 4 * width, width),
    plain(`${name}.mlp.2.bias`, width),
  ];
  const layers = (/** @type {number} */ count, /** @type {(index: number) => Tensor[]} */ make) =>
    Array.from({ length: count }, (_, index) => make(index)).flat();
  return [
    plain('encoder.positional_embedding', width, audioContext),
    ...convolution('encoder.conv1', mels),
    ...convolution('encoder.conv2', width),
    ...norm('encoder.ln_post'),
    ...layers(audioLayers, (index) => [
      ...attention(`encoder.blocks.${index}.attn`),
      ...feedForward(`encoder.blocks.${index}`),
    ]),
    plain('decoder.positional_embedding', width, textContext),
    matrix('decoder.token_embedding', width, vocab),
    ...norm('decoder.ln'),
    ...layers(textLayers, (index) => [
      ...attention(`decoder.blocks.${index}.attn`),
      ...attention(`decoder.blocks.${index}.cross_attn`),
      ...feedForward(`decoder.blocks.${index}`),
    ]),
  ];
}

/** The engine's token for the end of a text, by whether the model knows other languages than English. */
const END = { english: 50256, other: 50257 };
const [ONE_F16, TEN_F16, HUNDRED_F16] = [0x3c00, 0x4900, 0x5640];

/**
 * What the decoder gives is its last norm's bias, a one and zeros, and the end is the only token whose product with that is not zero.
 * @param {number} descriptor @param {Tensor} tensor @param {Required<WhisperShape>} shape @param {number} at
 */
function writeEnd(descriptor, tensor, { vocab, width }, at) {
  const bytes = Buffer.alloc(8);
  if (tensor.name === 'decoder.ln.bias') {
    bytes.writeFloatLE(1);
    writeAt(descriptor, bytes.subarray(0, 4), at);
  }
  if (tensor.name !== 'decoder.token_embedding.weight') return;
  const row = vocab > 51864 ? END.other : END.english;
  const { weights, bytes: blockBytes } = ALL_BLOCKS[tensor.type];
  const { type } = tensor;
  // Scale, then for types with an offset that, or the bits of the first weight.
  if (type === 'F32') bytes.writeFloatLE(100);
  else if (type === 'F16') bytes.writeUInt16LE(HUNDRED_F16);
  else if (type.endsWith('_1')) bytes.writeUInt16LE(HUNDRED_F16, 2);
  else if (type === 'Q8_0') bytes.set([ONE_F16 & 255, ONE_F16 >> 8, 100]);
  else if (type === 'Q4_0') bytes.set([TEN_F16 & 255, TEN_F16 >> 8, 15]);
  else bytes.set([TEN_F16 & 255, TEN_F16 >> 8, 1, 0, 0, 0, 15]);
  const used = type === 'F16' ? 2 : type === 'F32' ? 4 : 8;
  writeAt(descriptor, bytes.subarray(0, used), at + ((row * width) / weights) * blockBytes);
}

/** The scale of a block stands first in all types with 32 weights; those of 256 are left zero. */
const SCALE_F16 = 0x1c00;

/** @param {Tensor} tensor @param {number} bytes @param {() => number} random from 0 to 1 @returns {Buffer} */
function makeNoise({ name, type, dims }, bytes, random) {
  if (type === 'F32') {
    const one = /ln(_post)?\.weight$/.test(name);
    const values = Float32Array.from({ length: bytes / 4 }, () => (one ? 1 : (random() - 0.5) * 0.1));
    return Buffer.from(values.buffer);
  }
  const { weights, bytes: blockBytes } = ALL_BLOCKS[type];
  const noise = Buffer.alloc(bytes);
  if (weights > 32) return noise;
  // A row of noise is repeated: half a million numbers take long enough.
  const [length = 0, channels = 1] = dims;
  const row = Buffer.alloc((length / weights) * blockBytes * (dims.length === 3 ? channels : 1));
  for (let at = 0; at < row.length; at += blockBytes) {
    // From 0.016 to 0.03, either sign.
    if (weights === 1) row.writeUInt16LE(0x2400 + Math.floor(random() * 0x3ff) + (random() < 0.5 ? 0x8000 : 0), at);
    else {
      for (let byte = 2; byte < blockBytes; byte++) row[at + byte] = Math.floor(random() * 256);
      row.writeUInt16LE(SCALE_F16, at);
      if (type.endsWith('_1')) row.writeUInt16LE(SCALE_F16, at + 2);
    }
  }
  const stride = row.length;
  for (let at = 0; at < bytes; at += stride) {
    row.copy(noise, at);
    row.copy(row, 0, blockBytes);
  }
  return noise;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , size = 'mini', file = `ggml-${size}.bin`, type = 'F16'] = process.argv;
  const shape = whisperShapes[/** @type {keyof typeof whisperShapes} */ (size)];
  const { fileBytes } = writeWhisperModel(file, {
    ...shape,
    type: /** @type {WhisperType} */ (type),
    random: size === 'mini',
  });
  console.log(`${file}: ${fileBytes} bytes`);
}
