/**
 * Knows where an ONNX file names its weights: initializers of its graph and of graphs within, constants, and those in files beside it. It must not
 * know what an engine makes of them.
 */
import type { ByteSource } from '../../gguf/model-file.ts';
import { formatByteCount, modelFileError, quote } from '../../gguf/model-file.ts';
import { countElementBytes, isHalf, STRING } from './element-types.ts';
import { BYTES, type ProtobufReader, runWalk, type Walk } from './protobuf-reader.ts';

/** The weights of one tensor. */
export interface OnnxTensor {
  readonly type: number;
  readonly elements: number;
  /** How many dimensions it has. */
  readonly rank: number;
  readonly bytes: number;
  /** Whether a node makes numbers of another type of it. */
  readonly converted: boolean;
  /** Where it lies, if not in the file itself. */
  readonly external?: ExternalPlace;
}

/** A part of a file beside the model. */
export interface ExternalPlace {
  /** As the model names it. It is not checked. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** What a model's file tells. */
export interface OnnxModel {
  readonly tensors: readonly OnnxTensor[];
  readonly nodes: number;
  /** Names of operators, such as 'Conv'. */
  readonly operators: ReadonlySet<string>;
  /** What of the file is no weight. */
  readonly structureBytes: number;
}

/** Real models have some thousands of each; what is kept of a hostile one stays below some tens of MiB. */
const MOST_TENSORS = 131_072;
const MOST_NODES = 1_000_000;
const MOST_NAMES_BYTES = 16 * 1024 * 1024;
const MOST_NAME_BYTES = 4096;
const MOST_OPERATORS = 4096;
/** Graphs within graphs: `If` in `Loop` in a function. */
const MOST_DEPTH = 32;

/** Rejects with `ERR_MODEL_FILE` for what can't be understood. Weights themselves are not read. */
export async function readOnnx(source: ByteSource): Promise<OnnxModel> {
  return runWalk(source, (reader) => new Walker(source.path, reader).model());
}

interface FoundTensor extends Omit<OnnxTensor, 'converted'> {
  readonly name: string;
}

/** What has been read of a tensor so far. */
interface Parts {
  readonly dims: number[];
  type: number;
  name: string;
  rawBytes: number | undefined;
  typedBytes: number;
  external: Map<string, string> | undefined;
  isExternal: boolean;
}

class Walker {
  readonly #path: string;
  readonly #reader: ProtobufReader;
  readonly #tensors: FoundTensor[] = [];
  readonly #converted = new Set<string>();
  readonly #operators = new Set<string>();
  #nodes = 0;
  #graphs = 0;
  #namesBytes = 0;
  #inlineBytes = 0;

  constructor(path: string, reader: ProtobufReader) {
    this.#path = path;
    this.#reader = reader;
  }

