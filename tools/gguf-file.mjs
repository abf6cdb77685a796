/** Writes GGUF files of real shapes: weights are holes unless values are given, so that large files take no disk. It knows no architecture. */
import fs from 'node:fs';

/** @typedef {keyof typeof BLOCKS} TensorType */
/** @typedef {{ name: string, type: TensorType, dims: number[] }} Tensor */
/** @typedef {'u32' | 'f32' | 'bool' | 'text' | 'texts' | 'f32s' | 'i32s' | 'u32s' | 'bools'} ValueType the last five are arrays */
/** @typedef {[key: string, type: ValueType, value: any]} Entry */

const ALIGNMENT = 32;
/** The format's number of each type, and how many weights one block of it holds in how many bytes. */
export const BLOCKS = {
  F32: { id: 0, weights: 1, bytes: 4 },
  F16: { id: 1, weights: 1, bytes: 2 },
  Q4_0: { id: 2, weights: 32, bytes: 18 },
  Q4_1: { id: 3, weights: 32, bytes: 20 },
  Q5_0: { id: 6, weights: 32, bytes: 22 },
  Q8_0: { id: 8, weights: 32, bytes: 34 },
  Q2_K: { id: 10, weights: 256, bytes: 84 },
  Q3_K: { id: 11, weights: 256, bytes: 110 },
  Q4_K: { id: 12, weights: 256, bytes: 144 },
  Q5_K: { id: 13, weights: 256, bytes: 176 },
  Q6_K: { id: 14, weights: 256, bytes: 210 },
  IQ4_NL: { id: 20, weights: 32, bytes: 18 },
  IQ4_XS: { id: 23, weights: 256, bytes: 136 },
  BF16: { id: 30, weights: 1, bytes: 2 },
  MXFP4: { id: 39, weights: 32, bytes: 17 },
};

/**
 * @template {Tensor} T
 * @param {string} file @param {readonly Entry[]} entries @param {readonly T[]} tensors
 * @param {(tensor: T) => Float32Array | undefined} [makeValues] of a tensor in F32; without them it stays a hole, which is zeros
 * @throws {RangeError} if a row does not fill blocks of its type
 */
export function writeGgufFile(file, entries, tensors, makeValues) {
  const places = placeTensors(tensors);
  const header = encodeHeader(entries, places);
  const dataStart = align(header.length);
  const dataBytes = places.reduce((sum, { bytes }) => sum + align(bytes), 0);
  const descriptor = fs.openSync(file, 'w');
  try {
    fs.writeSync(descriptor, header, 0, header.length, 0);
    fs.ftruncateSync(descriptor, dataStart + dataBytes);
    for (const { tensor, offset, bytes } of places) {
      const values = makeValues?.(tensor);
      if (values) fs.writeSync(descriptor, new Uint8Array(values.buffer), 0, bytes, dataStart + offset);
    }
  } finally {
    fs.closeSync(descriptor);
  }
  return { fileBytes: dataStart + dataBytes, tensorBytes: places.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** @template {Tensor} T @param {readonly T[]} tensors */
function placeTensors(tensors) {
  let offset = 0;
  return tensors.map((tensor) => {
    const place = { tensor, offset, bytes: countBytes(tensor) };
    offset += align(place.bytes);
    return place;
  });
}

/** @param {Tensor} tensor */
function countBytes({ name, type, dims }) {
  const { weights, bytes } = BLOCKS[type];
  const row = dims[0] ?? 0;
  if (row % weights) throw new RangeError(`${name}: ${type} needs rows of a multiple of ${weights}, got ${row}.`);
  return (dims.reduce((product, dim) => product * dim, 1) / weights) * bytes;
}

/** @param {readonly Entry[]} entries @param {readonly { tensor: Tensor, offset: number }[]} places */
function encodeHeader(entries, places) {
  const parts = [Buffer.from('GGUF'), encodeU32(3), encodeU64(places.length), encodeU64(entries.length)];
  for (const [key, type, value] of entries) parts.push(encodeText(key), encodeValue(type, value));
  for (const { tensor, offset } of places) {
    parts.push(encodeText(tensor.name), encodeU32(tensor.dims.length), ...tensor.dims.map(encodeU64));
    parts.push(encodeU32(BLOCKS[tensor.type].id), encodeU64(offset));
  }
  return Buffer.concat(parts);
}

/** @param {number} bytes */
function align(bytes) {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Value types of the format: 4 u32, 5 i32, 6 f32, 7 bool, 8 string, 9 array. @param {ValueType} type @param {any} value */
function encodeValue(type, value) {
  switch (type) {
    case 'u32':
      return Buffer.concat([encodeU32(4), encodeU32(value)]);
    case 'f32':
      return Buffer.concat([encodeU32(6), Buffer.from(new Float32Array([value]).buffer)]);
    case 'bool':
      return Buffer.concat([encodeU32(7), Buffer.from([value ? 1 : 0])]);
    case 'text':
      return Buffer.concat([encodeU32(8), encodeText(value)]);
    case 'texts':
      return Buffer.concat([encodeU32(9), encodeU32(8), encodeU64(value.length), ...value.map(encodeText)]);
    case 'f32s':
      return Buffer.concat([
        encodeU32(9),
        encodeU32(6),
        encodeU64(value.length),
        Buffer.from(new Float32Array(value).buffer),
      ]);
    case 'i32s':
      return Buffer.concat([
        encodeU32(9),
        encodeU32(5),
        encodeU64(value.length),
        Buffer.from(new Int32Array(value).buffer),
      ]);
    case 'u32s':
      return Buffer.concat([encodeU32(9), encodeU32(4), encodeU64(value.length), ...value.map(encodeU32)]);
    case 'bools':
      return Buffer.concat([encodeU32(9), encodeU32(7), encodeU64(value.length), Buffer.from(value.map(Number))]);
  }
}

/** @param {string} value */
function encodeText(value) {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([encodeU64(bytes.length), bytes]);
}

/** @param {number} value */
export function encodeU32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** @param {number} value */
export function encodeU64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** GPT-2's printable stand-ins for the 256 byte values: those that print as themselves first. */
export function listByteTokens() {
  const ranges = [...listCodes(33, 126), ...listCodes(161, 172), ...listCodes(174, 255)];
  const others = listCodes(0, 255).filter((byte) => !ranges.includes(byte));
  return [...ranges, ...others.map((_, index) => 256 + index)].map((code) => String.fromCodePoint(code));
}

/** @param {number} first @param {number} last */
function listCodes(first, last) {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
