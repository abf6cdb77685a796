/** The graph of a whole decoder: layers, inputs and outputs. */
import { describe, expect, it } from 'vitest';
import { buildDecoderGraph } from '../../../src/footprint/llama-cpp/decoder-graph.ts';
import { createModelShape, createRun, findTensors, LAYER } from '../../support/graph-shapes.ts';

const SLIDING = { ...LAYER, sliding: true };
const RUN = createRun({ cells: 1024, slidingCells: 512 });

describe('the graph of a decoder', () => {
  it('answers every token with logits that are never overwritten', () => {
    const [logits] = findTensors(buildDecoderGraph(createModelShape(), RUN), 1000, 8);
    expect(logits).toMatchObject({ output: true, bytes: 1000 * 8 * 4 });
  });

  it('has a place for tokens and one for embeddings', () => {
    const { leafs } = buildDecoderGraph(createModelShape({ layers: [] }), RUN);
    expect(leafs.filter(({ kind }) => kind === 'input').map(({ dims }) => dims)).toEqual([[8], [128, 8]]);
  });

  it('has one mask for each kind of cache, however many layers there are', () => {
    const graph = buildDecoderGraph(createModelShape({ layers: [SLIDING, LAYER, SLIDING, LAYER] }), RUN);
    expect([findTensors(graph, 1024, 8).length, findTensors(graph, 512, 8).length - 4]).toEqual([1, 1]);
    const alike = buildDecoderGraph(createModelShape({ layers: [LAYER, LAYER] }), RUN);
    expect([findTensors(alike, 1024, 8).length, findTensors(alike, 512, 8).length - 2]).toEqual([1, 0]);
  });

  it('grows by as many operations for each layer', () => {
    const nodes = (count: number) =>
      buildDecoderGraph(createModelShape({ layers: new Array(count).fill(LAYER) }), RUN).nodes.length;
    expect(nodes(4) - nodes(3)).toBe(nodes(3) - nodes(2));
    expect(nodes(3)).toBeGreaterThan(nodes(2));
  });

  it('norms the mix and the feed-forward part if there are weights for it', () => {
    const weights = { 'blk.0.post_attention_norm.weight': [128], 'blk.0.post_ffw_norm.weight': [128] };
    const nodes = (given: object) => buildDecoderGraph(createModelShape(given), RUN).nodes.length;
    expect(nodes({ weights }) - nodes({})).toBe(4);
  });

  it('has neither attention nor a feed-forward part in mamba', () => {
    const recurrent = { ...LAYER, kvHeads: 0, recurrent: true, cached: 'nothing' } as const;
    const weights = { 'blk.0.ssm_x.weight': [256, 40] };
    const ssm = { kernel: 4, inner: 256, state: 16, timeRank: 8, groups: 0, normed: false };
    const state = { convolution: 3 * 256, state: 16 * 256 };
    const graph = buildDecoderGraph(
      createModelShape({ architecture: 'mamba', layers: [recurrent], ssm, state, weights }),
      RUN,
    );
    expect([findTensors(graph, 1024, 8).length, findTensors(graph, 512, 8, 1).length]).toEqual([0, 1]);
    expect(findTensors(graph, 512, 8)).toHaveLength(0);
  });
});
