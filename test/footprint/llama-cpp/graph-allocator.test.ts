/** The allocator's rules on graphs small enough to be laid out by hand. */
import { describe, expect, it } from 'vitest';
import { EXTERNAL, Graph, type Tensor } from '../../../src/footprint/llama-cpp/graph.ts';
import { computeGraphBytes } from '../../../src/footprint/llama-cpp/graph-allocator.ts';

const KIB = [256]; // 256 floats

function chain(steps: number, inPlace: boolean): number {
  const graph = new Graph();
  let x = graph.input(KIB);
  for (let step = 0; step < steps; step++) x = graph.op(KIB, [x], { inPlace });
  graph.expand(x);
  return computeGraphBytes(graph);
}

describe('computeGraphBytes', () => {
  it('needs nothing for an empty graph', () => {
    expect(computeGraphBytes(new Graph())).toBe(0);
  });

  it('writes in place where the operation allows it', () => {
    expect(chain(5, true)).toBe(1024);
  });

  it('needs two places where it does not', () => {
    expect(chain(5, false)).toBe(2048);
  });

  it('never writes over what is read again', () => {
    const graph = new Graph();
    const x = graph.input(KIB);
    const y = graph.map(x);
    graph.expand(graph.map(y, x));
    expect(computeGraphBytes(graph)).toBe(2048);
  });

  it('never writes over an output', () => {
    const graph = new Graph();
    const x = graph.map(graph.input(KIB));
    x.output = true;
    graph.expand(graph.map(x));
    expect(computeGraphBytes(graph)).toBe(2048);
  });

  it('does not write in place over another shape or another order', () => {
    const graph = new Graph();
    const x = graph.input(KIB);
    graph.expand(graph.op([16, 16], [x], { inPlace: true }));
    expect(computeGraphBytes(graph)).toBe(2048);
  });

  it('keeps the bytes of a view until nobody looks at them', () => {
    const graph = new Graph();
    const x = graph.op(KIB, [graph.input([8])]);
    const view = graph.view(x, [128], { contiguous: false });
    const y = graph.op(KIB, [view]);
    graph.expand(graph.op(KIB, [graph.op(KIB, [y])]));
    // The input's 32 bytes lie before x, y beside x, then x's place is free again.
    expect(computeGraphBytes(graph)).toBe(32 + 2048);
  });

  it('takes the smallest free block that fits', () => {
    const graph = new Graph();
    const input = graph.input([8]);
    const held: Tensor[] = [];
    const large = graph.op([512], [input]);
    held.push(graph.op([8], [large]));
    const small = graph.op([256], [input]);
    held.push(graph.op([8], [small]));
    for (const tensor of [large, held[0], small, held[1]]) graph.expand(tensor as Tensor);
    graph.expand(graph.op([256], [input, ...held]));
    // 32 input, 2048 large, 32, 1024 small, 32; the last one takes the place of `small`.
    expect(computeGraphBytes(graph)).toBe(32 + 2048 + 32);
  });

  it('counts neither weights nor caches', () => {
    const graph = new Graph();
    graph.store(graph.view(EXTERNAL, KIB), EXTERNAL);
    expect(computeGraphBytes(graph)).toBe(0);
  });

  it('rounds each tensor up to 32 bytes', () => {
    const graph = new Graph();
    graph.expand(graph.input([1]));
    graph.expand(graph.input([9]));
    expect(computeGraphBytes(graph)).toBe(32 + 64);
  });
});