  *model(): Walk<OnnxModel> {
    const end = this.#reader.sizeBytes;
    while (yield* this.#reader.next(end)) {
      if (this.#reader.field === 7) yield* this.#graph(yield* this.#reader.block(end), 0);
      else if (this.#reader.field === 25) yield* this.#function(yield* this.#reader.block(end));
      else yield* this.#reader.skip(end);
    }
    if (this.#graphs === 0) {
      throw modelFileError(this.#path, 'be an ONNX model', 'no graph in it', 'pass the path of a .onnx file');
    }
    return {
      tensors: this.#tensors.map(({ name, ...tensor }) => ({ ...tensor, converted: this.#converted.has(name) })),
      nodes: this.#nodes,
      operators: this.#operators,
      structureBytes: Math.max(0, end - this.#inlineBytes),
    };
  }

  *#graph(end: number, depth: number): Walk {
    const reader = this.#reader;
    if (depth > MOST_DEPTH) throw reader.damaged(`at most ${MOST_DEPTH} graphs in each other`, 'more');
    this.#graphs += 1;
    while (yield* reader.next(end)) {
      if (reader.field === 1) yield* this.#node(yield* reader.block(end), depth);
      else if (reader.field === 5) yield* this.#tensor(yield* reader.block(end));
      else if (reader.field === 15) yield* this.#sparse(yield* reader.block(end));
      else yield* reader.skip(end);
    }
  }

  /** A function of the model's own: its nodes, with the constants in them. */
  *#function(end: number): Walk {
    const reader = this.#reader;
    while (yield* reader.next(end)) {
      if (reader.field === 7) yield* this.#node(yield* reader.block(end), 1);
      else if (reader.field === 11) yield* this.#attribute(yield* reader.block(end), 1, '');
      else yield* reader.skip(end);
    }
  }

  *#node(end: number, depth: number): Walk {
    const reader = this.#reader;
    this.#nodes += 1;
    if (this.#nodes > MOST_NODES) throw reader.damaged(`at most ${MOST_NODES} nodes`, 'more');
    const inputs: string[] = [];
    let output = '';
    let operator = '';
    while (yield* reader.next(end)) {
      if (reader.field === 1 && inputs.length < 2) inputs.push((yield* this.#name(end)) ?? '');
      else if (reader.field === 2 && output === '') output = (yield* this.#name(end)) ?? '';
      else if (reader.field === 4) operator = (yield* reader.text(end, 64)) ?? '';
      else if (reader.field === 5) yield* this.#attribute(yield* reader.block(end), depth, output);
      else yield* reader.skip(end);
    }
    if (this.#operators.size < MOST_OPERATORS) this.#operators.add(operator);
    if (operator === 'Cast' && inputs[0]) this.#keepConverted(inputs[0]);
  }

  *#attribute(end: number, depth: number, output: string): Walk {
    const reader = this.#reader;
    while (yield* reader.next(end)) {
      const { field } = reader;
      if (field === 5 || field === 10) yield* this.#tensor(yield* reader.block(end), output);
      else if (field === 22 || field === 23) yield* this.#sparse(yield* reader.block(end));
      else if (field === 6 || field === 11) yield* this.#graph(yield* reader.block(end), depth + 1);
      else yield* reader.skip(end);
    }
  }

  /** Only the elements that are not zero are written; engines write all of them out. */
  *#sparse(end: number): Walk {
    const reader = this.#reader;
    const dims: number[] = [];
    const first = this.#tensors.length;
    while (yield* reader.next(end)) {
      if (reader.field === 1 || reader.field === 2) yield* this.#tensor(yield* reader.block(end));
      else if (reader.field === 3) yield* this.#dims(end, dims);
      else yield* reader.skip(end);
    }
    const elements = this.#countElements(dims);
    const type = this.#tensors[first]?.type ?? 0;
    this.#keep({
      name: '',
      type,
      elements,
      rank: dims.length,
      bytes: countElementBytes(type, elements) ?? elements * 8,
    });
  }

  /** `output` is what a constant is called that has no name of its own. */
  *#tensor(end: number, output = ''): Walk {
    const reader = this.#reader;
    const parts: Parts = {
      dims: [],
      type: 0,
      name: output,
      rawBytes: undefined,
      typedBytes: 0,
      external: undefined,
      isExternal: false,
    };
    while (yield* reader.next(end)) yield* this.#tensorField(end, parts);
    this.#finishTensor(parts);
  }

  *#tensorField(end: number, parts: Parts): Walk {
    const reader = this.#reader;
    switch (reader.field) {
      case 1:
        return yield* this.#dims(end, parts.dims);
      case 2:
        parts.type = reader.kind === 0 ? yield* reader.number(end) : 0;
        return;
      case 4:
      case 5:
      case 6:
      case 7:
      case 10:
      case 11:
        parts.typedBytes += yield* reader.skip(end);
        return;
      case 8: {
        const name = yield* this.#name(end);
        if (name) parts.name = name;
        return;
      }
      case 9: {
        const blockEnd = yield* reader.block(end);
        parts.rawBytes = blockEnd - reader.position;
        reader.jump(blockEnd);
        return;
      }
      case 13:
        parts.external ??= new Map();
        return yield* this.#entry(yield* reader.block(end), parts.external);
      case 14:
        parts.isExternal = (reader.kind === 0 ? yield* reader.number(end) : 0) === 1;
        return;
      default:
        yield* reader.skip(end);
    }
  }

