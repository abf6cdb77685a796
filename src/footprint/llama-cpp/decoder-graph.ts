/**
 * Knows the largest graph that the engine reserves for a language model, as its models build it. It must not know files.
 */
import {
  type AttentionContext,
  type AttentionInputs,
  addAttentionInputs,
  buildAttention,
  buildNorm,
} from './attention-graph.ts';
import type { Run } from './cache-sizes.ts';
import { buildFeedForward } from './feed-forward-graph.ts';
import { EXTERNAL, Graph, type Tensor } from './graph.ts';
import type { LayerShape, ModelShape } from './model-shape.ts';
import { buildMambaLayer, buildShortConvolution, type RecurrentContext } from './recurrent-graph.ts';

const I32_BYTES = 4;

interface Context extends AttentionContext, RecurrentContext {
  /** An input that says which rows are answered: all of them, in the graph that is reserved. */
  readonly outputs: Tensor;
  /** The inputs by kind of cache, sliding or not. They are added when the first layer needs them. */
  readonly inputs: Map<boolean, AttentionInputs>;
}

/** Builds the graph of a full micro-batch in which every token is answered. */
export function buildDecoderGraph(shape: ModelShape, run: Run): Graph {
  const graph = new Graph(shape.scratchBytesPerElement);
  const { tokens } = run;
  const context: Context = {
    graph,
    shape,
    run,
    positions: graph.input([tokens], I32_BYTES),
    outputs: graph.input([tokens], I32_BYTES),
    copies: graph.input([run.sequences], I32_BYTES),
    inputs: new Map(),
  };
  let x = embedTokens(graph, shape, tokens);
  shape.layers.forEach((layer, index) => {
    x = buildBlock(context, layer, index, x);
  });
  x = buildNorm(graph, x);
  x.output = true;
  const logits = graph.matmul(shape.vocabulary, x);
  // Some models cap them, in place.
  logits.output = true;
  graph.expand(logits);
  return graph;
}

/** Embeds tokens, and leaves room for embeddings that are given instead. */
function embedTokens(graph: Graph, shape: ModelShape, tokens: number): Tensor {
  const rows = graph.op([shape.embedding, tokens], [EXTERNAL, graph.input([tokens], I32_BYTES)]);
  graph.expand(rows);
  graph.expand(graph.input([shape.embedding, tokens]));
  return rows;
}

function buildBlock(context: Context, layer: LayerShape, index: number, x: Tensor): Tensor {
  const { graph, shape, outputs } = context;
  const { scansStates, addsMixToResidual, addsFeedForwardToResidual } = shape.architecture;
  const has = (name: string) => shape.findDims(`blk.${index}.${name}.weight`) !== undefined;
  const last = index === shape.layers.length - 1;
  const answered = (tensor: Tensor) => (last ? graph.op(tensor.dims, [tensor, outputs]) : tensor);
  let mixed = answered(mixTokens(context, layer, index, buildNorm(graph, x)));
  const residual = answered(x);
  if (scansStates) return graph.map(mixed, residual);
  if (has('post_attention_norm')) mixed = buildNorm(graph, mixed);
  const sum = addsMixToResidual ? graph.map(residual, mixed) : graph.map(mixed, residual);
  let fed = buildFeedForward(graph, shape, index, buildNorm(graph, sum));
  if (has('post_ffw_norm')) fed = buildNorm(graph, fed);
  return addsFeedForwardToResidual ? graph.map(sum, fed) : graph.map(fed, sum);
}

function mixTokens(context: Context, layer: LayerShape, index: number, normed: Tensor): Tensor {
  if (context.shape.architecture.scansStates) return buildMambaLayer(context, normed);
  if (layer.recurrent) return buildShortConvolution(context, normed);
  let inputs = context.inputs.get(layer.sliding);
  if (inputs === undefined) {
    inputs = addAttentionInputs(context, layer);
    context.inputs.set(layer.sliding, inputs);
  }
  return buildAttention(context, inputs, index, layer, normed);
}
