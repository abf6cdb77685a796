/**
 * Knows the attention part of a decoder's graph, operation by operation as llama-graph.cpp builds it. It must not know
 * sizes of caches.
 */

import { countScratchBytesPerElement, type GgmlType } from '../../gguf/ggml-types.ts';
import { attendsToTokens, countCells, countValueElements, type Run } from './cache-sizes.ts';
import { EXTERNAL, type Graph, type Tensor } from './graph.ts';
import type { LayerShape } from './layer-shapes.ts';
import type { ModelShape } from './model-shape.ts';

/** The inputs that all layers with one kind of cache share. */
export interface AttentionInputs {
  readonly keyRows: Tensor;
  readonly valueRows: Tensor;
  readonly mask: Tensor;
  readonly keyRotation: Tensor | undefined;
  readonly valueRotation: Tensor | undefined;
}

/** What the attention of every layer is built from. */
export interface AttentionContext {
  readonly graph: Graph;
  readonly shape: ModelShape;
  readonly run: Run;
  readonly positions: Tensor;
}

const I64_BYTES = 8;
const F16_BYTES = 2;
const F32_BYTES = 4;
/** Quantized caches are rotated in blocks of at least so many elements. */
const ROTATED_ELEMENTS = 64;

/** Adds the inputs for layers with this kind of cache. */
export function addAttentionInputs({ graph, shape, run }: AttentionContext, layer: LayerShape): AttentionInputs {
  const widest = Math.max(...shape.layers.map(countValueElements));
  // `build_inp_mem_hybrid_iswa` leaves the rotations out.
  const rotates = !(layer.sliding && shape.state !== undefined);
  return {
    keyRows: graph.input([run.tokens], I64_BYTES),
    valueRows: graph.input([run.flashAttention ? run.tokens : run.tokens * widest], I64_BYTES),
    mask: graph.input([countCells(layer, run), run.tokens], run.flashAttention ? F16_BYTES : F32_BYTES),
    keyRotation: rotates ? addRotation(graph, run.keyType.weightsPerBlock, layer.keyLength, true) : undefined,
    valueRotation: rotates ? addRotation(graph, run.valueType.weightsPerBlock, layer.valueLength, false) : undefined,
  };
}

/** Builds the attention of a layer, from its normed input to what is added to the residual. */
export function buildAttention(
  context: AttentionContext,
  inputs: AttentionInputs,
  index: number,
  layer: LayerShape,
  normed: Tensor,
): Tensor {
  const { graph, shape, run, positions } = context;
  const has = (name: string) => shape.findDims(`blk.${index}.${name}`) !== undefined;
  const project = has('attn_qkv.weight') ? projectFused : projectSeparately;
  let [query, key, value] = project(graph, layer, normed, has);
  if (has('attn_q_norm.weight')) query = buildNorm(graph, query);
  query = graph.map(query, positions);
  if (has('attn_k_norm.weight')) key = buildNorm(graph, key);
  key = graph.map(key, positions);
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
  let mixed = mixValues(graph, run, layer, query, inputs.mask);
  graph.expand(mixed);
  if (inputs.valueRotation) mixed = rotate(graph, mixed, inputs.valueRotation);
  const output = graph.matmul(shape.embedding, mixed);
  return has('attn_output.bias') ? graph.map(output, EXTERNAL) : output;
}

/** Builds a root mean square norm and the product with its weights. */
export function buildNorm(graph: Graph, x: Tensor): Tensor {
  return graph.map(graph.map(x), EXTERNAL);
}

type Projected = [query: Tensor, key: Tensor, value: Tensor];

function projectSeparately(graph: Graph, layer: LayerShape, x: Tensor, has: (name: string) => boolean): Projected {
  const project = (name: string, heads: number, length: number) => {
    const wide = graph.matmul(heads * length, x);
    const biased = has(`${name}.bias`) ? graph.map(wide, EXTERNAL) : wide;
    return graph.view(biased, [length, heads, x.dims[1]!]);
  };
  return [
    project('attn_q', layer.heads, layer.keyLength),
    project('attn_k', layer.kvHeads, layer.keyLength),
    project('attn_v', layer.kvHeads, layer.valueLength),
  ];
}