  /** A list of numbers may be written as one block. */
  *#dims(end: number, dims: number[]): Walk {
    const reader = this.#reader;
    if (reader.kind !== BYTES) dims.push(yield* reader.number(end));
    else {
      const blockEnd = yield* reader.block(end);
      while (reader.position < blockEnd && dims.length < 64) dims.push(yield* reader.number(blockEnd));
      if (reader.position < blockEnd) throw reader.damaged('at most 64 dimensions', 'more');
    }
    if (dims.length > 64) throw reader.damaged('at most 64 dimensions', 'more');
  }

  *#entry(end: number, entries: Map<string, string>): Walk {
    const reader = this.#reader;
    let key: string | undefined;
    let value: string | undefined;
    while (yield* reader.next(end)) {
      if (reader.field === 1) key = yield* reader.text(end, 64);
      else if (reader.field === 2) value = yield* reader.text(end, MOST_NAME_BYTES);
      else yield* reader.skip(end);
    }
    if (key !== undefined && value !== undefined && entries.size < 16) entries.set(key, value);
  }

  #finishTensor({ dims, type, name, rawBytes, typedBytes, external, isExternal }: Parts): void {
    const elements = this.#countElements(dims);
    const bytes = countElementBytes(type, elements) ?? elements * 8;
    const tensor = { name, type, elements, rank: dims.length };
    if (isExternal) {
      this.#keep({ ...tensor, bytes, external: this.#readPlace(name, bytes, external) });
      return;
    }
    const foundBytes = rawBytes ?? typedBytes;
    const needed = rawBytes === undefined ? leastTypedBytes(type, elements) : type === STRING ? 0 : bytes;
    if (foundBytes < needed) {
      throw modelFileError(
        this.#path,
        `have ${formatByteCount(needed)} of weights in ${quote(name)}`,
        formatByteCount(foundBytes),
        'export or download it again',
      );
    }
    this.#inlineBytes += foundBytes;
    this.#keep({ ...tensor, bytes: Math.max(bytes, rawBytes ?? 0) + (type === STRING ? typedBytes : 0) });
  }

  #readPlace(name: string, bytes: number, entries: ReadonlyMap<string, string> | undefined): ExternalPlace {
    const location = entries?.get('location');
    const offset = readWholeNumber(entries?.get('offset') ?? '0');
    const length = readWholeNumber(entries?.get('length') ?? `${bytes}`);
    if (!location || offset === undefined || length === undefined || length < bytes) {
      throw modelFileError(
        this.#path,
        `say where the ${formatByteCount(bytes)} of ${quote(name)} lie`,
        location
          ? `offset ${quote(entries?.get('offset') ?? '0')}, length ${quote(entries?.get('length') ?? '')}`
          : 'no location',
        'export it again',
      );
    }
    return { location, offset, length };
  }

  #countElements(dims: readonly number[]): number {
    const elements = dims.reduce((product, dim) => product * dim, 1);
    // Bits are counted of them, and sums over all tensors.
    if (dims.every((dim) => dim >= 0) && elements < 2 ** 44) return elements;
    throw this.#reader.damaged('a tensor that a machine can hold', `dimensions ${dims.slice(0, 8).join(' x ')}`);
  }

  #keep(tensor: FoundTensor): void {
    if (this.#tensors.length >= MOST_TENSORS) throw this.#reader.damaged(`at most ${MOST_TENSORS} tensors`, 'more');
    // Only of what a node may convert the name is asked for later.
    this.#tensors.push(isHalf(tensor.type) ? { ...tensor, name: '' } : tensor);
  }

  #keepConverted(name: string): void {
    if (this.#converted.size < MOST_NODES) this.#converted.add(name);
  }

  *#name(end: number): Walk<string | undefined> {
    const name = yield* this.#reader.text(end, MOST_NAME_BYTES);
    this.#namesBytes += name?.length ?? 0;
    if (this.#namesBytes > MOST_NAMES_BYTES) throw this.#reader.damaged('at most 16 MiB of names', 'more');
    return name;
  }
}

/** Numbers that are written one by one take at least this much. */
function leastTypedBytes(type: number, elements: number): number {
  if (type === STRING) return 0;
  const bytes = countElementBytes(type, elements) ?? elements;
  // Two of four bits stand in one number.
  return type >= 21 ? Math.floor(elements / 2) : type === 1 || type === 11 ? bytes : elements;
}

function readWholeNumber(text: string): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(value) ? value : undefined;
}
