/**
 * Knows the graph that the engine reserves for a projector's encoder, as its clip code builds it. It must not know files.
 */
import type { EncoderShape } from './encoder-shape.ts';
import { EXTERNAL, Graph, type Tensor } from './graph.ts';
import { isKnownType } from './projector-types.ts';

const F16_BYTES = 2;
/** Whisper's window of 30 s in steps of 10 ms, whatever the length of the recording. */
const FRAMES = 3000;
const KERNEL = 3;

/** Builds the graph of one encoder. Positions of an audio encoder are always the same. */
export function buildEncoderGraph(shape: EncoderShape, positions = countPositions(shape)): Graph {
  return shape.kind === 'audio' ? buildWhisperGraph(shape) : buildVisionGraph(shape, positions);
}

/**
 * Returns how many positions attend to each other: those of an image of so many pixels, if the projector takes images of any size, and at the least those
 * that the engine lays out when it loads the projector.
 */
export function countPositions(shape: EncoderShape, pixels = 0): number {
  if (shape.kind === 'audio') return FRAMES / 2;
  return Math.max((shape.projector.tokensPerSide * shape.merge) ** 2, countPicturePositions(shape, pixels));
}

/** An image is rounded to whole tokens, so it may have some more positions than its pixels say. */
const ROUNDING = 1.1;

/** Whether the engine needs no larger graph for a sound, or for an image of so many pixels, than the one that it lays out when it loads the projector. */
export function isLaidOut(shape: EncoderShape, pixels: number): boolean {
  const { kind, projector, merge } = shape;
  if (!isKnownType(projector)) return false;
  if (projector.tokensPerSide === 0) return projector.fixedTiles;
  if (kind === 'audio') return false;
  return countPicturePositions(shape, pixels) * ROUNDING <= (projector.tokensPerSide * merge) ** 2;
}

/** Those of an image of so many pixels by itself. */
export function countPicturePositions(shape: EncoderShape, pixels: number): number {
  const { projector, imageSize, patchSize, mostPixels = 0 } = shape;
  if (projector.tokensPerSide === 0) return Math.ceil(imageSize / patchSize) ** 2;
  const countPatches = (points: number) => Math.ceil(points / patchSize ** 2);
  return Math.min(countPatches(pixels), Math.max(projector.mostPositions, countPatches(mostPixels)));
}

/**
 * Builds Whisper's encoder with the head of Qwen2-Audio: two convolutions, the blocks, an average over pairs, one matrix.
 */
function buildWhisperGraph(shape: EncoderShape): Graph {
  const graph = new Graph(shape.scratchBytesPerElement);
  const { width, projection } = shape;
  const positions = FRAMES / 2;
  const sound = graph.input([FRAMES, shape.mels, 1]);
  const first = buildConvolution(graph, sound, shape.mels, width, FRAMES);
  const second = buildConvolution(graph, first, width, width, positions);
  const turned = graph.view(second, [width, positions], { contiguous: false });
  let x = graph.map(graph.op([width, positions], [turned]), graph.view(EXTERNAL, []));
  for (let layer = 0; layer < shape.layers; layer++) x = buildBlock(graph, shape, `a.blk.${layer}`, x, positions);
  const rows = graph.op([positions, width], [graph.view(x, [positions, width], { contiguous: false })]);
  const halves = graph.op([positions / 2, width], [rows]);
  const pooled = graph.op([width, positions / 2], [graph.view(halves, [width, positions / 2], { contiguous: false })]);
  const normed = shape.has('a.post_ln.weight') ? buildLayerNorm(graph, pooled) : pooled;
  const batched = graph.view(normed, [width, positions / 2, 1]);
  graph.expand(graph.map(graph.matmul(projection, batched), EXTERNAL));
  return graph;
}

/** Builds one block of `build_vit` with flash attention, which the engine takes wherever the CPU computes. */
function buildBlock(graph: Graph, shape: EncoderShape, name: string, x: Tensor, positions: number): Tensor {
  const { width, heads, ffn } = shape;
  const length = width / heads;
  const biased = (part: string, y: Tensor) => (shape.has(`${name}.${part}.bias`) ? graph.map(y, EXTERNAL) : y);
  const normed = buildLayerNorm(graph, x);
  const project = (part: string) => graph.view(biased(part, graph.matmul(width, normed)), [length, heads, positions]);
  const [query, key, value] = [project('attn_q'), project('attn_k'), project('attn_v')];
  for (const part of [query, key, value]) graph.expand(part);
  const turned = [length, positions, heads];
  const turn = (tensor: Tensor) => graph.view(tensor, turned, { contiguous: false });
  const half = (tensor: Tensor) => graph.op(turned, [tensor], { elementBytes: F16_BYTES });
  const mixed = graph.op([length, heads, positions], [turn(query), half(turn(key)), half(turn(value))]);
  const flat = graph.view(mixed, [width, positions]);
  graph.expand(flat);
  const attended = biased('attn_out', graph.matmul(width, flat));
  const sum = graph.map(attended, x);
  const up = graph.map(biased('ffn_up', graph.matmul(ffn, buildLayerNorm(graph, sum))));
  return graph.map(sum, biased('ffn_down', graph.matmul(width, up)));
}

/** Builds a layer norm. Unlike a root mean square norm it is never computed in place. */
function buildLayerNorm(graph: Graph, x: Tensor): Tensor {
  return graph.map(graph.map(graph.op(x.dims, [x]), EXTERNAL), EXTERNAL);
}

/** Builds `ggml_conv_1d_ph`: the samples under the kernel as F16 columns, one product, bias and activation. */
function buildConvolution(graph: Graph, x: Tensor, channels: number, width: number, length: number): Tensor {
  const columns = graph.op([channels * KERNEL, length], [EXTERNAL, x], { elementBytes: F16_BYTES });
  const flat = graph.view(columns, [channels * KERNEL, length]);
  const product = graph.op([length, width], [flat, graph.view(EXTERNAL, [])]);
  return graph.map(graph.map(graph.view(product, [length, width, 1]), EXTERNAL));
}

/** Builds the patches of an image and the blocks, with some room for what projectors put in front of and behind them. */
function buildVisionGraph(shape: EncoderShape, positions: number): Graph {
  const graph = new Graph(shape.scratchBytesPerElement);
  const image = graph.input([shape.patchSize ** 2, positions, 3]);
  const columns = graph.op([shape.patchSize ** 2 * 3, positions], [EXTERNAL, image], { elementBytes: F16_BYTES });
  const patches = graph.op([positions, shape.width], [columns, graph.view(EXTERNAL, [])]);
  let x = graph.map(graph.op([shape.width, positions], [patches]), EXTERNAL);
  for (let layer = 0; layer < shape.layers; layer++) x = buildBlock(graph, shape, `v.blk.${layer}`, x, positions);
  graph.expand(graph.matmul(shape.projection, buildLayerNorm(graph, x)));
  return graph;
}
