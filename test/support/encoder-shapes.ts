/** The shape of an encoder for pictures, small enough to be checked by hand. */
import type { EncoderShape } from '../../src/footprint/llama-cpp/encoder-shape.ts';
import { findProjectorType } from '../../src/footprint/llama-cpp/projector-types.ts';

export const createVisionShape = (type: string, shape: Partial<EncoderShape> = {}): EncoderShape => ({
  kind: 'vision',
  projector: findProjectorType(type),
  width: 64,
  layers: 2,
  heads: 4,
  ffn: 128,
  projection: 512,
  mels: 0,
  imageSize: 896,
  patchSize: 14,
  merge: 1,
  windowed: false,
  planes: 0,
  scratchBytesPerElement: 2,
  has: () => false,
  ...shape,
});
