/** The feed-forward part of one layer: 128 wide, eight tokens. */
import { describe, expect, it } from 'vitest';
import { buildFeedForward } from '../../../src/footprint/llama-cpp/feed-forward-graph.ts';
import { Graph } from '../../../src/footprint/llama-cpp/graph.ts';
import { createModelShape, findTensors, type SmallShape } from '../../support/graph-shapes.ts';

function build(shape: SmallShape): Graph {
  const graph = new Graph(1);
  const output = buildFeedForward(graph, createModelShape(shape), 0, graph.input([128, 8]));
  expect(output.dims).toEqual([128, 8]);
  graph.expand(output);
  return graph;
}

const DENSE = { 'blk.0.ffn_gate.weight': [128, 256], 'blk.0.ffn_up.weight': [128, 256] };
const EXPERTS = { experts: 4, expertsUsed: 2, weights: { 'blk.0.ffn_down_exps.weight': [96, 128, 4] } };

describe('a feed-forward part', () => {
  it('gates one product with another', () => {
    expect(findTensors(build({ weights: DENSE }), 256, 8)).toHaveLength(3);
  });

  it('gates one half of a product with the other if it has no weight for the gate', () => {
    const graph = build({ weights: { 'blk.0.ffn_up.weight': [128, 512] } });
    expect([findTensors(graph, 512, 8).length, findTensors(graph, 256, 8).length]).toEqual([1, 1]);
  });

  it('is four times as wide as the model if its weights say nothing', () => {
    expect(findTensors(build({}), 512, 8)).toHaveLength(1);
  });

  it('adds the biases that are there', () => {
    const biased = build({ weights: { ...DENSE, 'blk.0.ffn_up.bias': [256], 'blk.0.ffn_down.bias': [128] } });
    expect(biased.nodes.length - build({ weights: DENSE }).nodes.length).toBe(2);
  });
});

describe('a choice of experts', () => {
  it('computes as many as are used, and adds them up', () => {
    const graph = build(EXPERTS);
    expect([findTensors(graph, 96, 2, 8).length, findTensors(graph, 128, 2, 8).length]).toEqual([3, 2]);
    expect(findTensors(graph, 96, 4, 8)).toHaveLength(0);
    expect(graph.scratchBytes).toBe(96 * 2 * 8 + 4 * 2 * 8 * 8);
  });

  it('copies the result of a single one', () => {
    expect(findTensors(build({ ...EXPERTS, expertsUsed: 1 }), 128, 8).length).toBe(2);
  });

  it('divides the weights of the chosen by their sum, and does not in qwen2moe', () => {
    const sums = (architecture: string) => findTensors(build({ ...EXPERTS, architecture }), 1, 8).length;
    expect([sums('qwen3moe'), sums('qwen2moe')]).toEqual([1, 0]);
  });

  it('adds a shared expert that is gated', () => {
    const shared = { 'blk.0.ffn_up_shexp.weight': [128, 320], 'blk.0.ffn_gate_shexp.weight': [128, 320] };
    const graph = build({ ...EXPERTS, weights: { ...EXPERTS.weights, ...shared } });
    expect(findTensors(graph, 320, 8)).toHaveLength(3);
    expect(findTensors(build(EXPERTS), 320, 8)).toHaveLength(0);
  });
});
