/**
 * Knows a compute graph as ggml records one: tensors with sizes and sources, in the order in which they are computed. It
 * must not know models or allocators.
 */
import { withoutPrototype } from '../../core/copy-options.ts';

/** Up to four dimensions, the fastest first; missing ones are 1. */
export type Dims = readonly number[];

/** One tensor of a graph; only its size and its relations count, not the operation. */
export interface Tensor {
  readonly dims: Dims;
  readonly bytes: number;
  readonly sources: readonly Tensor[];
  /** `input` is filled before the graph runs, `external` lies in another buffer (weights, caches), `node` is computed. */
  readonly kind: 'input' | 'external' | 'node';
  /** The rows follow each other without gaps, in their natural order. */
  readonly contiguous: boolean;
  /** The operation may write over a source of the same layout. */
  readonly inPlace: boolean;
  /** The tensor whose bytes a view shows. It is never a view itself. */
  readonly viewOf: Tensor | undefined;
  /** A view begins where the bytes of its root begin. */
  readonly atStart: boolean;
  /** The caller reads the tensor afterwards, so it is never overwritten. */
  output: boolean;
}

/** Options of `Graph.op`. */
export interface OpOptions {
  /** @default false */
  readonly inPlace?: boolean;
  /** @default 4 */
  readonly elementBytes?: number;
}

/** Options of `Graph.view`. */
export interface ViewOptions {
  /** @default true */
  readonly atStart?: boolean;
  /** @default true */
  readonly contiguous?: boolean;
}

const F32_BYTES = 4;

/** Stands for weights and caches, whose sizes are counted elsewhere. */
export const EXTERNAL: Tensor = Object.freeze({
  dims: [],
  bytes: 0,
  sources: [],
  kind: 'external',
  contiguous: true,
  inPlace: false,
  viewOf: undefined,
  atStart: true,
  output: false,
});

/**
 * Records operations in the words of ggml: a method that makes a tensor returns it, and `expand` takes it into the graph.
 */
export class Graph {
  readonly leafs: Tensor[] = [];
  readonly nodes: Tensor[] = [];
  /**
   * Bytes that the largest product needs beside its tensors: its right side in the type that its left side is multiplied
   * with.
   */
  scratchBytes = 0;
  readonly #scratchBytesPerElement: number;
  readonly #seen = new Set<Tensor>();

  /** `scratchBytesPerElement` are the bytes of an activation in the type that the weights are multiplied with. */
  constructor(scratchBytesPerElement = 0) {
    this.#scratchBytesPerElement = scratchBytesPerElement;
  }

  /** A tensor that is filled before the graph runs. */
  input(dims: Dims, elementBytes = F32_BYTES): Tensor {
    return createTensor({ dims, bytes: countElements(dims) * elementBytes, sources: [], kind: 'input' });
  }

  /** A tensor that is computed from `sources`. */
  op(dims: Dims, sources: readonly Tensor[], options?: OpOptions): Tensor {
    const { inPlace = false, elementBytes = F32_BYTES } = withoutPrototype({ ...options });
    return createTensor({ dims, bytes: countElements(dims) * elementBytes, sources, kind: 'node', inPlace });
  }

  /** An element-wise operation on `first`: it has the same shape and is computed in place if that is possible. */
  map(first: Tensor, ...others: readonly Tensor[]): Tensor {
    return this.op(first.dims, [first, ...others], { inPlace: true });
  }

  /** The product of a weight with `rows` rows and `x`. */
  matmul(rows: number, x: Tensor): Tensor {
    this.noteScratch(x, this.#scratchBytesPerElement);
    return this.op([rows, ...x.dims.slice(1)], [EXTERNAL, x]);
  }

  /** Notes that a product needs `x` a second time, with so many bytes for each element. */
  noteScratch(x: Tensor, bytesPerElement: number): void {
    this.scratchBytes = Math.max(this.scratchBytes, Math.ceil(countElements(x.dims) * bytesPerElement));
  }

  /** Notes the same for a product with experts, which sorts its rows first into a list. */
  noteExpertScratch(x: Tensor, listBytes: number): void {
    this.scratchBytes = Math.max(
      this.scratchBytes,
      Math.ceil(countElements(x.dims) * this.#scratchBytesPerElement) + listBytes,
    );
  }

  /** A tensor that shows bytes of `source` in another shape. */
  view(source: Tensor, dims: Dims, { atStart = true, contiguous = true }: ViewOptions = {}): Tensor {
    const root = source.viewOf ?? source;
    return createTensor({
      dims,
      bytes: countElements(dims) * F32_BYTES,
      sources: [source],
      kind: 'node',
      contiguous,
      viewOf: root,
      atStart: atStart && source.atStart,
    });
  }

  /** Writes `sources` into a cache. */
  store(...sources: readonly Tensor[]): void {
    this.expand(createTensor({ dims: [], bytes: 0, sources: [...sources, EXTERNAL], kind: 'node', viewOf: EXTERNAL }));
  }

  /** Takes the tensor and everything it needs into the graph, sources first. */
  expand(last: Tensor): void {
    if (this.#seen.has(last)) return;
    this.#seen.add(last);
    for (const source of last.sources) this.expand(source);
    (last.kind === 'node' ? this.nodes : this.leafs).push(last);
  }
}

/** Returns how many elements a tensor of these dimensions has. */
export function countElements(dims: Dims): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function createTensor(parts: Partial<Tensor> & Pick<Tensor, 'dims' | 'bytes' | 'sources' | 'kind'>): Tensor {
  return { contiguous: true, inPlace: false, viewOf: undefined, atStart: true, output: false, ...parts };
}
