/** Knows the four graphs that whisper.cpp reserves, as its `whisper_build_graph_…` functions build them. It must not know files. */
import { EXTERNAL, Graph, type Tensor } from '../llama-cpp/graph.ts';

/** What the graphs depend on. */
export interface WhisperGraphShape {
  readonly vocabulary: number;
  readonly audioContext: number;
  readonly width: number;
  readonly audioHeads: number;
  readonly audioLayers: number;
  /** Cells of the cache of one decoder: the text context, padded. */
  readonly textCells: number;
  readonly textHeads: number;
  readonly textLayers: number;
  readonly mels: number;
  readonly flashAttention: boolean;
  /** Bytes of an activation in the type that the weights are multiplied with. */
  readonly scratchBytesPerElement: number;
}

const F16_BYTES = 2;
const KERNEL = 3;

/** Two convolutions over the window of 30 s. */
export function buildConvolutions({ audioContext, width, mels }: WhisperGraphShape): Graph {
  const graph = new Graph();
  const frames = 2 * audioContext;
  const sound = graph.input([frames, mels]);
  const first = buildConvolution(graph, sound, mels, width, frames);
  const second = buildConvolution(graph, first, width, width, audioContext);
  second.output = true;
  graph.expand(second);
  return graph;
}

/** The samples under the kernel as F16 columns, one product, bias and activation. */
function buildConvolution(graph: Graph, x: Tensor, channels: number, width: number, length: number): Tensor {
  const columns = graph.op([channels * KERNEL, length], [EXTERNAL, x], { elementBytes: F16_BYTES });
  const product = graph.op([length, width], [graph.view(columns, [channels * KERNEL, length]), EXTERNAL]);
  return graph.map(graph.map(graph.view(product, [length, width, 1]), EXTERNAL));
}

/** All layers of the encoder. */
export function buildEncoder(shape: WhisperGraphShape): Graph {
  const graph = new Graph(shape.scratchBytesPerElement);
  const { audioContext, width, audioHeads, audioLayers } = shape;
  const turned = graph.op([width, audioContext], [graph.view(EXTERNAL, [], { contiguous: false })]);
  let x = graph.map(turned, EXTERNAL);
  for (let layer = 0; layer < audioLayers; layer++) {
    const normed = buildNorm(graph, x);
    const query = project(graph, width, normed);
    const key = graph.matmul(width, normed);
    const value = project(graph, width, normed);
    const attended = shape.flashAttention
      ? attendPadded(graph, shape, query, key, value)
      : attend(graph, { width, heads: audioHeads, tokens: audioContext, cells: audioContext }, query, { key, value });
    x = feedForward(graph, width, graph.map(project(graph, width, attended), x));
  }
  graph.expand(buildNorm(graph, x));
  return graph;
}

/** Keys and values of the sound for each layer of the decoder. */
export function buildCross({ audioContext, width, textLayers, scratchBytesPerElement }: WhisperGraphShape): Graph {
  const graph = new Graph(scratchBytesPerElement);
  const heard: Tensor = { ...EXTERNAL, dims: [width, audioContext] };
  for (let layer = 0; layer < textLayers; layer++) {
    const key = graph.map(graph.matmul(width, heard));
    const value = project(graph, width, heard);
    graph.store(key);
    graph.store(graph.view(value, [audioContext, width], { contiguous: false }));
  }
  return graph;
}

