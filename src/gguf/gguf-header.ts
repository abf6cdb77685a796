/** One GGUF file's header from any source of bytes; it knows the format's frame, nothing of shards or caches. */
import { MiB } from '../core/bytes.ts';
import { type GgufMetadata, readMetadata } from './gguf-metadata.ts';
import { readTensors } from './gguf-tensors.ts';
import { type Budget, CHUNK_BYTES, Cursor, KEPT_BYTES } from './header-cursor.ts';
import { RECOGNIZE_BYTES, recognize } from './identify-file.ts';
import { type ByteSource, modelFileError } from './model-file.ts';
import { type GgufTensors, TensorTable } from './tensor-table.ts';

/** What one file's header says. */
export interface GgufHeader {
  readonly version: number;
  readonly alignment: number;
  readonly metadata: GgufMetadata;
  /** Of all shards up to this one. */
  readonly tensors: GgufTensors;
  /** Where the tensors' data begins in the file. */
  readonly dataOffset: number;
}

/** What several shards read one after the other have in common. */
export interface ReadState {
  readonly buffer: Buffer;
  readonly budget: Budget;
  readonly tensors: TensorTable;
}

/** For the first shard, or the only one. */
export function newReadState(buffer: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)): ReadState {
  const budget = { leftBytes: KEPT_BYTES };
  return { buffer, budget, tensors: new TensorTable(budget) };
}

/** Magic, version and two counts. */
const FRAME_BYTES = 24;
const DEFAULT_ALIGNMENT = 32;
/** A huge page; writers use 32, some 4096 or 16384. */
const MAX_ALIGNMENT = 2 * MiB;

/** Reads and checks a header, of the next shard where the state has some; rejects with `ERR_MODEL_FILE` for everything else. */
export async function readHeader(source: ByteSource, state: ReadState): Promise<GgufHeader> {
  const { budget, tensors } = state;
  const cursor = new Cursor(source, state.buffer);
  const version = await readFrame(cursor);
  const tensorCount = cursor.u64();
  const metadata = await readMetadata(cursor, cursor.u64(), budget);
  const alignment = alignmentOf(source, metadata);
  const dataOffset = await readTensors(cursor, tensorCount, alignment, tensors);
  return { version, alignment, metadata, tensors, dataOffset };
}

async function readFrame(cursor: Cursor): Promise<number> {
  const { path, sizeBytes } = cursor.source;
  if (sizeBytes === 0) throw modelFileError(path, 'be a GGUF file', 'an empty file', 'download it again');
  await cursor.fill(Math.min(sizeBytes, RECOGNIZE_BYTES), 'its first bytes');
  const head = cursor.peek(RECOGNIZE_BYTES);
  if (head.toString('latin1', 0, 4) !== 'GGUF') throw modelFileError(path, 'be a GGUF file', ...recognize(head));
  cursor.expect(FRAME_BYTES, 'the first counts');
  cursor.skip(4, 'the mark');
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  if (version % 65_536 === 0 && version !== 0) {
    const advice = 'convert it with gguf-py/scripts/gguf_convert_endian.py';
    throw modelFileError(path, 'be a little-endian GGUF file', 'a big-endian one', advice);
  }
  const advice = version === 1 ? 'convert the model again' : 'update this package or download the file again';
  throw modelFileError(path, 'be GGUF version 2 or 3', `version ${version}`, advice);
}

function alignmentOf(source: ByteSource, metadata: GgufMetadata): number {
  const value = metadata.get('general.alignment');
  if (value === undefined) return DEFAULT_ALIGNMENT;
  if (typeof value === 'number' && value >= 1 && value <= MAX_ALIGNMENT && Number.isInteger(Math.log2(value))) {
    return value;
  }
  const expected = `have an alignment that is a power of two up to ${MAX_ALIGNMENT}`;
  const found = typeof value === 'number' ? `${value}` : 'no number';
  throw modelFileError(source.path, expected, found, 'the file is damaged, so download it again');
}
