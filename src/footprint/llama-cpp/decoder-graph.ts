/** The largest graph that the engine reserves for a language model, as its models build it. It knows nothing of files. */
import { type AttentionContext, type AttentionInputs, attention, attentionInputs, norm } from './attention-graph.ts';
import type { Run } from './cache-sizes.ts';
import { feedForward } from './feed-forward-graph.ts';
import { EXTERNAL, Graph, type Tensor } from './graph.ts';
import type { LayerShape, ModelShape } from './model-shape.ts';
import { mambaLayer, type RecurrentContext, shortConvolution } from './recurrent-graph.ts';

const I32 = 4;

interface Context extends AttentionContext, RecurrentContext {
  /** The rows that are answered: all of them, in the graph that is reserved. */
  readonly outputs: Tensor;
  /** By kind of cache, made where first needed. */
  readonly inputs: Map<boolean, AttentionInputs>;
}

/** A full micro-batch in which every token is answered. */
export function decoderGraph(shape: ModelShape, run: Run): Graph {
  const graph = new Graph(shape.scratchPerElement);
  const { tokens } = run;
  const context: Context = {
    graph,
    shape,
    run,
    positions: graph.input([tokens], I32),
    outputs: graph.input([tokens], I32),
    copies: graph.input([run.sequences], I32),
    inputs: new Map(),
  };
  let x = embedded(graph, shape, tokens);
  shape.layers.forEach((layer, index) => {
    x = block(context, layer, index, x);
  });
  x = norm(graph, x);
  x.output = true;
  const logits = graph.matmul(shape.vocabulary, x);
  // gemma3 may cap them, in place.
  logits.output = true;
  graph.expand(logits);
  return graph;
}

/** Tokens or embeddings: the place for both is there. */
function embedded(graph: Graph, shape: ModelShape, tokens: number): Tensor {
  const rows = graph.op([shape.embedding, tokens], [EXTERNAL, graph.input([tokens], I32)]);
  graph.expand(rows);
  graph.expand(graph.input([shape.embedding, tokens]));
  return shape.architecture === 'gemma3' ? graph.map(rows) : rows;
}

function block(context: Context, layer: LayerShape, index: number, x: Tensor): Tensor {
  const { graph, shape, outputs } = context;
  const has = (name: string) => shape.weight(`blk.${index}.${name}.weight`) !== undefined;
  const last = index === shape.layers.length - 1;
  const answered = (tensor: Tensor) => (last ? graph.op(tensor.dims, [tensor, outputs]) : tensor);
  let mixed = answered(mix(context, layer, index, norm(graph, x)));
  const residual = answered(x);
  if (shape.architecture === 'mamba') return graph.map(mixed, residual);
  if (has('post_attention_norm')) mixed = norm(graph, mixed);
  // Which of two equal tensors comes first decides whose place the sum takes.
  const flipped = shape.architecture === 'lfm2';
  const sum = flipped ? graph.map(residual, mixed) : graph.map(mixed, residual);
  let fed = feedForward(graph, shape, index, norm(graph, sum));
  if (has('post_ffw_norm')) fed = norm(graph, fed);
  return flipped || shape.architecture === 'phi3' ? graph.map(sum, fed) : graph.map(fed, sum);
}

function mix(context: Context, layer: LayerShape, index: number, normed: Tensor): Tensor {
  if (context.shape.architecture === 'mamba') return mambaLayer(context, normed);
  if (layer.recurrent) return shortConvolution(context, normed);
  let inputs = context.inputs.get(layer.sliding);
  if (inputs === undefined) {
    inputs = attentionInputs(context, layer);
    context.inputs.set(layer.sliding, inputs);
  }
  return attention(context, inputs, index, layer, normed);
}
