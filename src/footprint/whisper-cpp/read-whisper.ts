/**
 * Knows the file format of whisper.cpp, and refuses what its engine would crash over: that reads a damaged file without looking. It must
 * not compute needs.
 */
import { resolve } from 'node:path';
import { findGgmlType, type GgmlType } from '../../gguf/ggml-types.ts';
import { CHUNK_BYTES, HeaderCursor } from '../../gguf/header-cursor.ts';
import {
  type FileIdentity,
  type FileStamp,
  formatByteCount,
  type ModelFile,
  modelFileError,
  openModelFile,
  quote,
  stampFile,
} from '../../gguf/model-file.ts';
import { countTensorBytes, listWhisperTensors, type WhisperShape } from './whisper-tensors.ts';

/** What the header of such a file says. Callers share it. */
export interface WhisperFile extends WhisperShape {
  /** Absolute. */
  readonly path: string;
  /** `enum ggml_ftype`, without the version of the blocks. */
  readonly fileType: number;
  /** Bytes of the texts of all tokens that stand in the file. */
  readonly textBytes: number;
  readonly identity: FileIdentity;
}

/** "ggml", little-endian. */
const MAGIC = 0x67676d6c;
const NUMBERS = 12;
/** The version of the blocks is the file type's thousands. */
const BLOCK_VERSION = 1000;
/** The engine looks for special tokens at fixed places, and knows a hundred languages. */
const VOCABULARY = { least: 51_864, most: 51_866 };
/** Twice what is published at the least: graphs of more layers have no room in the engine. */
const MOST = { layers: 64, width: 8192, heads: 256, audioContext: 4096, textContext: 4096, mels: 512 };
/** Half of the window over which the engine transforms sound, and one. */
const FFT_BINS = 201;
/** Of one token; the published ones have at most 128. */
const MOST_TEXT_BYTES = 4096;

/** `enum ggml_ftype` as whisper.cpp takes it, to `enum ggml_type`. */
const TYPES: Readonly<Record<number, number>> = {
  ...{ 0: 0, 1: 1, 2: 2, 3: 3, 7: 8, 8: 6, 9: 7 },
  ...{ 10: 10, 11: 11, 12: 12, 13: 13, 14: 14 },
};

const ADVICE = 'download the file again, or convert the model with the tools of whisper.cpp';

const MAX_REMEMBERED = 8;
/** A second change within one tick of the file system's clock leaves no trace, so younger files are not remembered. */
const SETTLED_MS = 20;

const remembered = new Map<string, { readonly stamp: FileStamp; readonly file: WhisperFile }>();

/**
 * Reads the header, and that of every tensor. An unchanged file is read once.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`, in bounded time and memory, for anything but a complete file of whisper.cpp.
 */
export async function readWhisper(path: string): Promise<WhisperFile> {
  const absolute = resolve(path);
  const now = await stampFile(absolute);
  const known = remembered.get(absolute);
  if (known && isSameStamp(known.stamp, now)) return known.file;
  const source = await openModelFile(absolute);
  try {
    const file = await readFile(source, absolute);
    await source.assertUnchanged();
    remember(absolute, source.stamp, file);
    return file;
  } finally {
    await source.close();
  }
}

function isSameStamp(one: FileStamp, other: FileStamp): boolean {
  return Object.entries(one).every(([key, value]) => value === other[key as keyof FileStamp]);
}

function remember(path: string, stamp: FileStamp, file: WhisperFile): void {
  remembered.delete(path);
  if (Date.now() - stamp.ctimeMs < SETTLED_MS) return;
  remembered.set(path, { stamp, file });
  if (remembered.size > MAX_REMEMBERED) remembered.delete(remembered.keys().next().value!);
}

async function readFile(source: ModelFile, path: string): Promise<WhisperFile> {
  const cursor = new HeaderCursor(source, Buffer.allocUnsafe(CHUNK_BYTES));
  const { fileType, ...shape } = await readShape(cursor);
  await skipFilters(cursor, shape.mels);
  const textBytes = await skipTexts(cursor, shape.vocabulary);
  await checkTensors(source, cursor.position, shape);
  const { device, inode, sizeBytes, mtimeMs } = source.stamp;
  return Object.freeze({ ...shape, path, fileType, textBytes, identity: { device, inode, sizeBytes, mtimeMs } });
}

async function readShape(cursor: HeaderCursor): Promise<WhisperShape & { readonly fileType: number }> {
  const { path, sizeBytes } = cursor.source;
  const refuse = (expected: string, found: string) => modelFileError(path, expected, found, ADVICE);
  if (sizeBytes < 4) throw refuse('be a model file of whisper.cpp', formatByteCount(sizeBytes));
  await cursor.fill(4, 'the mark of its format');
  const magic = cursor.readU32();
  if (magic !== MAGIC) {
    const found = magic === GGUF_MAGIC ? 'a GGUF file' : `the mark 0x${magic.toString(16).padStart(8, '0')}`;
    throw refuse('be a model file of whisper.cpp, with the mark 0x67676d6c', found);
  }
  await cursor.fill((NUMBERS - 1) * 4, 'the shape of the model');
  const read = (name: string, most: number, least = 1) => {
    const number = cursor.readU32();
    if (number >= least && number <= most) return number;
    throw refuse(`have from ${least} to ${most} as ${name}`, `${number}`);
  };
  const vocabulary = read('its number of tokens', VOCABULARY.most, VOCABULARY.least);
  const audioContext = read('its audio context', MOST.audioContext);
  const width = read('the width of its encoder', MOST.width);
  const audioHeads = read('the heads of its encoder', MOST.heads);
  const audioLayers = read('the layers of its encoder', MOST.layers);
  const textContext = read('its text context', MOST.textContext);
  const textWidth = read('the width of its decoder', MOST.width);
  const textHeads = read('the heads of its decoder', MOST.heads);
  const textLayers = read('the layers of its decoder', MOST.layers);
  const mels = read('its mel bands', MOST.mels);
  const fileType = cursor.readU32() % BLOCK_VERSION;
  if (textWidth !== width) throw refuse('have an encoder and a decoder of one width', `${width} and ${textWidth}`);
  for (const heads of [audioHeads, textHeads]) {
    if (width % heads !== 0) throw refuse('have a width that its heads divide', `${width} and ${heads} heads`);
  }
  const type = findType(fileType);
  if (!type) throw refuse('have a file type that whisper.cpp reads', `the type ${fileType}`);
  if (width % type.weightsPerBlock !== 0) {
    throw refuse(`have rows of whole blocks of ${type.weightsPerBlock} weights`, `rows of ${width}`);
  }
  const numbers = { vocabulary, audioContext, width, audioHeads, audioLayers, textContext, textHeads, textLayers };
  return { ...numbers, mels, type, fileType };
}

