/** The attention part of a decoder's graph, operation by operation as llama-graph.cpp builds it; it knows no sizes of caches. */

import { countScratchBytesPerElement } from '../../gguf/ggml-types.ts';
import { cellsOf, type Run, valueWidth } from './cache-sizes.ts';
import { EXTERNAL, type Graph, type Tensor } from './graph.ts';
import type { LayerShape, ModelShape } from './model-shape.ts';

/** What all layers with one kind of cache share. */
export interface AttentionInputs {
  readonly keyRows: Tensor;
  readonly valueRows: Tensor;
  readonly mask: Tensor;
  readonly keyRotation: Tensor | undefined;
  readonly valueRotation: Tensor | undefined;
}

export interface AttentionContext {
  readonly graph: Graph;
  readonly shape: ModelShape;
  readonly run: Run;
  readonly positions: Tensor;
}

const I64 = 8;
const F16 = 2;
const F32 = 4;
/** Quantized caches are rotated in blocks of at least so many elements. */
const ROTATION = 64;

export function attentionInputs({ graph, shape, run }: AttentionContext, layer: LayerShape): AttentionInputs {
  const widest = Math.max(...shape.layers.map(valueWidth));
  // `build_inp_mem_hybrid_iswa` leaves the rotations out.
  const rotates = !(layer.sliding && shape.layers.some(({ recurrent }) => recurrent));
  return {
    keyRows: graph.input([run.tokens], I64),
    valueRows: graph.input([run.flashAttention ? run.tokens : run.tokens * widest], I64),
    mask: graph.input([cellsOf(layer, run), run.tokens], run.flashAttention ? F16 : F32),
    keyRotation: rotates ? rotation(graph, run.keyType.weightsPerBlock, layer.keyLength, true) : undefined,
    valueRotation: rotates ? rotation(graph, run.valueType.weightsPerBlock, layer.valueLength, false) : undefined,
  };
}

/** From the normed input of a layer to what is added to it. */
export function attention(
  context: AttentionContext,
  inputs: AttentionInputs,
  index: number,
  layer: LayerShape,
  normed: Tensor,
): Tensor {
  const { graph, shape, run, positions } = context;
  const has = (name: string) => shape.weight(`blk.${index}.${name}`) !== undefined;
  const projected = has('attn_qkv.weight') ? fused(graph, layer, normed, has) : separate(graph, layer, normed, has);
  let [query, key, value] = projected;
  if (has('attn_q_norm.weight')) query = norm(graph, query);
  query = graph.map(query, positions);
  if (has('attn_k_norm.weight')) key = norm(graph, key);
  key = graph.map(key, positions);
  if (shape.architecture === 'gemma3' || shape.architecture === 'phi3') query = graph.map(query);
  if (inputs.keyRotation) {
    query = rotate(graph, query, inputs.keyRotation);
    key = rotate(graph, key, inputs.keyRotation);
  }
  if (inputs.valueRotation) value = rotate(graph, value, inputs.valueRotation);
  graph.expand(query);
  graph.expand(value);
  graph.expand(key);
  graph.store(graph.view(key, [layer.keyLength * layer.kvHeads, run.tokens]), inputs.keyRows);
  storeValue(graph, run, layer, value, inputs.valueRows);
  let mixed = scores(graph, run, layer, query, inputs.mask);
  graph.expand(mixed);
  if (inputs.valueRotation) mixed = rotate(graph, mixed, inputs.valueRotation);
  const output = graph.matmul(shape.embedding, mixed);
  return has('attn_output.bias') ? graph.map(output, EXTERNAL) : output;
}

/** Root mean square and the weights. */
export function norm(graph: Graph, x: Tensor): Tensor {
  return graph.map(graph.map(x), EXTERNAL);
}

type Projected = [query: Tensor, key: Tensor, value: Tensor];

function separate(graph: Graph, layer: LayerShape, x: Tensor, has: (name: string) => boolean): Projected {
  const project = (name: string, heads: number, length: number) => {
    const wide = graph.matmul(heads * length, x);
    const biased = has(`${name}.bias`) ? graph.map(wide, EXTERNAL) : wide;
    return graph.view(biased, [length, heads, x.dims[1] as number]);
  };
  return [
    project('attn_q', layer.heads, layer.keyLength),
    project('attn_k', layer.kvHeads, layer.keyLength),
    project('attn_v', layer.kvHeads, layer.valueLength),
  ];
}

function fused(graph: Graph, layer: LayerShape, x: Tensor, has: (name: string) => boolean): Projected {
  const { heads, kvHeads, keyLength, valueLength } = layer;
  const wide = graph.matmul((heads + kvHeads) * keyLength + kvHeads * valueLength, x);
  const all = has('attn_qkv.bias') ? graph.map(wide, EXTERNAL) : wide;
  const part = (length: number, count: number, atStart: boolean) =>
    graph.view(all, [length, count, x.dims[1] as number], { contiguous: false, atStart });
  return [part(keyLength, heads, true), part(keyLength, kvHeads, false), part(valueLength, kvHeads, false)];
}

function storeValue(graph: Graph, run: Run, layer: LayerShape, value: Tensor, rows: Tensor): void {
  const dims = [valueWidth(layer), run.tokens];
  if (run.flashAttention) {
    graph.store(graph.view(value, dims), rows);
    return;
  }
  const flat = value.contiguous ? graph.view(value, dims) : graph.op(dims, [value]);
  graph.store(graph.view(flat, [1, valueWidth(layer) * run.tokens]), rows);
}

/** With flash attention only the result takes memory; without it every head's scores do. */
function scores(graph: Graph, run: Run, layer: LayerShape, query: Tensor, mask: Tensor): Tensor {
  const { sequences } = run;
  const tokens = run.tokens / sequences;
  const split = graph.view(query, [layer.keyLength, layer.heads, tokens, sequences]);
  const q = graph.view(split, [layer.keyLength, tokens, layer.heads, sequences], { contiguous: false });
  const k = graph.view(EXTERNAL, []);
  const v = graph.view(EXTERNAL, []);
  const width = layer.valueLength * layer.heads;
  if (run.flashAttention) {
    const mixed = graph.op([layer.valueLength, layer.heads, tokens, sequences], [q, k, v, mask]);
    return graph.view(mixed, [width, run.tokens]);
  }
  const raw = graph.op([cellsOf(layer, run), tokens, layer.heads, sequences], [k, q]);
  const shares = graph.map(raw, mask);
  graph.scratch(shares, countScratchBytesPerElement(run.valueType));
  const mixed = graph.op([layer.valueLength, tokens, layer.heads, sequences], [v, shares]);
  const turned = graph.view(mixed, [layer.valueLength, layer.heads, tokens, sequences], { contiguous: false });
  return graph.op([width, run.tokens], [turned]);
}

function rotation(graph: Graph, weightsPerBlock: number, length: number, largest: boolean): Tensor | undefined {
  if (weightsPerBlock === 1 || length % ROTATION !== 0) return undefined;
  let size = ROTATION;
  while (largest && length % (size * 2) === 0) size *= 2;
  return graph.input([size, size]);
}

function rotate(graph: Graph, x: Tensor, by: Tensor): Tensor {
  const size = by.dims[0] as number;
  const dims = [size, x.dims.reduce((product, dim) => product * dim, 1) / size];
  const rows = x.contiguous ? graph.view(x, dims) : graph.op(dims, [x]);
  return graph.view(graph.op(dims, [by, rows]), x.dims);
}
