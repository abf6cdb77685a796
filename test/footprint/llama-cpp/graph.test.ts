/** What a graph records of operations. */
import { describe, expect, it } from 'vitest';
import { countElements, EXTERNAL, Graph } from '../../../src/footprint/llama-cpp/graph.ts';

describe('a graph', () => {
  it('notes what the largest product needs beside its tensors', () => {
    const graph = new Graph(2);
    graph.matmul(10, graph.input([100, 3]));
    graph.matmul(1000, graph.input([50, 2]));
    expect(graph.scratchBytes).toBe(600);
  });

  it('notes the same for experts, and their list of rows', () => {
    const graph = new Graph(2);
    graph.noteExpertScratch(graph.input([100]), 40);
    expect(graph.scratchBytes).toBe(240);
    graph.noteScratch(graph.input([100]), 1.5);
    expect(graph.scratchBytes).toBe(240);
  });

  it('takes what a tensor needs before the tensor, each once, and nothing else', () => {
    const graph = new Graph();
    const input = graph.input([8]);
    const first = graph.map(input);
    const second = graph.map(first, input);
    graph.map(second);
    graph.expand(second);
    graph.expand(first);
    expect(graph.leafs).toEqual([input]);
    expect(graph.nodes).toEqual([first, second]);
  });

  it('gives a view no bytes of its own but those of its root', () => {
    const graph = new Graph();
    const root = graph.op([8, 4], [graph.input([8])]);
    const view = graph.view(graph.view(root, [4, 8], { atStart: false }), [2, 2]);
    expect(view).toMatchObject({ viewOf: root, atStart: false, contiguous: true, bytes: 16 });
    expect(root).toMatchObject({ viewOf: undefined, atStart: true, bytes: 128 });
  });

  it('counts two bytes for each element if that is said, else four', () => {
    const graph = new Graph();
    expect([graph.input([8]).bytes, graph.input([8], 2).bytes, graph.op([8], [], { elementBytes: 2 }).bytes]).toEqual([
      32, 16, 16,
    ]);
    expect(graph.matmul(10, graph.input([100, 3])).dims).toEqual([10, 3]);
    expect(graph.matmul(10, graph.input([100, 3])).sources).toContain(EXTERNAL);
  });
});

it('a tensor without dimensions is one element', () => {
  expect([countElements([]), countElements([3, 4]), countElements([3, 0])]).toEqual([1, 12, 0]);
});
