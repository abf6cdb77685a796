/** A compute graph as ggml records one: tensors with sizes and sources, in the order of their computing. It knows no model and no allocator. */

/** Up to four dimensions, fastest first; missing ones are 1. */
export type Dims = readonly number[];

export interface Tensor {
  readonly dims: Dims;
  readonly bytes: number;
  readonly sources: readonly Tensor[];
  /** `input` is filled before the graph runs, `external` lies in another buffer (weights, caches), `node` is computed. */
  readonly kind: 'input' | 'external' | 'node';
  /** Rows follow each other without gaps, in their natural order. */
  readonly contiguous: boolean;
  /** The operation may write over a source of the same layout. */
  readonly inPlace: boolean;
  /** Whose bytes these are; never a view itself. */
  readonly viewOf: Tensor | undefined;
  /** Of a view: begins where its root begins. */
  readonly atStart: boolean;
  /** Read by the caller afterwards, so never overwritten. */
  output: boolean;
}

export interface OpOptions {
  readonly inPlace?: boolean;
  readonly elementBytes?: number;
}

export interface ViewOptions {
  /** @default true */
  readonly atStart?: boolean;
  /** @default true */
  readonly contiguous?: boolean;
  /** Sources besides the tensor that is viewed. */
  readonly after?: readonly Tensor[];
}

const F32 = 4;

/** Weights and caches: their sizes are counted elsewhere. */
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

export class Graph {
  readonly leafs: Tensor[] = [];
  readonly nodes: Tensor[] = [];
  /** What the largest product needs beside its tensors: its right side in the type of its left one. */
  scratchBytes = 0;
  readonly #scratchPerElement: number;
  readonly #seen = new Set<Tensor>();

  /** `scratchPerElement`: bytes of an activation in the type that the weights are multiplied with. */
  constructor(scratchPerElement = 0) {
    this.#scratchPerElement = scratchPerElement;
  }

  input(dims: Dims, elementBytes = F32): Tensor {
    return tensor({ dims, bytes: count(dims) * elementBytes, sources: [], kind: 'input' });
  }

  op(dims: Dims, sources: readonly Tensor[], { inPlace = false, elementBytes = F32 }: OpOptions = {}): Tensor {
    return tensor({ dims, bytes: count(dims) * elementBytes, sources, kind: 'node', inPlace });
  }

  /** An element-wise operation on `first`: same shape, in place where it can be. */
  map(first: Tensor, ...others: readonly Tensor[]): Tensor {
    return this.op(first.dims, [first, ...others], { inPlace: true });
  }

  /** `y = W x` for a weight with `rows` rows. */
  matmul(rows: number, x: Tensor): Tensor {
    this.scratch(x, this.#scratchPerElement);
    return this.op([rows, ...x.dims.slice(1)], [EXTERNAL, x]);
  }

  scratch(x: Tensor, bytesPerElement: number): void {
    this.scratchBytes = Math.max(this.scratchBytes, Math.ceil(count(x.dims) * bytesPerElement));
  }

  /** A product with experts sorts its rows first. */
  scratchExperts(x: Tensor, listBytes: number): void {
    this.scratchBytes = Math.max(this.scratchBytes, Math.ceil(count(x.dims) * this.#scratchPerElement) + listBytes);
  }

  view(source: Tensor, dims: Dims, { atStart = true, contiguous = true, after = [] }: ViewOptions = {}): Tensor {
    const root = source.viewOf ?? source;
    return tensor({
      dims,
      bytes: count(dims) * F32,
      sources: [source, ...after],
      kind: 'node',
      contiguous,
      viewOf: root,
      atStart: atStart && source.atStart,
    });
  }

  /** Writes `sources` into a cache. */
  store(...sources: readonly Tensor[]): void {
    this.expand(tensor({ dims: [], bytes: 0, sources: [...sources, EXTERNAL], kind: 'node', viewOf: EXTERNAL }));
  }

  /** Takes the tensor and everything it needs into the graph, sources first. */
  expand(last: Tensor): void {
    if (this.#seen.has(last)) return;
    this.#seen.add(last);
    for (const source of last.sources) this.expand(source);
    (last.kind === 'node' ? this.nodes : this.leafs).push(last);
  }
}

export function count(dims: Dims): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function tensor(parts: Partial<Tensor> & Pick<Tensor, 'dims' | 'bytes' | 'sources' | 'kind'>): Tensor {
  return { contiguous: true, inPlace: false, viewOf: undefined, atStart: true, output: false, ...parts };
}
