// GGUF headers to be read, of the usual size and of unusual ones, in sparse files. It knows nothing of this package.
import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { encodeU32, encodeU64 } from '../../tools/gguf-file.mjs';

const VOCABULARY = 156_032;
const MERGES = 151_387;
const WIDTH = 4096;
/** The format's numbers for types of values, and for Q4_0 and its blocks. */
const [I32, TEXT, ARRAY] = [5, 8, 9];
const [Q4_0, BLOCK_WEIGHTS, BLOCK_BYTES] = [2, 32, 18];

/** @typedef {{ name: string, write(file: string): void }} Header */

/** @type {readonly Header[]} the first two are what a 7B model has */
export const HEADERS = [
  createHeader('Qwen2-Audio 7B: 156,032 tokens, 387 tensors', { tensors: 387, vocabulary: VOCABULARY }),
  createHeader('the same and 151,387 merges', { tensors: 387, vocabulary: VOCABULARY, merges: MERGES }),
  createHeader('the same with 10,000 tensors and 200 texts of 250 letters', {
    tensors: 10_000,
    vocabulary: VOCABULARY,
    merges: MERGES,
    texts: 200,
    textLetters: 250,
  }),
  createHeader('8,000 tensors', { tensors: 8000 }),
  createHeader('24,000 tensors', { tensors: 24_000 }),
  createHeader('24,000 tensors with names of 250 letters', { tensors: 24_000, nameLetters: 250 }),
  createHeader('15 million empty tokens', { tensors: 387, empty: 15_000_000 }),
  createHeader('60,000 tensors', { tensors: 60_000 }),
  createHeader('20,000 tensors, each of another shape', { tensors: 20_000, shapes: true }),
  createHeader('20,000 texts of 1024 letters', { tensors: 1, texts: 20_000, textLetters: 1024 }),
];

/**
 * @typedef {object} Contents
 * @property {number} tensors
 * @property {number} [vocabulary]
 * @property {number} [merges]
 * @property {number} [empty] empty tokens
 * @property {number} [texts]
 * @property {number} [textLetters]
 * @property {number} [nameLetters] of a tensor
 * @property {boolean} [shapes] every tensor has a shape of its own
 */

/** @param {string} name @param {Contents} contents @returns {Header} */
function createHeader(name, contents) {
  return { name, write: (file) => writeHeader(file, contents) };
}

/** @param {string} file @param {Contents} contents */
function writeHeader(file, contents) {
  const { tensors, vocabulary = 0, merges = 0, empty = 0, texts = 0, textLetters = 0, nameLetters = 0 } = contents;
  const bytes = new GrowingBuffer();
  const arrays = Number(vocabulary > 0) * 2 + Number(merges > 0) + Number(empty > 0);
  bytes.put(Buffer.from('GGUF'), encodeU32(3), encodeU64(tensors), encodeU64(1 + arrays + texts));
  bytes.entry('general.architecture', 'qwen2');
  for (let index = 0; index < texts; index++) bytes.entry(`text.${index}`, 'x'.repeat(textLetters));
  if (empty > 0) bytes.array('tokenizer.ggml.tokens', TEXT, empty, 8);
  if (vocabulary > 0) {
    bytes.array('tokenizer.ggml.tokens', TEXT, vocabulary);
    for (let index = 0; index < vocabulary; index++) bytes.text(`t${index}`);
    bytes.array('tokenizer.ggml.token_type', I32, vocabulary, 4);
  }
  if (merges > 0) {
    bytes.array('tokenizer.ggml.merges', TEXT, merges);
    for (let index = 0; index < merges; index++) bytes.text(`t${index} t${index + 1}`);
  }
  let offset = 0;
  for (let index = 0; index < tensors; index++) {
    const rows = index === 0 ? Math.max(1, vocabulary) : contents.shapes ? index : 1 + (index % 7);
    bytes.text((index === 0 ? 'token_embd.weight' : `blk.${index % 32}.part_${index}.weight`).padEnd(nameLetters, 'n'));
    bytes.put(encodeU32(2), encodeU64(WIDTH), encodeU64(rows), encodeU32(Q4_0), encodeU64(offset));
    offset += ((WIDTH * rows) / BLOCK_WEIGHTS) * BLOCK_BYTES;
  }
  bytes.write(file, offset);
}

/** Grows in one buffer: a million small ones would take a minute. */
class GrowingBuffer {
  #buffer = Buffer.alloc(1 << 20);
  #end = 0;

  /** @param {...Buffer} parts */
  put(...parts) {
    for (const part of parts) {
      this.#reserve(part.length);
      this.#end += part.copy(this.#buffer, this.#end);
    }
  }

  /** @param {string} value */
  text(value) {
    this.#reserve(8 + value.length * 3);
    const bytes = this.#buffer.write(value, this.#end + 8);
    this.#buffer.writeBigUInt64LE(BigInt(bytes), this.#end);
    this.#end += 8 + bytes;
  }

  /** @param {string} key @param {string} value */
  entry(key, value) {
    this.text(key);
    this.put(encodeU32(TEXT));
    this.text(value);
  }

  /** With `elementBytes` the elements are zeros. @param {string} key @param {number} type @param {number} length */
  array(key, type, length, elementBytes = 0) {
    this.text(key);
    this.put(encodeU32(ARRAY), encodeU32(type), encodeU64(length));
    this.#reserve(length * elementBytes);
    this.#end += length * elementBytes;
  }

  /** @param {string} file @param {number} dataBytes */
  write(file, dataBytes) {
    const start = Math.ceil(this.#end / 32) * 32;
    writeFileSync(file, this.#buffer.subarray(0, this.#end));
    const handle = openSync(file, 'r+');
    ftruncateSync(handle, start + dataBytes);
    closeSync(handle);
  }

  /** @param {number} bytes */
  #reserve(bytes) {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#end + bytes));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}
