/** The tensor list of a GGUF header and where the bytes lie; it knows shapes and block sizes, not what a tensor is for. */
import type { Budget, Cursor } from './cursor.ts';
import { type GgmlType, ggmlBytes, ggmlTypeById, removedGgmlTypeName } from './ggml.ts';
import { readName } from './metadata.ts';
import { type ByteSource, countBytes, modelFileError, quote } from './modelfile.ts';

/** One tensor of a model. */
export interface GgufTensor {
  readonly name: string;
  /** Fastest dimension first, one to four of them; empty for a single number. */
  readonly dims: readonly number[];
  readonly type: GgmlType;
  /** Without the padding behind it. */
  readonly bytes: number;
  /** From the start of its shard's file. */
  readonly offset: number;
  /** Index into the model's shards. */
  readonly shard: number;
}

/** A tensor as its header describes it: `offset` counts from the start of the data until `placeTensors` moves it. */
export type TensorInfo = Omit<GgufTensor, 'offset'> & { offset: number };

const WHAT = 'a tensor description';

/** `GGML_MAX_DIMS`. */
const MAX_DIMS = 4;
/** llama.cpp takes 63 bytes, builds for image models 127. */
const MAX_NAME_BYTES = 255;
/** An empty name's length, the count of dimensions, the type, the offset: no entry is shorter. */
const MIN_INFO_BYTES = 24;
/** And none is longer. */
const MAX_INFO_BYTES = 8 + MAX_NAME_BYTES + 4 + MAX_DIMS * 8 + 12;
/** Object, dimensions, boxed numbers and the entry in the set of names, without the name's text. */
const INFO_COST_BYTES = 300;

/** Reads `count` tensor descriptions; `names` holds those of earlier shards and gains these. */
export async function readTensorInfos(
  cursor: Cursor,
  count: number,
  budget: Budget,
  names: Set<string>,
  shard: number,
): Promise<TensorInfo[]> {
  cursor.expect(count * MIN_INFO_BYTES, `${count} tensor descriptions`);
  const infos: TensorInfo[] = [];
  for (let index = 0; index < count; index++) {
    // One wait per chunk: a promise per tensor would cost more memory than the tensors.
    if (!cursor.has(MAX_INFO_BYTES)) await cursor.fillUpTo(MAX_INFO_BYTES, WHAT);
    const name = readName(cursor, MAX_NAME_BYTES, INFO_COST_BYTES, budget, 'a tensor name');
    if (names.has(name)) throw damaged(cursor.source, 'have unique tensor names', `${quote(name)} twice`);
    names.add(name);
    infos.push(readTensorInfo(cursor, name, shard));
  }
  return infos;
}

function readTensorInfo(cursor: Cursor, name: string, shard: number): TensorInfo {
  cursor.require(4, WHAT);
  const rank = cursor.u32();
  if (rank > MAX_DIMS) {
    throw damaged(cursor.source, `have tensors of at most ${MAX_DIMS} dimensions`, `${rank} for ${quote(name)}`);
  }
  cursor.require(rank * 8 + 12, WHAT);
  // Made at its length: one grown by `push` holds room for 17.
  const dims = new Array<number>(rank);
  let weights = 1;
  for (let index = 0; index < rank; index++) {
    const dim = cursor.u64();
    weights *= dim;
    dims[index] = dim;
  }
  const type = typeOf(cursor.source, name, cursor.u32());
  const offset = cursor.u64();
  const rows = (dims[0] ?? 1) % type.weightsPerBlock === 0;
  const bytes = rows ? ggmlBytes(type, weights) : undefined;
  if (bytes === undefined) {
    const expected = `have rows of ${type.name} in multiples of ${type.weightsPerBlock} weights`;
    throw damaged(cursor.source, expected, `${shape(dims)} for ${quote(name)}`);
  }
  if (weights === 0 || !Number.isSafeInteger(weights) || !Number.isSafeInteger(bytes)) {
    throw damaged(cursor.source, 'have tensors of 1 to 2^53 weights', `${shape(dims)} for ${quote(name)}`);
  }
  return { name, dims, type, bytes, offset, shard };
}

function typeOf(source: ByteSource, name: string, id: number): GgmlType {
  const type = ggmlTypeById(id);
  if (type) return type;
  const removed = removedGgmlTypeName(id);
  const found = removed === undefined ? `number ${id} for ${quote(name)}` : `${removed} (${id}) for ${quote(name)}`;
  const advice = removed === undefined ? 'update this package or download the file again' : 'quantize the model again';
  throw modelFileError(source.path, 'have tensors of a type that llama.cpp reads', found, advice);
}

/**
 * Places the tensors in the file. Like llama.cpp this takes only data without gaps, in the order of the descriptions and
 * each tensor padded to the alignment, so nothing can overlap or lie outside; then the file must be long enough.
 */
export function placeTensors(
  source: ByteSource,
  infos: readonly TensorInfo[],
  alignment: number,
  dataOffset: number,
): readonly GgufTensor[] {
  let next = 0;
  let end = 0;
  for (const info of infos) {
    if (info.offset !== next) {
      const found = `${quote(info.name)} at ${info.offset}`;
      throw damaged(source, `have its next tensor at offset ${next} of the data`, found);
    }
    end = next + info.bytes;
    next = Math.ceil(end / alignment) * alignment;
    info.offset += dataOffset;
  }
  const missing = dataOffset + end - source.sizeBytes;
  if (infos.length > 0 && missing > 0) {
    const expected = `be ${countBytes(dataOffset + end)} long, as its tensors need`;
    const found = `${countBytes(source.sizeBytes)}, so ${countBytes(missing)} are missing`;
    throw modelFileError(source.path, expected, found, 'finish the download or download it again');
  }
  return infos;
}

function shape(dims: readonly number[]): string {
  return `[${dims.join(', ')}]`;
}

function damaged(source: ByteSource, expected: string, found: string): Error {
  return modelFileError(source.path, expected, found, 'the file is damaged, so download it again');
}
