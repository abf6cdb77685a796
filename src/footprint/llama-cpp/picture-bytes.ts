/** Knows what an engine takes for a picture beside its encoder's graph, by its pixels. It must not read files. */
import { MiB } from '../../core/bytes.ts';
import { countPicturePositions } from './encoder-graph.ts';
import type { EncoderShape } from './encoder-shape.ts';

/**
 * A decoder holds the file, its points as they are stored and as they are used, and a copy: 6 bytes for a point of a JPEG file, 8 of a PNG file with
 * alpha, 9 of a bitmap, 12 of a progressive JPEG file, 24 of a PNG file of 16 bits (`node bench/footprint/load-pictures.mjs`).
 */
const PIXEL_BYTES = 24;
/**
 * What the engine's four worker threads keep of pictures that were seen before: with the above it is what five progressive JPEG files of 4 megapixels
 * took, 130 MiB. Several PNG files of 16 bits take more, 315 MiB.
 */
const BASE_BYTES = 40 * MiB;
const F32_BYTES = 4;

/** At most, while a text with such a picture runs. */
export function countPictureBytes(shape: EncoderShape, pixels: number): number {
  if (shape.kind !== 'vision') return 0;
  // The mask of windows is made apart and copied into the graph, once the picture is decoded.
  const maskBytes = shape.windowed ? countPicturePositions(shape, pixels) ** 2 * F32_BYTES : 0;
  return Math.max(BASE_BYTES + pixels * PIXEL_BYTES, maskBytes);
}