/** The decoder for a batch of so many tokens, with or without its logits. */
export function buildDecoder(shape: WhisperGraphShape, tokens: number, logits = true): Graph {
  const graph = new Graph(shape.scratchBytesPerElement);
  const { width, textHeads, textCells, textLayers, audioContext, flashAttention } = shape;
  const embedded = graph.op([width, tokens], [EXTERNAL, graph.input([tokens])]);
  const placed = graph.op([width, tokens], [EXTERNAL, graph.input([tokens])]);
  const mask = graph.input([textCells, tokens]);
  const halfMask = flashAttention ? graph.op(mask.dims, [mask], { elementBytes: F16_BYTES }) : mask;
  const own = { width, heads: textHeads, tokens, cells: textCells };
  const cross = { ...own, cells: audioContext };
  let x = graph.map(embedded, placed);
  for (let layer = 0; layer < textLayers; layer++) {
    const normed = buildNorm(graph, x);
    const query = graph.map(project(graph, width, normed));
    graph.store(graph.map(graph.matmul(width, normed)));
    const value = project(graph, width, normed);
    graph.store(flashAttention ? value : graph.view(value, [tokens, width], { contiguous: false }));
    const attended = flashAttention
      ? attendFused(graph, own, query, halfMask)
      : attend(graph, own, query, undefined, mask);
    const afterOwn = graph.map(project(graph, width, attended), x);
    const asking = project(graph, width, buildNorm(graph, afterOwn));
    const heard = flashAttention ? attendFused(graph, cross, asking) : attend(graph, cross, asking);
    x = feedForward(graph, width, graph.map(project(graph, width, heard), afterOwn));
  }
  const last = buildNorm(graph, x);
  graph.expand(logits ? graph.matmul(shape.vocabulary, last) : last);
  return graph;
}

interface Attention {
  readonly width: number;
  readonly heads: number;
  readonly tokens: number;
  /** How many keys there are. */
  readonly cells: number;
}

/** Attention by two products. Without keys and values they stand in a cache. */
function attend(
  graph: Graph,
  { width, heads, tokens, cells }: Attention,
  query: Tensor,
  own?: { readonly key: Tensor; readonly value: Tensor },
  ...mask: readonly Tensor[]
): Tensor {
  const length = width / heads;
  const half = (tensor: Tensor) => {
    const turned = graph.view(tensor, [length, cells, heads], { contiguous: false });
    return graph.op([length, cells, heads], [turned], { elementBytes: F16_BYTES });
  };
  const key = own ? graph.view(half(own.key), [length, cells, heads], { contiguous: false }) : EXTERNAL;
  const asking = graph.view(query, [length, tokens, heads], { contiguous: false });
  graph.noteScratch(asking, F16_BYTES);
  const scores = graph.map(graph.op([cells, tokens, heads], [key, asking]), ...mask);
  graph.noteScratch(scores, F16_BYTES);
  const mixed = graph.op([length, tokens, heads], [own ? half(own.value) : EXTERNAL, scores]);
  return graph.op([width, tokens], [graph.view(mixed, [length, heads, tokens], { contiguous: false })]);
}

/** Attention in one operation over keys and values in a cache. */
function attendFused(graph: Graph, { width, heads, tokens }: Attention, query: Tensor, ...mask: readonly Tensor[]) {
  const asking = graph.view(query, [width / heads, tokens, heads], { contiguous: false });
  const mixed = graph.op([width / heads, heads, tokens], [asking, EXTERNAL, EXTERNAL, ...mask]);
  return graph.view(mixed, [width, tokens]);
}

/** The same for the encoder, which writes its keys and values into a padded cache first. */
function attendPadded(graph: Graph, shape: WhisperGraphShape, query: Tensor, key: Tensor, value: Tensor): Tensor {
  graph.store(key);
  graph.store(value);
  const { width, audioHeads: heads, audioContext: tokens } = shape;
  return attendFused(graph, { width, heads, tokens, cells: tokens }, query);
}

/** A product and its bias. */
function project(graph: Graph, rows: number, x: Tensor): Tensor {
  return graph.map(graph.matmul(rows, x), EXTERNAL);
}

function feedForward(graph: Graph, width: number, x: Tensor): Tensor {
  const up = graph.map(project(graph, 4 * width, buildNorm(graph, x)));
  return graph.map(project(graph, width, up), x);
}

/** Layer norm, which is never computed in place, with its weight and bias. */
function buildNorm(graph: Graph, x: Tensor): Tensor {
  return graph.map(graph.map(graph.op(x.dims, [x]), EXTERNAL), EXTERNAL);
}