function projectFused(graph: Graph, layer: LayerShape, x: Tensor, has: (name: string) => boolean): Projected {
  const { heads, kvHeads, keyLength, valueLength } = layer;
  const wide = graph.matmul((heads + kvHeads) * keyLength + kvHeads * valueLength, x);
  const all = has('attn_qkv.bias') ? graph.map(wide, EXTERNAL) : wide;
  const part = (length: number, count: number, atStart: boolean) =>
    graph.view(all, [length, count, x.dims[1]!], { contiguous: false, atStart });
  return [part(keyLength, heads, true), part(keyLength, kvHeads, false), part(valueLength, kvHeads, false)];
}

function storeValue(graph: Graph, run: Run, layer: LayerShape, value: Tensor, rows: Tensor): void {
  const dims = [countValueElements(layer), run.tokens];
  if (run.flashAttention) {
    graph.store(graph.view(value, dims), rows);
    return;
  }
  const flat = value.contiguous ? graph.view(value, dims) : graph.op(dims, [value]);
  graph.store(graph.view(flat, [1, countValueElements(layer) * run.tokens]), rows);
}

/**
 * Mixes the cached values by the scores. With flash attention only the result takes memory; without it every head's scores
 * do.
 */
function mixValues(graph: Graph, run: Run, layer: LayerShape, query: Tensor, mask: Tensor): Tensor {
  const streams = attendsToTokens(layer) ? 1 : run.streams;
  const tokens = run.tokens / streams;
  const split = graph.view(query, [layer.keyLength, layer.heads, tokens, streams]);
  const q = graph.view(split, [layer.keyLength, tokens, layer.heads, streams], { contiguous: false });
  // Flash attention takes no keys and values in F32: all that are cached are copied.
  const read = (type: GgmlType, length: number) => {
    const dims = [length, countCells(layer, run), layer.kvHeads, streams];
    const stored = graph.view(EXTERNAL, dims, { contiguous: false });
    const copies = run.flashAttention && type.name === 'F32';
    return copies ? graph.op(dims, [stored], { elementBytes: F16_BYTES }) : stored;
  };
  const k = read(run.keyType, layer.keyLength);
  const v = read(run.valueType, layer.valueLength);
  const width = layer.valueLength * layer.heads;
  if (run.flashAttention) {
    const mixed = graph.op([layer.valueLength, layer.heads, tokens, streams], [q, k, v, mask]);
    return graph.view(mixed, [width, run.tokens]);
  }
  const raw = graph.op([countCells(layer, run), tokens, layer.heads, streams], [k, q]);
  const shares = graph.map(raw, mask);
  graph.noteScratch(shares, countScratchBytesPerElement(run.valueType));
  const mixed = graph.op([layer.valueLength, tokens, layer.heads, streams], [v, shares]);
  const turned = graph.view(mixed, [layer.valueLength, layer.heads, tokens, streams], { contiguous: false });
  return graph.op([width, run.tokens], [turned]);
}

function addRotation(graph: Graph, weightsPerBlock: number, length: number, largest: boolean): Tensor | undefined {
  if (weightsPerBlock === 1 || length % ROTATED_ELEMENTS !== 0) return undefined;
  let size = ROTATED_ELEMENTS;
  while (largest && length % (size * 2) === 0) size *= 2;
  return graph.input([size, size]);
}

function rotate(graph: Graph, x: Tensor, by: Tensor): Tensor {
  const size = by.dims[0]!;
  const dims = [size, x.dims.reduce((product, dim) => product * dim, 1) / size];
  const rows = x.contiguous ? graph.view(x, dims) : graph.op(dims, [x]);
  return graph.view(graph.op(dims, [by, rows]), x.dims);
}
