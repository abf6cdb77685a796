/** Knows how large a buffer ggml's allocator makes for a graph, by the rules of ggml-alloc.c. It must not know models. */
import type { Graph, Tensor } from './graph.ts';

/** Every tensor in a CPU buffer begins at a multiple of so many bytes. */
const ALIGNMENT = 32;

interface Block {
  offset: number;
  size: number;
}

/** What the allocator knows of a tensor while it walks over the graph. */
interface Use {
  /** How many nodes still read the tensor. */
  children: number;
  /** How many views of it are still read. */
  views: number;
  allocated: boolean;
  offset: number;
}

/**
 * Computes the bytes that `ggml_gallocr_reserve` takes. Inputs come first, then the nodes in their order. Each lies in
 * place of a source if the operation allows it, otherwise in the smallest free block that fits, and is freed after its last
 * use. The result is exact, fragments included.
 */
export function computeGraphBytes(graph: Graph): number {
  const pool = new BlockPool();
  const uses = new Map<Tensor, Use>();
  for (const leaf of graph.leafs) allocate(leaf, pool, uses);
  for (const node of graph.nodes) {
    if (node.viewOf) getUse(uses, node.viewOf).views += 1;
    for (const source of node.sources) getUse(uses, source).children += 1;
  }
  for (const node of graph.nodes) {
    allocate(node, pool, uses);
    for (const source of node.sources) release(source, pool, uses);
  }
  return pool.peakBytes;
}

function allocate(tensor: Tensor, pool: BlockPool, uses: Map<Tensor, Use>): void {
  const use = getUse(uses, tensor);
  if (tensor.kind === 'external' || use.allocated || tensor.viewOf) return;
  use.allocated = true;
  const reused = tensor.inPlace ? findReusable(tensor, uses) : undefined;
  if (reused === undefined) {
    use.offset = pool.take(tensor.bytes);
    return;
  }
  const old = getUse(uses, reused);
  old.allocated = false;
  use.offset = old.offset;
}

/**
 * Returns the source whose bytes the tensor may overwrite. Equal layouts have equal sizes, so nothing is left over but of a
 * larger root.
 */
function findReusable(tensor: Tensor, uses: Map<Tensor, Use>): Tensor | undefined {
  for (const source of tensor.sources) {
    const use = getUse(uses, source);
    if (!use.allocated || source.output || !hasSameLayout(tensor, source)) continue;
    if (use.children === 1 && use.views === 0) return source;
  }
  return undefined;
}

function hasSameLayout(a: Tensor, b: Tensor): boolean {
  if (!b.contiguous || a.bytes !== b.bytes) return false;
  return [0, 1, 2, 3].every((axis) => (a.dims[axis] ?? 1) === (b.dims[axis] ?? 1));
}

function release(source: Tensor, pool: BlockPool, uses: Map<Tensor, Use>): void {
  const use = getUse(uses, source);
  use.children -= 1;
  if (use.children > 0 || use.views > 0) return;
  if (!source.viewOf) {
    free(source, use, pool);
    return;
  }
  const root = getUse(uses, source.viewOf);
  root.views -= 1;
  if (root.views === 0 && root.children === 0) free(source.viewOf, root, pool);
}

function free(tensor: Tensor, use: Use, pool: BlockPool): void {
  if (!use.allocated || tensor.output) return;
  pool.give(use.offset, tensor.bytes);
  use.allocated = false;
}

function getUse(uses: Map<Tensor, Use>, tensor: Tensor): Use {
  let use = uses.get(tensor);
  if (use === undefined) {
    use = { children: 0, views: 0, allocated: false, offset: 0 };
    uses.set(tensor, use);
  }
  return use;
}

/** The free blocks by address. The last one has no end. */
class BlockPool {
  peakBytes = 0;
  readonly #blocks: Block[] = [{ offset: 0, size: Number.POSITIVE_INFINITY }];

  /** Takes bytes from the smallest block that is large enough, and returns their offset. */
  take(bytes: number): number {
    const size = alignBytes(bytes);
    let best = this.#blocks.length - 1;
    for (let index = 0; index < this.#blocks.length - 1; index++) {
      const { size: free } = this.#blocks[index]!;
      if (free >= size && free <= this.#blocks[best]!.size) best = index;
    }
    const block = this.#blocks[best]!;
    const { offset } = block;
    block.offset += size;
    block.size -= size;
    if (block.size === 0) this.#blocks.splice(best, 1);
    this.peakBytes = Math.max(this.peakBytes, offset + size);
    return offset;
  }

  /**
   * Frees bytes exactly as `ggml_dyn_tallocr_free_bytes` does: an empty tensor can leave an empty block that parts its
   * neighbours.
   */
  give(offset: number, bytes: number): void {
    const size = alignBytes(bytes);
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

  /** Joins the block with the next one if they touch. */
  #join(index: number): void {
    const [block, next] = [this.#blocks[index], this.#blocks[index + 1]];
    if (!block || !next || block.offset + block.size !== next.offset) return;
    block.size += next.size;
    this.#blocks.splice(index + 1, 1);
  }
}

function alignBytes(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
