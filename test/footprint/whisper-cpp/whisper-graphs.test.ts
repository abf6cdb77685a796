import { expect, it } from 'vitest';
import { computeGraphBytes } from '../../../src/footprint/llama-cpp/graph-allocator.ts';
import {
  buildConvolutions,
  buildCross,
  buildDecoder,
  buildEncoder,
  type WhisperGraphShape,
} from '../../../src/footprint/whisper-cpp/whisper-graphs.ts';

const shape = (width: number, heads: number, layers: number, flashAttention: boolean): WhisperGraphShape => ({
  vocabulary: 51865,
  audioContext: 1500,
  width,
  audioHeads: heads,
  audioLayers: layers,
  textCells: 512,
  textHeads: heads,
  textLayers: layers,
  mels: 80,
  flashAttention,
  scratchBytesPerElement: 2,
});

/** What the engine of @fugood/whisper.node 1.1.3 says of its buffers in units of 10,000 bytes, less 1.59 MB for the plan of each. */
it.each([
  ['tiny', shape(384, 6, 4, false), [13.21, 64.81, 3.89, 95.91]],
  ['tiny with flash attention', shape(384, 6, 4, true), [13.21, 17.72, 3.89, 95.91]],
  ['base', shape(512, 8, 6, false), [16.28, 85.88, 4.66, 96.37]],
  ['base with flash attention', shape(512, 8, 6, true), [16.28, 23.09, 4.66, 96.37]],
])('the graphs of %s take what the engine says', (_name, given, said) => {
  const graphs = [buildConvolutions(given), buildEncoder(given), buildCross(given), buildDecoder(given, 448)];
  for (const [index, graph] of graphs.entries())
    expect(computeGraphBytes(graph) / 1e6 + 1.59).toBeCloseTo(said[index]!, 1);
});

it('a decoder without logits needs less, and the encoder a copy of its scores', () => {
  const base = shape(512, 8, 6, false);
  expect(computeGraphBytes(buildDecoder(base, 448, false))).toBeLessThan(
    computeGraphBytes(buildDecoder(base, 448)) / 2,
  );
  expect(buildEncoder(base).scratchBytes).toBe(1500 * 1500 * 8 * 2);
});
