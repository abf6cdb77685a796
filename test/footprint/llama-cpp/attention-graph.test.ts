/** The attention of one layer: two heads of 64 elements, eight tokens, 256 cells. */
import { describe, expect, it } from 'vitest';
import { addAttentionInputs, buildAttention, buildNorm } from '../../../src/footprint/llama-cpp/attention-graph.ts';
import type { Run } from '../../../src/footprint/llama-cpp/cache-sizes.ts';
import { Graph } from '../../../src/footprint/llama-cpp/graph.ts';
import { findGgmlTypeByName } from '../../../src/gguf/ggml-types.ts';
import { createModelShape, createRun, findTensors, LAYER } from '../../support/graph-shapes.ts';

function build(run: Partial<Run>, weights = {}, layer = LAYER): Graph {
  const graph = new Graph();
  const positions = graph.input([8], 4);
  const context = { graph, shape: createModelShape({ weights, layers: [layer] }), run: createRun(run), positions };
  const output = buildAttention(context, addAttentionInputs(context, layer), 0, layer, graph.input([128, 8]));
  expect(output.dims).toEqual([128, 8]);
  graph.expand(output);
  return graph;
}

describe('attention', () => {
  it('has the scores of every head without flash attention, and none with it', () => {
    expect(findTensors(build({ flashAttention: false }), 256, 8, 2, 1)).toHaveLength(2);
    expect(findTensors(build({ flashAttention: true }), 256, 8, 2, 1)).toHaveLength(0);
  });

  it('masks each cell for each token, in half the bytes with flash attention', () => {
    const [on] = findTensors(build({ flashAttention: true }), 256, 8);
    const [off] = findTensors(build({ flashAttention: false }), 256, 8);
    expect([on?.bytes, off?.bytes]).toEqual([256 * 8 * 2, 256 * 8 * 4]);
  });

  it('masks the cells of the window if the layer slides', () => {
    const graph = build({ cells: 1024, slidingCells: 512 }, {}, { ...LAYER, sliding: true });
    expect([findTensors(graph, 512, 8).length, findTensors(graph, 1024, 8).length]).toEqual([1, 0]);
  });

  it('projects queries, keys and values at once if they have one weight', () => {
    const fused = build({}, { 'blk.0.attn_qkv.weight': [128, 256] });
    expect([findTensors(fused, 256, 8).length - 1, findTensors(fused, 64, 8).length]).toEqual([1, 0]);
    expect(findTensors(build({}), 64, 8)).toHaveLength(2);
  });

  it('rotates quantized keys and values, and no others', () => {
    const quantized = build({ keyType: findGgmlTypeByName('Q8_0')!, valueType: findGgmlTypeByName('Q4_0')! });
    expect(findTensors(quantized, 64, 64)).toHaveLength(2);
    expect(findTensors(build({}), 64, 64)).toHaveLength(0);
    const narrow = { ...LAYER, keyLength: 32, valueLength: 32 };
    expect(findTensors(build({ keyType: findGgmlTypeByName('Q8_0')! }, {}, narrow), 64, 64)).toHaveLength(0);
  });

  it('copies what is cached in F32 to F16 for flash attention, and sees tokens in an encoder', () => {
    const f32 = { keyType: findGgmlTypeByName('F32')!, valueType: findGgmlTypeByName('F32')! };
    const copies = (run: object, layer = LAYER) => findTensors(build({ ...f32, ...run }, {}, layer), 64, 256, 1, 1);
    expect(copies({ flashAttention: true }).map(({ bytes }) => bytes)).toEqual([64 * 256 * 2, 64 * 256 * 2]);
    expect(copies({ flashAttention: false })).toHaveLength(0);
    expect(copies({ flashAttention: true }, { ...LAYER, encodes: true })).toHaveLength(0);
    const encoder = build({ flashAttention: true }, {}, { ...LAYER, encodes: true, cached: 'nothing' });
    expect(findTensors(encoder, 8, 8)).toHaveLength(1);
  });

  it('adds what has a bias or a norm', () => {
    const plain = build({}).nodes.length;
    const count = (...names: string[]) => build({}, Object.fromEntries(names.map((name) => [name, [1]]))).nodes.length;
    expect(count('blk.0.attn_output.bias') - plain).toBe(1);
    expect(count('blk.0.attn_k.bias', 'blk.0.attn_v.bias') - plain).toBe(2);
    expect(count('blk.0.attn_q_norm.weight') - plain).toBe(2);
    expect(count('blk.1.attn_q_norm.weight') - plain).toBe(0);
  });
});

it('a norm is computed in place', () => {
  const graph = new Graph();
  const norm = buildNorm(graph, graph.input([128, 8]));
  expect([norm.dims, norm.inPlace, norm.sources[0]?.inPlace]).toEqual([[128, 8], true, true]);
});
