/**
 * Knows the frame of a GGUF file's header, from any source of bytes. It must not know shards or what is remembered of them.
 */
import { MiB } from '../core/bytes.ts';
import { type GgufMetadata, type GgufTypes, readMetadata } from './gguf-metadata.ts';
import { type GgufTensors, TensorTable } from './gguf-tensors.ts';
import { type Budget, CHUNK_BYTES, HeaderCursor, KEPT_BYTES } from './header-cursor.ts';
import { IDENTIFYING_BYTES, identifyFile } from './identify-file.ts';
import { type ByteSource, modelFileError } from './model-file.ts';
import { readTensors } from './read-tensors.ts';

/** What one file's header says. */
export interface GgufHeader {
  /** The version of the format: 2 or 3. */
  readonly version: number;
  /** Every tensor begins at a multiple of so many bytes. */
  readonly alignment: number;
  readonly metadata: GgufMetadata;
  readonly types: GgufTypes;
  /** The tensors of all shards up to this one. */
  readonly tensors: GgufTensors;
  /** Where the data of the tensors begins in the file. */
  readonly dataOffset: number;
}

/** What several shards read one after the other have in common. */
export interface ReadState {
  readonly buffer: Buffer;
  readonly budget: Budget;
  readonly tensors: TensorTable;
}

/** Creates the state for the first shard, or the only one. */
export function createReadState(buffer: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)): ReadState {
  const budget = { leftBytes: KEPT_BYTES };
  return { buffer, budget, tensors: new TensorTable(budget) };
}

/** The mark `GGUF`, the version and two counts. */
const FRAME_BYTES = 24;
const DEFAULT_ALIGNMENT = 32;
/** The size of a huge page. Writers use 32, some 4096 or 16384. */
const MAX_ALIGNMENT = 2 * MiB;

/**
 * Reads and checks the header of one file. If the state has shards already, this is the next one of them.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` for anything but a sound header.
 */
export async function readHeader(source: ByteSource, state: ReadState): Promise<GgufHeader> {
  const { budget, tensors } = state;
  const cursor = new HeaderCursor(source, state.buffer);
  const version = await readFrame(cursor);
  const tensorCount = cursor.readU64();
  const { metadata, types } = await readMetadata(cursor, cursor.readU64(), budget);
  const alignment = readAlignment(source, metadata);
  const dataOffset = await readTensors(cursor, tensorCount, alignment, tensors);
  return { version, alignment, metadata, types, tensors, dataOffset };
}

async function readFrame(cursor: HeaderCursor): Promise<number> {
  const { path, sizeBytes } = cursor.source;
  if (sizeBytes === 0) throw modelFileError(path, 'be a GGUF file', 'an empty file', 'download it again');
  await cursor.fill(Math.min(sizeBytes, IDENTIFYING_BYTES), 'its first bytes');
  const head = cursor.peek(IDENTIFYING_BYTES);
  if (head.toString('latin1', 0, 4) !== 'GGUF') throw modelFileError(path, 'be a GGUF file', ...identifyFile(head));
  cursor.requireInFile(FRAME_BYTES, 'the first counts');
  cursor.skip(4, 'the mark');
  const version = cursor.readU32();
  if (version === 2 || version === 3) return version;
  if (version % 65_536 === 0 && version !== 0) {
    const advice = 'convert it with gguf-py/scripts/gguf_convert_endian.py';
    throw modelFileError(path, 'be a little-endian GGUF file', 'a big-endian one', advice);
  }
  const advice = version === 1 ? 'convert the model again' : 'update this package or download the file again';
  throw modelFileError(path, 'be GGUF version 2 or 3', `version ${version}`, advice);
}

function readAlignment(source: ByteSource, metadata: GgufMetadata): number {
  const value = metadata.get('general.alignment');
  if (value === undefined) return DEFAULT_ALIGNMENT;
  if (typeof value === 'number' && value >= 1 && value <= MAX_ALIGNMENT && Number.isInteger(Math.log2(value))) {
    return value;
  }
  const expected = `have an alignment that is a power of two up to ${MAX_ALIGNMENT}`;
  const found = typeof value === 'number' ? `${value}` : 'no number';
  throw modelFileError(source.path, expected, found, 'the file is damaged, so download it again');
}
