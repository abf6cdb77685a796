/** The graphs of encoders for audio and for images. */
import { describe, expect, it } from 'vitest';
import { buildEncoderGraph, countPositions, isLaidOut } from '../../../src/footprint/llama-cpp/encoder-graph.ts';
import type { EncoderShape } from '../../../src/footprint/llama-cpp/encoder-shape.ts';
import { findProjectorType } from '../../../src/footprint/llama-cpp/projector-types.ts';
import { findTensors } from '../../support/graph-shapes.ts';

const AUDIO: EncoderShape = {
  kind: 'audio',
  projector: findProjectorType('qwen2a'),
  width: 64,
  layers: 2,
  heads: 4,
  ffn: 128,
  projection: 512,
  mels: 80,
  imageSize: 0,
  patchSize: 0,
  merge: 1,
  windowed: false,
  planes: 0,
  scratchBytesPerElement: 2,
  has: () => false,
};
const VISION: EncoderShape = {
  ...AUDIO,
  kind: 'vision',
  projector: findProjectorType('gemma3'),
  mels: 0,
  imageSize: 896,
  patchSize: 14,
};

describe('the graph of an audio encoder', () => {
  it('hears 30 s in 1500 positions and gives the language model half of them', () => {
    const graph = buildEncoderGraph(AUDIO);
    expect(countPositions(AUDIO)).toBe(1500);
    expect(findTensors(graph, 3000, 80, 1)).toHaveLength(1);
    expect(findTensors(graph, 512, 750, 1)).toHaveLength(2);
  });

  it('computes one feed-forward part for each layer', () => {
    const products = (layers: number) => findTensors(buildEncoderGraph({ ...AUDIO, layers }), 128, 1500).length;
    expect([products(0), products(1), products(3)]).toEqual([0, 2, 6]);
  });

  it('adds the biases and the last norm that are there', () => {
    const nodes = (...names: string[]) =>
      buildEncoderGraph({ ...AUDIO, has: (name) => names.includes(name) }).nodes.length;
    expect(nodes('a.blk.0.attn_q.bias', 'a.blk.1.ffn_up.bias') - nodes()).toBe(2);
    expect(nodes('a.post_ln.weight') - nodes()).toBe(3);
    expect(nodes('v.blk.0.attn_q.bias') - nodes()).toBe(0);
  });
});

describe('the graph of an image encoder', () => {
  it('sees one position for each patch of an image of fixed size', () => {
    expect(countPositions(VISION)).toBe(64 * 64);
    expect(findTensors(buildEncoderGraph(VISION), 14 * 14, 64 * 64, 3)).toHaveLength(1);
  });

  it('is as large when it is loaded if the image has the size of the header, or no more pixels than are laid out then', () => {
    const isEnough = (type: string, pixels: number, more: Partial<EncoderShape> = {}) =>
      isLaidOut({ ...VISION, projector: findProjectorType(type), ...more }, pixels);
    expect([isEnough('mlp', 1e9), isEnough('resampler', 1), isEnough('newer', 1)]).toEqual([true, false, false]);
    const hears = (type: string) => isEnough(type, 1, { kind: 'audio' });
    expect([hears('qwen3a'), hears('lfm2a'), hears('newer')]).toEqual([true, false, false]);
    const isLarge = (pixels: number) => isEnough('qwen2.5vl_merger', pixels, { merge: 2 });
    expect([isLarge(2 ** 20), isLarge(1288 ** 2)]).toEqual([true, false]);
  });

  it('sees no more patches of an image of any size than its type takes, or its header if that is more', () => {
    const count = (type: string, more: Partial<EncoderShape> = {}) =>
      countPositions({ ...VISION, projector: findProjectorType(type), ...more }, 1_000_000 * 14 ** 2);
    expect([count('qwen2vl_merger'), count('hunyuanvl'), count('youtuvl')]).toEqual([16_384, 65_536, 250_000]);
    expect(count('dots_ocr', { mostPixels: 57_600 * 14 ** 2 })).toBe(57_600);
    expect(count('dots_ocr', { mostPixels: 10 * 14 ** 2 })).toBe(16_384);
  });

  it('sees what the engine lays out when it loads a projector for images of any size, or an image of so many pixels', () => {
    const any = { ...VISION, projector: findProjectorType('qwen2vl_merger'), merge: 2 };
    expect(countPositions(any)).toBe((46 * 2) ** 2);
    expect(countPositions({ ...any, imageSize: 14 * 200 })).toBe((46 * 2) ** 2);
    expect(countPositions(any, 14 * 14 * 100)).toBe((46 * 2) ** 2);
    expect(countPositions(any, 14 * 14 * 10_000 - 1)).toBe(10_000);
    expect(countPositions(any, 14 * 14 * 20_000)).toBe(16_384);
    expect(countPositions(VISION, 14)).toBe(64 * 64);
    expect(countPositions(AUDIO, 14)).toBe(1500);
    expect(findTensors(buildEncoderGraph(any, 100), 14 * 14, 100, 3)).toHaveLength(1);
  });
});
