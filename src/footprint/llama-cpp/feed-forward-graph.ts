/** The feed-forward part of a decoder's graph, dense or with experts, as llama-graph.cpp builds it. */
import { EXTERNAL, type Graph, type Tensor } from './graph.ts';
import type { ModelShape } from './model-shape.ts';

const I32 = 4;
/** Of one row of an expert's work list: `mmid_row_mapping`. */
const MAPPING_BYTES = 8;

/** From the normed input to what is added to it. */
export function feedForward(graph: Graph, shape: ModelShape, index: number, x: Tensor): Tensor {
  const dims = (name: string) => shape.weight(`blk.${index}.${name}.weight`);
  const experts = dims('ffn_down_exps');
  if (!experts) return dense(graph, shape, index, '', x);
  const mixed = withExperts(graph, shape, experts[0] as number, x);
  if (!dims('ffn_up_shexp')) return mixed;
  const gateLogits = graph.matmul(1, x);
  const gate = graph.map(graph.map(gateLogits), gateLogits);
  const shared = graph.map(dense(graph, shape, index, '_shexp', x), gate);
  return graph.map(mixed, shared);
}

function dense(graph: Graph, shape: ModelShape, index: number, suffix: string, x: Tensor): Tensor {
  const rows = (name: string) => shape.weight(`blk.${index}.${name}${suffix}.weight`)?.[1];
  const biased = (name: string, y: Tensor) =>
    shape.weight(`blk.${index}.${name}${suffix}.bias`) ? graph.map(y, EXTERNAL) : y;
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

/** `build_moe_ffn` with a softmax gate, without groups. */
function withExperts(graph: Graph, shape: ModelShape, width: number, x: Tensor): Tensor {
  const { experts, expertsUsed, embedding } = shape;
  const tokens = x.dims[1] as number;
  const probabilities = graph.map(graph.matmul(experts, x));
  const sorted = graph.op([experts, tokens], [probabilities], { elementBytes: I32 });
  const chosen = graph.view(sorted, [expertsUsed, tokens], { contiguous: false });
  const rows = graph.view(probabilities, [1, experts, tokens]);
  let weights = graph.op([1, expertsUsed, tokens], [rows, chosen]);
  if (shape.architecture !== 'qwen2moe') weights = normalized(graph, weights, expertsUsed, tokens);
  graph.expand(weights);
  const input = graph.view(x, [embedding, 1, tokens]);
  const up = graph.op([width, expertsUsed, tokens], [EXTERNAL, input, chosen]);
  const gate = graph.op([width, expertsUsed, tokens], [EXTERNAL, input, chosen]);
  const gated = graph.op([width, expertsUsed, tokens], [gate, up]);
  graph.scratchExperts(gated, experts * expertsUsed * tokens * MAPPING_BYTES);
  const down = graph.op([embedding, expertsUsed, tokens], [EXTERNAL, gated, chosen]);
  const weighted = graph.map(down, weights);
  graph.expand(weighted);
  const parts = Array.from({ length: expertsUsed }, (_, expert) =>
    graph.view(weighted, [embedding, tokens], { contiguous: expertsUsed === 1, atStart: expert === 0 }),
  );
  for (const part of parts) graph.expand(part);
  const [first, ...others] = parts as [Tensor, ...Tensor[]];
  let sum = others.length === 0 ? graph.op(first.dims, [first]) : first;
  for (const part of others) {
    sum = graph.map(sum, part);
    graph.expand(sum);
  }
  return sum;
}

function normalized(graph: Graph, weights: Tensor, used: number, tokens: number): Tensor {
  const flat = graph.view(weights, [used, tokens]);
  const sum = graph.op([1, tokens], [flat]);
  const shares = graph.map(flat, graph.view(sum, [1, tokens]));
  return graph.view(shares, [1, used, tokens]);
}