const GGUF_MAGIC = 0x46554747;

function findType(fileType: number): GgmlType | undefined {
  const id = TYPES[fileType];
  return id === undefined ? undefined : findGgmlType(id);
}

async function skipFilters(cursor: HeaderCursor, mels: number): Promise<void> {
  const subject = 'the size of its filters';
  if (!cursor.holds(8)) await cursor.fill(8, subject);
  const [bands, bins] = [cursor.readU32(), cursor.readU32()];
  if (bands !== mels || bins !== FFT_BINS) {
    const expected = `have filters of ${mels} × ${FFT_BINS} numbers`;
    throw modelFileError(cursor.source.path, expected, `${bands} × ${bins}`, ADVICE);
  }
  cursor.skip(bands * bins * 4, 'its filters');
}

/** Returns the bytes of all texts. */
async function skipTexts(cursor: HeaderCursor, vocabulary: number): Promise<number> {
  const { path } = cursor.source;
  if (!cursor.holds(4)) await cursor.fill(4, 'the number of its texts');
  const count = cursor.readU32();
  if (count > vocabulary) {
    throw modelFileError(path, `have no more texts than its ${vocabulary} tokens`, `${count}`, ADVICE);
  }
  let textBytes = 0;
  for (let token = 0; token < count; token++) {
    if (!cursor.holds(4)) await cursor.fill(4, () => `the length of text ${token}`);
    const bytes = cursor.readU32();
    if (bytes > MOST_TEXT_BYTES) {
      throw modelFileError(path, `have texts of at most ${MOST_TEXT_BYTES} bytes`, `${bytes} bytes`, ADVICE);
    }
    cursor.skip(bytes, () => `text ${token}`);
    textBytes += bytes;
  }
  return textBytes;
}

/** Numbers and name of one tensor; the longest name has 42 letters. */
const MOST_HEAD_BYTES = 96;
const MOST_DIMS = 3;

/** Every tensor once, each with the shape and type that the engine expects, and nothing else up to the end. */
async function checkTensors(source: ModelFile, start: number, shape: WhisperShape): Promise<void> {
  const { path, sizeBytes } = source;
  const missing = new Map(listWhisperTensors(shape));
  const refuse = (expected: string, found: string) => modelFileError(path, expected, found, ADVICE);
  const head = Buffer.alloc(MOST_HEAD_BYTES);
  let at = start;
  for (let count = missing.size; count > 0; count--) {
    const read = await source.read(head, at);
    const cutOff = () =>
      refuse(`hold ${missing.size} more tensors at offset ${at}`, `its end after ${formatByteCount(sizeBytes - at)}`);
    if (read < 12) throw cutOff();
    const [dimensions, nameBytes, typeId] = [head.readInt32LE(0), head.readInt32LE(4), head.readInt32LE(8)];
    const headBytes = 12 + dimensions * 4 + nameBytes;
    if (dimensions < 1 || dimensions > MOST_DIMS || nameBytes < 1 || headBytes > MOST_HEAD_BYTES) {
      throw refuse(`name a tensor at offset ${at}`, `${dimensions} dimensions and a name of ${nameBytes} bytes`);
    }
    if (read < headBytes) throw cutOff();
    const dims = Array.from({ length: dimensions }, (_, axis) => head.readInt32LE(12 + axis * 4));
    const name = head.toString('latin1', 12 + dimensions * 4, headBytes);
    const expected = missing.get(name);
    if (!expected) throw refuse('hold each of its tensors once', `${quote(name)} at offset ${at}`);
    missing.delete(name);
    if (!isSameShape(dims, expected.dims) || findGgmlType(typeId) !== expected.type) {
      const wanted = `hold ${name} as ${expected.type.name} of ${expected.dims.join(' × ')}`;
      throw refuse(wanted, `${findGgmlType(typeId)?.name ?? `type ${typeId}`} of ${dims.join(' × ')}`);
    }
    at += headBytes + countTensorBytes(expected);
    if (at <= sizeBytes) continue;
    throw refuse(`hold all of ${name}`, `its end ${formatByteCount(at - sizeBytes)} before that`);
  }
  if (at < sizeBytes) throw refuse('end with its last tensor', `${formatByteCount(sizeBytes - at)} more`);
}

/** The engine fills missing dimensions with 1. */
function isSameShape(dims: readonly number[], expected: readonly number[]): boolean {
  return [0, 1, 2].every((axis) => (dims[axis] ?? 1) === (expected[axis] ?? 1));
}
