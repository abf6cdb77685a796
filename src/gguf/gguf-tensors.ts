/**
 * Knows what is kept of a model's tensors: their kinds, and which name has which kind. It must not know what a tensor is
 * for.
 */

import type { GgmlType } from './ggml-types.ts';
import { HashIndex, MOST_NUMBER } from './hash-index.ts';
import { type Budget, takeBudget } from './header-cursor.ts';

/** The tensors of one type and shape. A model has a dozen such kinds, however many layers it has. */
export interface TensorKind {
  /** One to four dimensions, the fastest first; empty for a single number. */
  readonly dims: readonly number[];
  readonly type: GgmlType;
  /** Bytes of one of these tensors, without the padding behind it. */
  readonly bytes: number;
  /** How many tensors are of this kind. */
  readonly count: number;
  /** True if one of them belongs to a layer: its name begins with `blk.`. */
  readonly inLayer: boolean;
  /** Where the first of them begins and the last one ends, in bytes from the first tensor of the first shard on, as if all shards were one. */
  readonly span: { readonly from: number; readonly to: number };
}

/** Where the tensors of one shard lie, without gaps. */
export interface ShardData {
  /** Where the first tensor begins in the file. */
  readonly dataOffset: number;
  /** Bytes from the beginning of the first tensor to the end of the last one. */
  readonly dataBytes: number;
}

/** The tensors of all shards. Names can be asked for but are not kept: thousands of them would be megabytes. */
export interface GgufTensors {
  /** How many tensors there are. */
  readonly length: number;
  readonly kinds: readonly TensorKind[];
  readonly shards: readonly ShardData[];
  /** Where `token_embd.weight` begins, counted as in `TensorKind.span`: an output of the same type and shape is of its kind. Absent without one. */
  readonly embeddingFrom?: number;
  /** Returns the kind of the tensor with this name, or `undefined` if there is none. */
  find(name: string): TensorKind | undefined;
}

/** Where a name, or a description without name and offset, lies in a view. */
export interface Place {
  at: number;
  bytes: number;
}

interface Kind extends TensorKind {
  count: number;
  inLayer: boolean;
  readonly span: { from: number; to: number };
}

/** An object, its dimensions and boxed numbers; three times, since V8 copies young objects twice before they settle. */
const KIND_BYTES = 3 * 320;
/** `blk.` as a little-endian number. */
const LAYER_PREFIX = 0x2e6b6c62;
const EMBEDDING = new TextEncoder().encode('token_embd.weight');

/** @internal What `readTensors` fills, shard by shard. */
export class TensorTable implements GgufTensors {
  readonly kinds: Kind[] = [];
  readonly shards: ShardData[] = [];
  embeddingFrom?: number;
  readonly #budget: Budget;
  readonly #names = new HashIndex();
  readonly #descriptions = new HashIndex();
  #shardsBytes = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get length(): number {
    return this.#names.length;
  }

  /** Makes room for the tensors of the next shard. Returns false if the budget is too small for them. */
  reserve(count: number): boolean {
    const addedBytes = HashIndex.countBytes(this.length + count) - HashIndex.countBytes(this.length);
    if (!takeBudget(this.#budget, addedBytes)) return false;
    this.#names.reserve(this.length + count);
    return true;
  }

  /** Returns the index of the kind that is described so, or -1 if it is new. */
  findKindIndex(view: DataView, description: Place): number {
    this.#descriptions.reserve(this.kinds.length + 1);
    return this.#descriptions.find(view, description.at, description.bytes);
  }

  /** Adds the kind that `findKindIndex` was just asked for. Returns false if there is no room. */
  addKind(kind: Pick<Kind, 'dims' | 'type' | 'bytes'>): boolean {
    if (this.kinds.length > MOST_NUMBER || !takeBudget(this.#budget, KIND_BYTES)) return false;
    this.#descriptions.add(this.kinds.length);
    this.kinds.push({ ...kind, count: 0, inLayer: false, span: { from: Number.POSITIVE_INFINITY, to: 0 } });
    return true;
  }

  /** Adds a tensor that `reserve` made room for, at `offset` of its shard. Returns false if its name is there already. */
  add(view: DataView, name: Place, kindIndex: number, offset: number): boolean {
    if (this.#names.find(view, name.at, name.bytes) >= 0) return false;
    this.#names.add(kindIndex);
    const kind = this.kinds[kindIndex]!;
    kind.count++;
    const from = this.#shardsBytes + offset;
    kind.span.from = Math.min(kind.span.from, from);
    kind.span.to = Math.max(kind.span.to, from + kind.bytes);
    if (name.bytes > 4 && view.getUint32(name.at, true) === LAYER_PREFIX) kind.inLayer = true;
    if (isEmbedding(view, name)) this.embeddingFrom = from;
    return true;
  }

  addShard(data: ShardData): void {
    this.shards.push(data);
    this.#shardsBytes += data.dataBytes;
  }

  find(name: string): TensorKind | undefined {
    const bytes = new TextEncoder().encode(name);
    return this.kinds[this.#names.find(new DataView(bytes.buffer), 0, bytes.length)];
  }
}

function isEmbedding(view: DataView, { at, bytes }: Place): boolean {
  return bytes === EMBEDDING.length && EMBEDDING.every((byte, index) => view.getUint8(at + index) === byte);
}
