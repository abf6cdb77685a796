/**
 * Knows the tensor list of a GGUF header: its format, and where the bytes of the tensors must lie. It must not know what a
 * tensor is for.
 */

import { countWeightBytes, findGgmlType, findRemovedTypeName, type GgmlType } from './ggml-types.ts';
import type { Place, TensorKind, TensorTable } from './gguf-tensors.ts';
import type { HeaderCursor } from './header-cursor.ts';
import { formatByteCount, modelFileError, quote } from './model-file.ts';

const DESCRIPTION = 'a tensor description';

/** `GGML_MAX_DIMS`. */
const MAX_DIMS = 4;
/** llama.cpp takes names of 63 bytes, builds for image models names of 127. */
const MAX_NAME_BYTES = 255;
/** The length of an empty name, the count of dimensions, the type, the offset: no description is shorter. */
const MIN_DESCRIPTION_BYTES = 24;
/** No description is longer. */
const MAX_DESCRIPTION_BYTES = 8 + MAX_NAME_BYTES + 4 + MAX_DIMS * 8 + 12;

/**
 * Reads one shard's `count` tensor descriptions into the table and resolves to the offset of the data in the file. Like
 * llama.cpp this takes only data without gaps, in the order of the descriptions, with each tensor padded to the alignment.
 * So no tensor can overlap another or lie outside of the file, if the file is long enough.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` for everything else.
 */
export async function readTensors(
  cursor: HeaderCursor,
  count: number,
  alignment: number,
  table: TensorTable,
): Promise<number> {
  cursor.requireInFile(count * MIN_DESCRIPTION_BYTES, `${count} tensor descriptions`);
  if (!table.reserve(count)) throw tooLargeHeader(cursor, `${count} tensors`);
  const name = { at: 0, bytes: 0 };
  const description = { at: 0, bytes: 0 };
  let next = 0;
  let end = 0;
  for (let index = 0; index < count; index++) {
    // The cursor is awaited once for each chunk: a promise for each tensor would cost more memory than the tensors.
    if (!cursor.holds(MAX_DESCRIPTION_BYTES)) await cursor.fillUpTo(MAX_DESCRIPTION_BYTES, DESCRIPTION);
    end = next + readTensor(cursor, table, name, description, next);
    next = Math.ceil(end / alignment) * alignment;
  }
  const dataOffset = Math.ceil(cursor.position / alignment) * alignment;
  checkLength(cursor, count, dataOffset + end);
  table.addShard({ dataOffset, dataBytes: end });
  return dataOffset;
}

/**
 * Reads the next tensor, whose data must begin at `expectedOffset`, and returns its bytes; overwrites `name` and
 * `description`.
 */
function readTensor(
  cursor: HeaderCursor,
  table: TensorTable,
  name: Place,
  description: Place,
  expectedOffset: number,
): number {
  readPlaces(cursor, name, description);
  let kindIndex = table.findKindIndex(cursor.view, description);
  if (kindIndex < 0) {
    kindIndex = table.kinds.length;
    const kind = readKind(cursor, name, description);
    if (!table.addKind(kind)) throw tooLargeHeader(cursor, `${kindIndex} shapes of tensors and more`);
  }
  const offset = cursor.readU64();
  if (offset !== expectedOffset) {
    const expected = `have its next tensor at offset ${expectedOffset} of the data`;
    throw damagedHeader(cursor, expected, `${readName(cursor, name)} at ${offset}`);
  }
  if (!table.add(cursor.view, name, kindIndex, offset)) {
    throw damagedHeader(cursor, 'have unique tensor names', `${readName(cursor, name)} twice`);
  }
  return table.kinds[kindIndex]!.bytes;
}

/** Moves to the offset behind name, dimensions and type. */
function readPlaces(cursor: HeaderCursor, name: Place, description: Place): void {
  cursor.requireInBuffer(8, 'a tensor name');
  name.bytes = cursor.readU64();
  if (name.bytes > MAX_NAME_BYTES) {
    const found = `one of ${name.bytes} bytes at offset ${cursor.position - 8}`;
    throw damagedHeader(cursor, `have a tensor name of at most ${MAX_NAME_BYTES} bytes`, found);
  }
  cursor.requireInBuffer(name.bytes + 4, 'a tensor name');
  name.at = cursor.consume(name.bytes);
  description.at = cursor.consume(4);
  const rank = cursor.view.getUint32(description.at, true);
  if (rank > MAX_DIMS) {
    throw damagedHeader(
      cursor,
      `have tensors of at most ${MAX_DIMS} dimensions`,
      `${rank} for ${readName(cursor, name)}`,
    );
  }
  cursor.requireInBuffer(rank * 8 + 12, DESCRIPTION);
  description.bytes = 4 + rank * 8 + 4;
  cursor.consume(rank * 8 + 4);
}

/** Reads a description that was not seen before. */
function readKind(
  cursor: HeaderCursor,
  name: Place,
  { at, bytes }: Place,
): Pick<TensorKind, 'dims' | 'type' | 'bytes'> {
  const rank = (bytes - 8) / 8;
  const dims = Array.from({ length: rank }, (_, index) => cursor.readU64At(at + 4 + index * 8));
  const type = findType(cursor, name, cursor.view.getUint32(at + bytes - 4, true));
  const weights = dims.reduce((product, dim) => product * dim, 1);
  const rows = (dims[0] ?? 1) % type.weightsPerBlock === 0;
  const all = rows ? countWeightBytes(type, weights) : undefined;
  const found = () => `[${dims.join(', ')}] for ${readName(cursor, name)}`;
  if (all === undefined) {
    throw damagedHeader(cursor, `have rows of ${type.name} in multiples of ${type.weightsPerBlock} weights`, found());
  }
  if (weights === 0 || !Number.isSafeInteger(weights) || !Number.isSafeInteger(all)) {
    throw damagedHeader(cursor, 'have tensors of 1 to 2^53 weights', found());
  }
  return { dims, type, bytes: all };
}

function findType(cursor: HeaderCursor, name: Place, id: number): GgmlType {
  const type = findGgmlType(id);
  if (type) return type;
  const removed = findRemovedTypeName(id);
  const found = `${removed === undefined ? `number ${id}` : `${removed} (${id})`} for ${readName(cursor, name)}`;
  const advice = removed === undefined ? 'update this package or download the file again' : 'quantize the model again';
  throw modelFileError(cursor.source.path, 'have tensors of a type that llama.cpp reads', found, advice);
}

function checkLength({ source }: HeaderCursor, tensors: number, end: number): void {
  const missing = end - source.sizeBytes;
  if (tensors === 0 || missing <= 0) return;
  const expected = `be ${formatByteCount(end)} long, as its tensors need`;
  const found = `${formatByteCount(source.sizeBytes)}, so ${formatByteCount(missing)} are missing`;
  throw modelFileError(source.path, expected, found, 'finish the download or download it again');
}

function readName(cursor: HeaderCursor, { at, bytes }: Place): string {
  return quote(cursor.bytes.toString('utf8', at, at + bytes));
}

function damagedHeader({ source }: HeaderCursor, expected: string, found: string): Error {
  return modelFileError(source.path, expected, found, 'the file is damaged, so download it again');
}

function tooLargeHeader({ source }: HeaderCursor, found: string): Error {
  return modelFileError(source.path, 'have a header of usual size', found, 'the file is damaged or hostile');
}
