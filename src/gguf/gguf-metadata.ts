/** The key-value part of a GGUF header; it knows value types and lengths, not what any key means. */
import { type Budget, type Cursor, KEPT_BYTES, take, type What } from './header-cursor.ts';
import { modelFileError, quote } from './model-file.ts';

/** The types a value or an array's elements can have, in the order of `enum gguf_type`. */
export const GGUF_VALUE_TYPES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;

export type GgufValueType = (typeof GGUF_VALUE_TYPES)[number];

/** What is kept of a value too long to keep: how many elements (bytes of a string) there are. */
export interface GgufArraySummary {
  readonly length: number;
  readonly elementType: GgufValueType | 'utf8';
}

/** 64-bit integers beyond 2^53 are rounded. Long texts, arrays of strings and arrays of more than 512 elements are summaries. */
export type GgufValue = number | boolean | string | readonly (number | boolean)[] | GgufArraySummary;

export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** Longer arrays are vocabularies: no model has more layers (`LLAMA_MAX_LAYERS`). */
const MAX_KEPT_ELEMENTS = 512;
/** Longer strings are chat templates and licences, of which no size depends. */
const MAX_KEPT_STRING_BYTES = 1024;
/** The format's own limit for keys. */
const MAX_KEY_BYTES = 65_535;
/** Two counts, a type and one byte of value: no entry is shorter. */
const MIN_ENTRY_BYTES = 13;
/** What a byte of a kept value costs: one wide letter doubles a text, and young objects are copied twice before they settle. */
const COPIES = 4;
/** Of the budget, for what can't be left out: values become summaries before keys and tensors are refused. */
const REST_BYTES = KEPT_BYTES * (3 / 4);
/** A map entry and its key, without the text. */
const ENTRY_COST_BYTES = COPIES * 120;

type NumberType = Exclude<GgufValueType, 'string' | 'array'>;

const READERS: Readonly<Record<NumberType, (view: DataView, at: number) => number | boolean>> = {
  u8: (view, at) => view.getUint8(at),
  i8: (view, at) => view.getInt8(at),
  u16: (view, at) => view.getUint16(at, true),
  i16: (view, at) => view.getInt16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  i32: (view, at) => view.getInt32(at, true),
  f32: (view, at) => view.getFloat32(at, true),
  bool: (view, at) => view.getUint8(at) !== 0,
  u64: (view, at) => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32,
  i64: (view, at) => view.getUint32(at, true) + view.getInt32(at + 4, true) * 2 ** 32,
  f64: (view, at) => view.getFloat64(at, true),
};

const SIZES: Readonly<Record<NumberType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
};

/** @internal Reads `count` entries from the cursor on. */
export async function readMetadata(cursor: Cursor, count: number, budget: Budget): Promise<Map<string, GgufValue>> {
  const { path } = cursor.source;
  cursor.expect(count * MIN_ENTRY_BYTES, `${count} metadata entries`);
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < count; index++) {
    if (!cursor.has(8 + MAX_KEY_BYTES)) await cursor.fillUpTo(8 + MAX_KEY_BYTES, 'a metadata key');
    const key = readKey(cursor, budget);
    if (key === '' || metadata.has(key)) {
      const found = key === '' ? 'an empty one' : `${quote(key)} twice`;
      throw modelFileError(path, 'have unique metadata keys', found, 'the file is damaged, so download it again');
    }
    metadata.set(key, await readValue(cursor, key, budget));
  }
  return metadata;
}

/** Reads a key from a buffer with room for the longest. */
function readKey(cursor: Cursor, budget: Budget): string {
  cursor.require(8, 'a metadata key');
  const bytes = cursor.u64();
  if (bytes > MAX_KEY_BYTES) {
    const found = `one of ${bytes} bytes at offset ${cursor.position - 8}`;
    const expected = `have a metadata key of at most ${MAX_KEY_BYTES} bytes`;
    throw modelFileError(cursor.source.path, expected, found, 'the file is damaged, so download it again');
  }
  if (!take(budget, ENTRY_COST_BYTES + COPIES * bytes)) {
    const found = `more than a reader should keep in memory, at offset ${cursor.position}`;
    throw modelFileError(cursor.source.path, 'have a header of usual size', found, 'the file is damaged or hostile');
  }
  cursor.require(bytes, 'a metadata key');
  return cursor.text(bytes);
}

async function readValue(cursor: Cursor, key: string, budget: Budget): Promise<GgufValue> {
  const what = () => `the value of ${quote(key)}`;
  const type = await readType(cursor, key, what);
  if (type === 'string') return readString(cursor, what, budget);
  if (type === 'array') return readArray(cursor, key, what, budget);
  const size = SIZES[type];
  if (!cursor.has(size)) await cursor.fill(size, what);
  return READERS[type](cursor.view, cursor.pass(size));
}

async function readString(cursor: Cursor, what: What, budget: Budget): Promise<GgufValue> {
  if (!cursor.has(8)) await cursor.fill(8, what);
  const bytes = cursor.u64();
  cursor.expect(bytes, what);
  if (bytes > MAX_KEPT_STRING_BYTES || !take(budget, COPIES * bytes, REST_BYTES)) {
    cursor.skip(bytes, what);
    return { length: bytes, elementType: 'utf8' };
  }
  if (!cursor.has(bytes)) await cursor.fill(bytes, what);
  return cursor.text(bytes);
}

async function readArray(cursor: Cursor, key: string, what: What, budget: Budget): Promise<GgufValue> {
  const elementType = await readType(cursor, key, what);
  if (!cursor.has(8)) await cursor.fill(8, what);
  const length = cursor.u64();
  const elements = () => `the ${length} elements of ${quote(key)}`;
  if (elementType === 'array') {
    const found = `an array of arrays in ${quote(key)}`;
    const advice = 'no released version of llama.cpp reads that, so convert the model again';
    throw modelFileError(cursor.source.path, 'have flat arrays', found, advice);
  }
  if (elementType === 'string') {
    cursor.expect(length * 8, elements);
    await cursor.skipStrings(length, elements);
    return { length, elementType };
  }
  const size = SIZES[elementType];
  cursor.expect(length * size, elements);
  if (length > MAX_KEPT_ELEMENTS || !take(budget, COPIES * 8 * length, REST_BYTES)) {
    cursor.skip(length * size, elements);
    return { length, elementType };
  }
  if (!cursor.has(length * size)) await cursor.fill(length * size, elements);
  const read = READERS[elementType];
  const start = cursor.pass(length * size);
  return Array.from({ length }, (_, index) => read(cursor.view, start + index * size));
}

async function readType(cursor: Cursor, key: string, what: What): Promise<GgufValueType> {
  if (!cursor.has(4)) await cursor.fill(4, what);
  const id = cursor.u32();
  const type = GGUF_VALUE_TYPES[id];
  if (type !== undefined) return type;
  const found = `${id} for ${quote(key)}`;
  const expected = `have value types below ${GGUF_VALUE_TYPES.length}`;
  throw modelFileError(cursor.source.path, expected, found, 'the file is damaged or newer than this reader');
}
