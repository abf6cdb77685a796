/** How large a buffer ggml's allocator makes for a graph; it knows ggml-alloc.c's rules, nothing of models. */
import type { Graph, Tensor } from './graph.ts';

/** Of CPU buffers. */
const ALIGNMENT = 32;

interface Block {
  offset: number;
  size: number;
}

interface Use {
  children: number;
  views: number;
  allocated: boolean;
  offset: number;
}

/**
 * The bytes that `ggml_gallocr_reserve` takes: inputs first, then node by node in order, each freed after its last use,
 * in place where the operation allows it, in the smallest free block that fits. Exact, fragments included.
 */
export function graphBytes(graph: Graph): number {
  const pool = new Pool();
  const uses = new Map<Tensor, Use>();
  for (const leaf of graph.leafs) allocate(leaf, pool, uses);
  for (const node of graph.nodes) {
    if (node.viewOf) useOf(uses, node.viewOf).views += 1;
    for (const source of node.sources) useOf(uses, source).children += 1;
  }
  for (const node of graph.nodes) {
    allocate(node, pool, uses);
    for (const source of node.sources) release(source, pool, uses);
  }
  return pool.peakBytes;
}

function allocate(tensor: Tensor, pool: Pool, uses: Map<Tensor, Use>): void {
  const use = useOf(uses, tensor);
  if (tensor.kind === 'external' || use.allocated || tensor.viewOf) return;
  use.allocated = true;
  const reused = tensor.inPlace ? reusable(tensor, uses) : undefined;
  if (reused === undefined) {
    use.offset = pool.take(tensor.bytes);
    return;
  }
  const old = useOf(uses, reused);
  old.allocated = false;
  use.offset = old.offset;
}

/** The source whose bytes this one may overwrite. Equal layouts have equal sizes, so nothing is left over but of a larger root. */
function reusable(tensor: Tensor, uses: Map<Tensor, Use>): Tensor | undefined {
  for (const source of tensor.sources) {
    const use = useOf(uses, source);
    if (!use.allocated || source.output || !sameLayout(tensor, source)) continue;
    if (use.children === 1 && use.views === 0) return source;
  }
  return undefined;
}

function sameLayout(a: Tensor, b: Tensor): boolean {
  if (!b.contiguous || a.bytes !== b.bytes) return false;
  return [0, 1, 2, 3].every((axis) => (a.dims[axis] ?? 1) === (b.dims[axis] ?? 1));
}

function release(source: Tensor, pool: Pool, uses: Map<Tensor, Use>): void {
  const use = useOf(uses, source);
  use.children -= 1;
  if (use.children > 0 || use.views > 0) return;
  if (!source.viewOf) {
    free(source, use, pool);
    return;
  }
  const root = useOf(uses, source.viewOf);
  root.views -= 1;
  if (root.views === 0 && root.children === 0) free(source.viewOf, root, pool);
}

function free(tensor: Tensor, use: Use, pool: Pool): void {
  if (!use.allocated || tensor.output) return;
  pool.give(use.offset, tensor.bytes);
  use.allocated = false;
}

function useOf(uses: Map<Tensor, Use>, tensor: Tensor): Use {
  let use = uses.get(tensor);
  if (use === undefined) {
    use = { children: 0, views: 0, allocated: false, offset: 0 };
    uses.set(tensor, use);
  }
  return use;
}

/** Free blocks by address; the last one has no end. */
class Pool {
  peakBytes = 0;
  readonly #blocks: Block[] = [{ offset: 0, size: Number.POSITIVE_INFINITY }];

  take(bytes: number): number {
    const size = align(bytes);
    let best = this.#blocks.length - 1;
    for (let index = 0; index < this.#blocks.length - 1; index++) {
      const { size: free } = this.#blocks[index] as Block;
      if (free >= size && free <= (this.#blocks[best] as Block).size) best = index;
    }
    const block = this.#blocks[best] as Block;
    const { offset } = block;
    block.offset += size;
    block.size -= size;
    if (block.size === 0) this.#blocks.splice(best, 1);
    this.peakBytes = Math.max(this.peakBytes, offset + size);
    return offset;
  }

  /** As `ggml_dyn_tallocr_free_bytes`, to the letter: an empty tensor can leave an empty block that parts its neighbours. */
  give(offset: number, bytes: number): void {
    const size = align(bytes);
    const blocks = this.#blocks;
    for (const [index, block] of blocks.entries()) {
      if (block.offset + block.size === offset) {
        block.size += size;
        this.#join(index);
        return;
      }
      if (offset + size === block.offset) {
        block.offset = offset;
        block.size += size;
        if (index > 0) this.#join(index - 1);
        return;
      }
    }
    blocks.splice(
      blocks.findIndex((block) => block.offset >= offset),
      0,
      { offset, size },
    );
  }

  /** The block with the next one, where they touch. */
  #join(index: number): void {
    const [block, next] = [this.#blocks[index], this.#blocks[index + 1]];
    if (!block || !next || block.offset + block.size !== next.offset) return;
    block.size += next.size;
    this.#blocks.splice(index + 1, 1);
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
