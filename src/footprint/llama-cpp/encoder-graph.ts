/** The graph that the engine reserves for a projector's encoder, as its clip code builds it. It knows nothing of files. */
import type { EncoderShape } from './encoder-shape.ts';
import { EXTERNAL, Graph, type Tensor } from './graph.ts';

const F16 = 2;
/** 30 s of audio in steps of 10 ms: Whisper's window, whatever the length of the recording. */
const FRAMES = 3000;
const KERNEL = 3;

/** Projectors whose figures were compared with the engine's. */
export const KNOWN_PROJECTORS: readonly string[] = ['qwen2a', 'ultravox', 'voxtral', 'gemma3', 'idefics3'];
/** Projectors that see every image, or every tile of one, at the size that the header names. */
const FIXED_SIZE = [
  'gemma3',
  'idefics3',
  'mlp',
  'mlp_norm',
  'ldp',
  'ldpv2',
  'internvl',
  'llama4',
  'cogvlm',
  'janus_pro',
];
/** 4096 tokens of four patches each: the most that the engine takes of one image (`set_limit_image_tokens` in clip.cpp). */
const MOST_PATCHES = 16_384;

/** Whisper's encoder with the head of qwen2a: two convolutions, the blocks, an average over pairs, one matrix. */
export function whisperGraph(shape: EncoderShape): Graph {
  const graph = new Graph(shape.scratchPerElement);
  const { width, projection } = shape;
  const positions = FRAMES / 2;
  const sound = graph.input([FRAMES, shape.mels, 1]);
  const first = convolution(graph, sound, shape.mels, width, FRAMES);
  const second = convolution(graph, first, width, width, positions);
  const turned = graph.view(second, [width, positions], { contiguous: false });
  let x = graph.map(graph.op([width, positions], [turned]), graph.view(EXTERNAL, []));
  for (let layer = 0; layer < shape.layers; layer++) x = encoderBlock(graph, shape, `a.blk.${layer}`, x, positions);
  const rows = graph.op([positions, width], [graph.view(x, [positions, width], { contiguous: false })]);
  const halves = graph.op([positions / 2, width], [rows]);
  const pooled = graph.op([width, positions / 2], [graph.view(halves, [width, positions / 2], { contiguous: false })]);
  const normed = shape.has('a.post_ln.weight') ? layerNorm(graph, pooled) : pooled;
  const batched = graph.view(normed, [width, positions / 2, 1]);
  graph.expand(graph.map(graph.matmul(projection, batched), EXTERNAL));
  return graph;
}

/** One block of `build_vit`, with flash attention: the engine takes it wherever the CPU computes. */
export function encoderBlock(graph: Graph, shape: EncoderShape, name: string, x: Tensor, positions: number): Tensor {
  const { width, heads, ffn } = shape;
  const length = width / heads;
  const biased = (part: string, y: Tensor) => (shape.has(`${name}.${part}.bias`) ? graph.map(y, EXTERNAL) : y);
  const normed = layerNorm(graph, x);
  const project = (part: string) => graph.view(biased(part, graph.matmul(width, normed)), [length, heads, positions]);
  const [query, key, value] = [project('attn_q'), project('attn_k'), project('attn_v')];
  for (const part of [query, key, value]) graph.expand(part);
  const turned = [length, positions, heads];
  const turn = (tensor: Tensor) => graph.view(tensor, turned, { contiguous: false });
  const half = (tensor: Tensor) => graph.op(turned, [tensor], { elementBytes: F16 });
  const mixed = graph.op([length, heads, positions], [turn(query), half(turn(key)), half(turn(value))]);
  const flat = graph.view(mixed, [width, positions]);
  graph.expand(flat);
  const attended = biased('attn_out', graph.matmul(width, flat));
  const sum = graph.map(attended, x);
  const up = graph.map(biased('ffn_up', graph.matmul(ffn, layerNorm(graph, sum))));
  return graph.map(sum, biased('ffn_down', graph.matmul(width, up)));
}

/** Unlike a root mean square this one is never computed in place. */
export function layerNorm(graph: Graph, x: Tensor): Tensor {
  return graph.map(graph.map(graph.op(x.dims, [x]), EXTERNAL), EXTERNAL);
}

/** `ggml_conv_1d_ph`: the samples under the kernel as F16 columns, one product, bias and activation. */
function convolution(graph: Graph, x: Tensor, channels: number, width: number, length: number): Tensor {
  const columns = graph.op([channels * KERNEL, length], [EXTERNAL, x], { elementBytes: F16 });
  const flat = graph.view(columns, [channels * KERNEL, length]);
  const product = graph.op([length, width], [flat, graph.view(EXTERNAL, [])]);
  return graph.map(graph.map(graph.view(product, [length, width, 1]), EXTERNAL));
}

/** Patches of an image and the blocks, with some room for what projectors put in front of and behind them. */
export function visionGraph(shape: EncoderShape): Graph {
  const graph = new Graph(shape.scratchPerElement);
  const positions = positionsOf(shape);
  const image = graph.input([shape.patchSize ** 2, positions, 3]);
  const columns = graph.op([shape.patchSize ** 2 * 3, positions], [EXTERNAL, image], { elementBytes: F16 });
  const patches = graph.op([positions, shape.width], [columns, graph.view(EXTERNAL, [])]);
  let x = graph.map(graph.op([shape.width, positions], [patches]), EXTERNAL);
  for (let layer = 0; layer < shape.layers; layer++) x = encoderBlock(graph, shape, `v.blk.${layer}`, x, positions);
  graph.expand(graph.matmul(shape.projection, layerNorm(graph, x)));
  return graph;
}

/** Positions that attend to each other. */
export function positionsOf(shape: EncoderShape): number {
  if (shape.kind === 'audio') return FRAMES / 2;
  const named = Math.ceil(shape.imageSize / shape.patchSize) ** 2;
  return FIXED_SIZE.includes(shape.projector) ? named : Math.max(named, MOST_PATCHES);
}
