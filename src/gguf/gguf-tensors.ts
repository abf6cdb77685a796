/** Reads the tensor list of a GGUF header and checks where the bytes lie; it knows block sizes, not what a tensor is for. */

import { type GgmlType, ggmlBytes, ggmlTypeById, removedGgmlTypeName } from './ggml-types.ts';
import type { Cursor } from './header-cursor.ts';
import { countBytes, modelFileError, quote } from './model-file.ts';
import type { Place, TensorKind, TensorTable } from './tensor-table.ts';

const WHAT = 'a tensor description';

/** `GGML_MAX_DIMS`. */
const MAX_DIMS = 4;
/** llama.cpp takes 63 bytes, builds for image models 127. */
const MAX_NAME_BYTES = 255;
/** An empty name's length, the count of dimensions, the type, the offset: no entry is shorter. */
const MIN_INFO_BYTES = 24;
/** And none is longer. */
const MAX_INFO_BYTES = 8 + MAX_NAME_BYTES + 4 + MAX_DIMS * 8 + 12;

/**
 * Reads one shard's `count` tensor descriptions into the table. Like llama.cpp this takes only data without gaps, in the order
 * of the descriptions and each tensor padded to the alignment, so nothing can overlap or lie outside; then the file must be
 * long enough. Resolves to where the data begins.
 */
export async function readTensors(
  cursor: Cursor,
  count: number,
  alignment: number,
  table: TensorTable,
): Promise<number> {
  cursor.expect(count * MIN_INFO_BYTES, `${count} tensor descriptions`);
  if (!table.reserve(count)) throw tooMuch(cursor, `${count} tensors`);
  const name = { at: 0, bytes: 0 };
  const description = { at: 0, bytes: 0 };
  let next = 0;
  let end = 0;
  for (let index = 0; index < count; index++) {
    // One wait per chunk: a promise per tensor would cost more memory than the tensors.
    if (!cursor.has(MAX_INFO_BYTES)) await cursor.fillUpTo(MAX_INFO_BYTES, WHAT);
    end = next + readTensor(cursor, table, name, description, next);
    next = Math.ceil(end / alignment) * alignment;
  }
  const dataOffset = Math.ceil(cursor.position / alignment) * alignment;
  checkLength(cursor, count, dataOffset + end);
  table.endShard({ dataOffset, dataBytes: end });
  return dataOffset;
}

/** Reads the next tensor, whose data must begin at `expectedOffset`; `name` and `description` are overwritten. Returns its bytes. */
function readTensor(
  cursor: Cursor,
  table: TensorTable,
  name: Place,
  description: Place,
  expectedOffset: number,
): number {
  readPlaces(cursor, name, description);
  let kindIndex = table.kindIndex(cursor.view, description);
  if (kindIndex < 0) {
    kindIndex = table.kinds.length;
    const kind = readKind(cursor, name, description);
    if (!table.addKind(kind)) throw tooMuch(cursor, `${kindIndex} shapes of tensors and more`);
  }
  const offset = cursor.u64();
  if (offset !== expectedOffset) {
    const expected = `have its next tensor at offset ${expectedOffset} of the data`;
    throw damaged(cursor, expected, `${nameOf(cursor, name)} at ${offset}`);
  }
  if (!table.add(cursor.view, name, kindIndex)) {
    throw damaged(cursor, 'have unique tensor names', `${nameOf(cursor, name)} twice`);
  }
  return (table.kinds[kindIndex] as TensorKind).bytes;
}

/** Moves to the offset behind name, dimensions and type. */
function readPlaces(cursor: Cursor, name: Place, description: Place): void {
  cursor.require(8, 'a tensor name');
  name.bytes = cursor.u64();
  if (name.bytes > MAX_NAME_BYTES) {
    const found = `one of ${name.bytes} bytes at offset ${cursor.position - 8}`;
    throw damaged(cursor, `have a tensor name of at most ${MAX_NAME_BYTES} bytes`, found);
  }
  cursor.require(name.bytes + 4, 'a tensor name');
  name.at = cursor.pass(name.bytes);
  description.at = cursor.pass(4);
  const rank = cursor.view.getUint32(description.at, true);
  if (rank > MAX_DIMS) {
    throw damaged(cursor, `have tensors of at most ${MAX_DIMS} dimensions`, `${rank} for ${nameOf(cursor, name)}`);
  }
  cursor.require(rank * 8 + 12, WHAT);
  description.bytes = 4 + rank * 8 + 4;
  cursor.pass(rank * 8 + 4);
}

/** What a description says that was not seen before, or why it can't be. */
function readKind(cursor: Cursor, name: Place, { at, bytes }: Place): Pick<TensorKind, 'dims' | 'type' | 'bytes'> {
  const rank = (bytes - 8) / 8;
  const dims = Array.from({ length: rank }, (_, index) => cursor.u64At(at + 4 + index * 8));
  const type = typeOf(cursor, name, cursor.view.getUint32(at + bytes - 4, true));
  const weights = dims.reduce((product, dim) => product * dim, 1);
  const rows = (dims[0] ?? 1) % type.weightsPerBlock === 0;
  const all = rows ? ggmlBytes(type, weights) : undefined;
  const found = () => `[${dims.join(', ')}] for ${nameOf(cursor, name)}`;
  if (all === undefined) {
    throw damaged(cursor, `have rows of ${type.name} in multiples of ${type.weightsPerBlock} weights`, found());
  }
  if (weights === 0 || !Number.isSafeInteger(weights) || !Number.isSafeInteger(all)) {
    throw damaged(cursor, 'have tensors of 1 to 2^53 weights', found());
  }
  return { dims, type, bytes: all };
}

function typeOf(cursor: Cursor, name: Place, id: number): GgmlType {
  const type = ggmlTypeById(id);
  if (type) return type;
  const removed = removedGgmlTypeName(id);
  const found = `${removed === undefined ? `number ${id}` : `${removed} (${id})`} for ${nameOf(cursor, name)}`;
  const advice = removed === undefined ? 'update this package or download the file again' : 'quantize the model again';
  throw modelFileError(cursor.source.path, 'have tensors of a type that llama.cpp reads', found, advice);
}

function checkLength({ source }: Cursor, tensors: number, end: number): void {
  const missing = end - source.sizeBytes;
  if (tensors === 0 || missing <= 0) return;
  const expected = `be ${countBytes(end)} long, as its tensors need`;
  const found = `${countBytes(source.sizeBytes)}, so ${countBytes(missing)} are missing`;
  throw modelFileError(source.path, expected, found, 'finish the download or download it again');
}

function nameOf(cursor: Cursor, { at, bytes }: Place): string {
  return quote(cursor.bytes.toString('utf8', at, at + bytes));
}

function damaged({ source }: Cursor, expected: string, found: string): Error {
  return modelFileError(source.path, expected, found, 'the file is damaged, so download it again');
}

function tooMuch({ source }: Cursor, found: string): Error {
  return modelFileError(source.path, 'have a header of usual size', found, 'the file is damaged or hostile');
}
