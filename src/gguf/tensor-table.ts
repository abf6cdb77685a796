/** The tensors of a model, found by name and counted by kind; it knows types and shapes, not what a tensor is for. */

import type { GgmlType } from './ggml-types.ts';
import { HashIndex, MOST_NUMBER } from './hash-index.ts';
import { type Budget, take } from './header-cursor.ts';

/** The tensors of one type and shape: a model has a dozen such kinds, however many layers it has. */
export interface TensorKind {
  /** Fastest dimension first, one to four of them; empty for a single number. */
  readonly dims: readonly number[];
  readonly type: GgmlType;
  /** Of one of them, without the padding behind it. */
  readonly bytes: number;
  /** How many there are. */
  readonly count: number;
  /** Whether one of them belongs to a layer: its name begins with `blk.`. */
  readonly inLayer: boolean;
}

/** Where the tensors of one shard lie, without gaps. */
export interface ShardData {
  readonly dataOffset: number;
  /** From the first tensor to the end of the last one. */
  readonly dataBytes: number;
}

/** The tensors of all shards. Names can be asked for but are not kept: thousands of them would be megabytes. */
export interface GgufTensors {
  readonly length: number;
  readonly kinds: readonly TensorKind[];
  readonly shards: readonly ShardData[];
  /** The kind of the tensor with this name. */
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
}

/** Object, dimensions and boxed numbers; three times, since young objects are copied twice before they settle. */
const KIND_BYTES = 3 * 320;
/** `blk.` as a little-endian number. */
const LAYER_PREFIX = 0x2e6b6c62;

/** @internal */
export class TensorTable implements GgufTensors {
  readonly kinds: Kind[] = [];
  readonly shards: ShardData[] = [];
  readonly #budget: Budget;
  readonly #names = new HashIndex();
  readonly #descriptions = new HashIndex();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get length(): number {
    return this.#names.length;
  }

  /** Makes room for the tensors of the next shard; false where the budget has none. */
  reserve(count: number): boolean {
    const room = HashIndex.bytesFor(this.length + count) - HashIndex.bytesFor(this.length);
    if (!take(this.#budget, room)) return false;
    this.#names.reserve(this.length + count);
    return true;
  }

  /** The index of the kind that is described so; -1 for a new one. */
  kindIndex(view: DataView, description: Place): number {
    this.#descriptions.reserve(this.kinds.length + 1);
    return this.#descriptions.find(view, description.at, description.bytes);
  }

  /** Adds the kind that was just asked for; false where there is no room. */
  addKind(kind: Pick<Kind, 'dims' | 'type' | 'bytes'>): boolean {
    if (this.kinds.length > MOST_NUMBER || !take(this.#budget, KIND_BYTES)) return false;
    this.#descriptions.add(this.kinds.length);
    this.kinds.push({ ...kind, count: 0, inLayer: false });
    return true;
  }

  /** Adds a tensor for which room was made; false where its name is there already. */
  add(view: DataView, name: Place, kindIndex: number): boolean {
    if (this.#names.find(view, name.at, name.bytes) >= 0) return false;
    this.#names.add(kindIndex);
    const kind = this.kinds[kindIndex] as Kind;
    kind.count++;
    if (name.bytes > 4 && view.getUint32(name.at, true) === LAYER_PREFIX) kind.inLayer = true;
    return true;
  }

  endShard(data: ShardData): void {
    this.shards.push(data);
  }

  find(name: string): TensorKind | undefined {
    const bytes = new TextEncoder().encode(name);
    return this.kinds[this.#names.find(new DataView(bytes.buffer), 0, bytes.length)];
  }
}
