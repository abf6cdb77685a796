/** Knows how much more an encoder's graph may take that isn't mirrored operation by operation. It must not know files. */
import type { EncoderShape } from './encoder-shape.ts';
import { isKnownType } from './projector-types.ts';

const F32_BYTES = 4;
const F16_BYTES = 2;
/** Positions of a spectrogram of 30 s behind the first convolution over two dimensions, for each of its halved rows. */
const FIRST_POSITIONS = 1500;
const KERNEL_ELEMENTS = 9;
/** As `node bench/footprint/projector-mirror.mjs` shows it. */
const HELD = '38 files of such projectors it was never below the engine, and at most 2.1 times as much';

/** True if the graph of these positions was compared and is exact. */
export function isExact({ projector, imageSize }: EncoderShape): boolean {
  return projector.compared && (projector.comparedImageSize ?? imageSize) === imageSize;
}

/** Returns the most bytes that the engine's graph may take if the usual encoder takes `graphBytes`. */
export function boundEncoderBytes(shape: EncoderShape, positions: number, graphBytes: number): number {
  // Windows of attention are masked, in F32 and in F16.
  const maskBytes = shape.windowed ? positions ** 2 * (F32_BYTES + F16_BYTES) : 0;
  return Math.ceil(graphBytes * shape.projector.graphFactor) + maskBytes + countPlaneBytes(shape);
}

/** A convolution over time and pitch has planes as large as half the spectrogram: its result twice, and the columns of the next. */
function countPlaneBytes({ planes, mels }: EncoderShape): number {
  const first = planes * Math.ceil(mels / 2) * FIRST_POSITIONS;
  return 2 * first * F32_BYTES + (first / 4) * KERNEL_ELEMENTS * F16_BYTES;
}

/** Says what is bounded, and up to which size of image. */
export function describeEncoderBound(shape: EncoderShape, positions: number): string {
  const { projector, kind, patchSize } = shape;
  const name = JSON.stringify(projector.name);
  const size = Math.round(Math.sqrt(positions)) * patchSize;
  const image = kind === 'vision' ? `, for images of up to ${size} × ${size} pixels` : '';
  if (!isKnownType(projector))
    return `the projector ${name} was never compared with the engine, so its graph is bounded${image}`;
  return `the graph of the projector ${name} is bounded${image}: in ${HELD}`;
}
