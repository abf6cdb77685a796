/** Knows the metadata of a GGUF header: its keys, value types and lengths. It must not know what any key means. */
import { type Budget, type HeaderCursor, KEPT_BYTES, type Subject, takeBudget } from './header-cursor.ts';
import { modelFileError, quote } from './model-file.ts';

/** The types that a value or an array's elements can have, in the order of `enum gguf_type`. */
const GGUF_VALUE_TYPES = [
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

/** A value's type in the file. */
export type GgufValueType = (typeof GGUF_VALUE_TYPES)[number];

/** A value's type, or that of an array by its elements: `u32[]`. */
export type GgufTypeName = GgufValueType | `${GgufValueType}[]`;

/** What is kept of a value that is too long to keep. */
export interface GgufArraySummary {
  /** How many elements the array has, or how many bytes the text. */
  readonly length: number;
  readonly elementType: GgufValueType | 'utf8';
  /** Where the first element, or the text, begins in the file that the header was read from. */
  readonly offset: number;
}

/**
 * A value of the metadata. Integers beyond 2^53 are rounded. Texts of more than 1024 bytes, arrays of strings and arrays of
 * more than 512 elements are summaries.
 */
export type GgufValue = number | boolean | string | readonly (number | boolean)[] | GgufArraySummary;

/** The values of a header by their keys, for example `general.architecture`. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** The types of the values by their keys. */
export type GgufTypes = ReadonlyMap<string, GgufTypeName>;

/** Longer arrays are vocabularies, since no model has more layers (`LLAMA_MAX_LAYERS`). */
const MAX_KEPT_ELEMENTS = 512;
/** Longer strings are chat templates and licences, on which no size depends. */
const MAX_KEPT_STRING_BYTES = 1024;
/** The format's own limit for keys. */
const MAX_KEY_BYTES = 65_535;
/** Two counts, a type and one byte of value: no entry is shorter. */
const MIN_ENTRY_BYTES = 13;
/**
 * How much a byte of a kept value can cost: one wide letter doubles a text, and V8 copies young objects twice before they
 * settle.
 */
const COPIES = 4;
/** The part of the budget for keys and tensors: values become summaries before keys and tensors are refused. */
const REST_BYTES = KEPT_BYTES * (3 / 4);
/** What the entries of both maps and their key cost, without the text. */
const ENTRY_COST_BYTES = COPIES * 160;

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

/** The names of arrays by their elements, so that none is made anew for each key. */
const ARRAY_NAMES = Object.fromEntries(GGUF_VALUE_TYPES.map((type) => [type, `${type}[]`])) as Readonly<
  Record<GgufValueType, GgufTypeName>
>;

/** What is read of the entries of a header. */
interface ReadEntries {
  readonly metadata: Map<string, GgufValue>;
  readonly types: Map<string, GgufTypeName>;
}

/**
 * @internal Reads `count` entries. Rejects with `ERR_MODEL_FILE` for anything that is damaged or needs more than the
 * budget.
 */
export async function readMetadata(cursor: HeaderCursor, count: number, budget: Budget): Promise<ReadEntries> {
  const { path } = cursor.source;
  cursor.requireInFile(count * MIN_ENTRY_BYTES, `${count} metadata entries`);
  const metadata = new Map<string, GgufValue>();
  const types = new Map<string, GgufTypeName>();
  for (let index = 0; index < count; index++) {
    if (!cursor.holds(8 + MAX_KEY_BYTES)) await cursor.fillUpTo(8 + MAX_KEY_BYTES, 'a metadata key');
    const key = readKey(cursor, budget);
    if (key === '' || metadata.has(key)) {
      const found = key === '' ? 'an empty one' : `${quote(key)} twice`;
      throw modelFileError(path, 'have unique metadata keys', found, 'the file is damaged, so download it again');
    }
    metadata.set(key, await readValue(cursor, key, budget, types));
  }
  return { metadata, types };
}

/** Reads a key; the buffer holds the longest one or all that is left of the header. */
function readKey(cursor: HeaderCursor, budget: Budget): string {
  cursor.requireInBuffer(8, 'a metadata key');
  const bytes = cursor.readU64();
  if (bytes > MAX_KEY_BYTES) {
    const found = `one of ${bytes} bytes at offset ${cursor.position - 8}`;
    const expected = `have a metadata key of at most ${MAX_KEY_BYTES} bytes`;
    throw modelFileError(cursor.source.path, expected, found, 'the file is damaged, so download it again');
  }
  if (!takeBudget(budget, ENTRY_COST_BYTES + COPIES * bytes)) {
    const found = `more than a reader should keep in memory, at offset ${cursor.position}`;
    throw modelFileError(cursor.source.path, 'have a header of usual size', found, 'the file is damaged or hostile');
  }
  cursor.requireInBuffer(bytes, 'a metadata key');
  return cursor.readText(bytes);
}

async function readValue(
  cursor: HeaderCursor,
  key: string,
  budget: Budget,
  types: Map<string, GgufTypeName>,
): Promise<GgufValue> {
  const subject = () => `the value of ${quote(key)}`;
  const type = await readType(cursor, key, subject);
  if (type === 'array') return readArray(cursor, key, subject, budget, types);
  types.set(key, type);
  if (type === 'string') return readString(cursor, subject, budget);
  const size = SIZES[type];
  if (!cursor.holds(size)) await cursor.fill(size, subject);
  return READERS[type](cursor.view, cursor.consume(size));
}

async function readString(cursor: HeaderCursor, subject: Subject, budget: Budget): Promise<GgufValue> {
  if (!cursor.holds(8)) await cursor.fill(8, subject);
  const bytes = cursor.readU64();
  cursor.requireInFile(bytes, subject);
  if (bytes > MAX_KEPT_STRING_BYTES || !takeBudget(budget, COPIES * bytes, REST_BYTES)) {
    const offset = cursor.position;
    cursor.skip(bytes, subject);
    return { length: bytes, elementType: 'utf8', offset };
  }
  if (!cursor.holds(bytes)) await cursor.fill(bytes, subject);
  return cursor.readText(bytes);
}

async function readArray(
  cursor: HeaderCursor,
  key: string,
  subject: Subject,
  budget: Budget,
  types: Map<string, GgufTypeName>,
): Promise<GgufValue> {
  const elementType = await readType(cursor, key, subject);
  types.set(key, ARRAY_NAMES[elementType]);
  if (!cursor.holds(8)) await cursor.fill(8, subject);
  const length = cursor.readU64();
  const elements = () => `the ${length} elements of ${quote(key)}`;
  if (elementType === 'array') {
    const found = `an array of arrays in ${quote(key)}`;
    const advice = 'no released version of llama.cpp reads that, so convert the model again';
    throw modelFileError(cursor.source.path, 'have flat arrays', found, advice);
  }
  const offset = cursor.position;
  if (elementType === 'string') {
    cursor.requireInFile(length * 8, elements);
    await cursor.skipStrings(length, elements);
    return { length, elementType, offset };
  }
  const size = SIZES[elementType];
  cursor.requireInFile(length * size, elements);
  if (length > MAX_KEPT_ELEMENTS || !takeBudget(budget, COPIES * 8 * length, REST_BYTES)) {
    cursor.skip(length * size, elements);
    return { length, elementType, offset };
  }
  if (!cursor.holds(length * size)) await cursor.fill(length * size, elements);
  const read = READERS[elementType];
  const start = cursor.consume(length * size);
  return Array.from({ length }, (_, index) => read(cursor.view, start + index * size));
}

async function readType(cursor: HeaderCursor, key: string, subject: Subject): Promise<GgufValueType> {
  if (!cursor.holds(4)) await cursor.fill(4, subject);
  const id = cursor.readU32();
  const type = GGUF_VALUE_TYPES[id];
  if (type !== undefined) return type;
  const found = `${id} for ${quote(key)}`;
  const expected = `have value types below ${GGUF_VALUE_TYPES.length}`;
  throw modelFileError(cursor.source.path, expected, found, 'the file is damaged or newer than this reader');
}
