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
import { attendsToTokens, type Run } from './cache-sizes.ts';
import { buildFeedForward } from './feed-forward-graph.ts';
import { EXTERNAL, Graph, type Tensor } from './graph.ts';
import type { LayerShape } from './layer-shapes.ts';
import type { ModelShape } from './model-shape.ts';
import { buildMambaLayer, buildShortConvolution, type RecurrentContext } from './recurrent-graph.ts';

const I32_BYTES = 4;

interface Context extends AttentionContext, RecurrentContext {
  /** An input that says which rows are answered: all of them, in the graph that is reserved. */
  readonly outputs: Tensor;
  /** The inputs by kind of cache. They are added when the first layer needs them. */
  readonly inputs: Map<string, AttentionInputs>;
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
  graph.expand(answers(shape, run) ? buildLogits(graph, shape, x) : x);
  return graph;
}

function answers({ architecture }: ModelShape, { embeddings }: Run): boolean {
  return architecture.logits === 'always' || (architecture.logits === 'unless-embedding' && !embeddings);
}

/** Some models cap them, in place. */
function buildLogits(graph: Graph, shape: ModelShape, x: Tensor): Tensor {
  const logits = graph.matmul(shape.vocabulary, x);
  logits.output = true;
  return logits;
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
  const { addsMixToResidual, addsFeedForwardToResidual } = shape.architecture;
  const has = (name: string) => shape.findDims(`blk.${index}.${name}.weight`) !== undefined;
  const last = index === shape.layers.length - 1;
  const answered = (tensor: Tensor) => (last ? graph.op(tensor.dims, [tensor, outputs]) : tensor);
  let mixed = answered(mixTokens(context, layer, index, buildNorm(graph, x), has));
  const residual = answered(x);
  // A layer of Mamba has no feed-forward part.
  if (has('ssm_x') && !has('ffn_norm')) return graph.map(mixed, residual);
  if (has('post_attention_norm')) mixed = buildNorm(graph, mixed);
  const sum = addsMixToResidual ? graph.map(residual, mixed) : graph.map(mixed, residual);
  let fed = buildFeedForward(graph, shape, index, buildNorm(graph, sum));
  if (has('post_ffw_norm')) fed = buildNorm(graph, fed);
  return addsFeedForwardToResidual ? graph.map(sum, fed) : graph.map(fed, sum);
}

function mixTokens(
  context: Context,
  layer: LayerShape,
  index: number,
  normed: Tensor,
  has: (name: string) => boolean,
): Tensor {
  if (has('ssm_x') && context.shape.ssm) return buildMambaLayer(context, normed);
  if (has('shortconv.conv')) return buildShortConvolution(context, normed);
  const kind = attendsToTokens(layer) ? 'tokens' : layer.sliding ? 'window' : 'all';
  let inputs = context.inputs.get(kind);
  if (inputs === undefined) {
    inputs = addAttentionInputs(context, layer);
    context.inputs.set(kind, inputs);
  }
  return buildAttention(context, inputs, index, layer, normed);
}
