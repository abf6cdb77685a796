/** Layers that keep a state: eight tokens of two sequences, 128 wide. */
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../src/footprint/llama-cpp/graph.ts';
import {
  buildMambaLayer,
  buildShortConvolution,
  type RecurrentContext,
} from '../../../src/footprint/llama-cpp/recurrent-graph.ts';
import { createModelShape, createRun, findTensors, type SmallShape } from '../../support/graph-shapes.ts';

function build(
  layer: (context: RecurrentContext, x: ReturnType<Graph['input']>) => ReturnType<Graph['input']>,
  shape: SmallShape,
): Graph {
  const graph = new Graph();
  const run = createRun({ sequences: 2 });
  const context = { graph, shape: createModelShape(shape), run, copies: graph.input([2], 4) };
  const output = layer(context, graph.input([128, 8]));
  expect(output.dims).toEqual([128, 8]);
  graph.expand(output);
  return graph;
}

const CONVOLUTION = { architecture: 'lfm2', state: { convolution: 2 * 128, state: 0 } };
const SSM = { kernel: 4, inner: 256, state: 16, timeRank: 8, groups: 0, normed: false };
const MAMBA = { architecture: 'mamba', ssm: SSM, state: { convolution: 3 * 256, state: 16 * 256 } };

describe('a short convolution', () => {
  it('puts the two columns before in front of the four tokens of each sequence', () => {
    const graph = build(buildShortConvolution, CONVOLUTION);
    expect(findTensors(graph, 2 + 4, 128, 2)).toHaveLength(1);
    expect(findTensors(graph, 3 * 128, 4, 2)).toHaveLength(1);
  });

  it('reads one state for each sequence, and keeps those of others as they are', () => {
    const graph = build(buildShortConvolution, CONVOLUTION);
    expect([findTensors(graph, 256, 2).length, findTensors(graph, 256, 0).length]).toEqual([1, 1]);
  });
});

describe("Mamba's scan", () => {
  it('has outputs and new states side by side', () => {
    const graph = build(buildMambaLayer, MAMBA);
    expect(findTensors(graph, 256 * 4 * 2 + 16 * 256 * 2)).toHaveLength(1);
    expect(findTensors(graph, 3 + 4, 256, 2)).toHaveLength(1);
  });

  it('norms steps, inputs and outputs if the model does, and not otherwise', () => {
    const normed = build(buildMambaLayer, { ...MAMBA, ssm: { ...SSM, normed: true } });
    expect(normed.nodes.length - build(buildMambaLayer, MAMBA).nodes.length).toBe(3);
  });
});
