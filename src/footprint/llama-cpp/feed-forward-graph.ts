/**
 * Knows the feed-forward part of a decoder's graph, dense or with experts, as llama-graph.cpp builds it. It must not know
 * files.
 */
import { EXTERNAL, type Graph, type Tensor } from './graph.ts';
import type { ModelShape } from './model-shape.ts';

const I32_BYTES = 4;
/** Bytes of one row in an expert's work list: `mmid_row_mapping`. */
const MAPPING_BYTES = 8;

/** Builds the feed-forward part of a layer, from its normed input to what is added to the residual. */
export function buildFeedForward(graph: Graph, shape: ModelShape, index: number, x: Tensor): Tensor {
  const dims = (name: string) => shape.findDims(`blk.${index}.${name}.weight`);
  const experts = dims('ffn_down_exps');
  if (!experts) return buildDense(graph, shape, index, '', x);
  const mixed = buildExperts(graph, shape, experts[0]!, x);
  if (!dims('ffn_up_shexp')) return mixed;
  const gateLogits = graph.matmul(1, x);
  const gate = graph.map(graph.map(gateLogits), gateLogits);
  const shared = graph.map(buildDense(graph, shape, index, '_shexp', x), gate);
  return graph.map(mixed, shared);
}

function buildDense(graph: Graph, shape: ModelShape, index: number, suffix: string, x: Tensor): Tensor {
  const rows = (name: string) => shape.findDims(`blk.${index}.${name}${suffix}.weight`)?.[1];
  const biased = (name: string, y: Tensor) =>
    shape.findDims(`blk.${index}.${name}${suffix}.bias`) ? graph.map(y, EXTERNAL) : y;
  const gateRows = rows('ffn_gate');
  const upRows = rows('ffn_up') ?? gateRows ?? shape.embedding * 4;
  const up = biased('ffn_up', graph.matmul(upRows, x));
  const tokens = x.dims.slice(1);
  // Without a gate of its own, as in phi3, one half of `up` gates the other.
  const gated =
    gateRows === undefined
      ? graph.op([upRows / 2, ...tokens], [up])
      : graph.op([gateRows, ...tokens], [biased('ffn_gate', graph.matmul(gateRows, x)), up]);
  return biased('ffn_down', graph.matmul(shape.embedding, gated));
}

/** Builds `build_moe_ffn` with a softmax gate, without groups of experts. */
function buildExperts(graph: Graph, shape: ModelShape, width: number, x: Tensor): Tensor {
  const { experts, expertsUsed, embedding } = shape;
  const tokens = x.dims[1]!;
  const probabilities = graph.map(graph.matmul(experts, x));
  const sorted = graph.op([experts, tokens], [probabilities], { elementBytes: I32_BYTES });
  const chosen = graph.view(sorted, [expertsUsed, tokens], { contiguous: false });
  const rows = graph.view(probabilities, [1, experts, tokens]);
  let weights = graph.op([1, expertsUsed, tokens], [rows, chosen]);
  if (shape.normalizesExpertWeights) weights = normalizeWeights(graph, weights, expertsUsed, tokens);
  graph.expand(weights);
  const input = graph.view(x, [embedding, 1, tokens]);
  const up = graph.op([width, expertsUsed, tokens], [EXTERNAL, input, chosen]);
  const gate = graph.op([width, expertsUsed, tokens], [EXTERNAL, input, chosen]);
  const gated = graph.op([width, expertsUsed, tokens], [gate, up]);
  graph.noteExpertScratch(gated, experts * expertsUsed * tokens * MAPPING_BYTES);
  const down = graph.op([embedding, expertsUsed, tokens], [EXTERNAL, gated, chosen]);
  const weighted = graph.map(down, weights);
  graph.expand(weighted);
  const parts = Array.from({ length: expertsUsed }, (_, expert) =>
    graph.view(weighted, [embedding, tokens], { contiguous: expertsUsed === 1, atStart: expert === 0 }),
  );
  for (const part of parts) graph.expand(part);
  let sum = parts.length === 1 ? graph.op(parts[0]!.dims, parts) : parts[0]!;
  for (const part of parts.slice(1)) {
    sum = graph.map(sum, part);
    graph.expand(sum);
  }
  return sum;
}

function normalizeWeights(graph: Graph, weights: Tensor, used: number, tokens: number): Tensor {
  const flat = graph.view(weights, [used, tokens]);
  const sum = graph.op([1, tokens], [flat]);
  const shares = graph.map(flat, graph.view(sum, [1, tokens]));
  return graph.view(shares, [1, used, tokens]);
}
