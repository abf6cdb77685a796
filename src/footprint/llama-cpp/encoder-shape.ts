/** Knows what an audio or vision projector looks like from its header. It must not read files or know sizes in bytes. */

import { HeaderKeys } from '../../gguf/header-keys.ts';
import { modelFileError } from '../../gguf/model-file.ts';
import type { ModelHeader } from '../../gguf/read-gguf.ts';
import { findLargestScratch } from './model-shape.ts';
import { findProjectorType, type ProjectorType } from './projector-types.ts';

/** One encoder of a projector. */
export interface EncoderShape {
  readonly kind: 'audio' | 'vision';
  readonly projector: ProjectorType;
  /** Elements of the vector of one position. */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Elements of the feed-forward part. */
  readonly ffn: number;
  /** Elements of the vectors that the language model is given. */
  readonly projection: number;
  /** Rows of a spectrogram; 0 for images. */
  readonly mels: number;
  /** The edge of an image in pixels; 0 for audio. */
  readonly imageSize: number;
  /** The edge of a patch in pixels; 0 for audio. */
  readonly patchSize: number;
  /** Pixels to which the header lets the engine make an image smaller; absent if it names none. */
  readonly mostPixels?: number;
  /** The edge of a token in patches, for images that the language model is given in fewer tokens than patches. */
  readonly merge: number;
  /** Some layers attend within windows only. */
  readonly windowed: boolean;
  /** Planes of a first convolution over time and pitch; 0 without one. */
  readonly planes: number;
  /** Bytes of an activation beside the largest product; see `countScratchBytesPerElement`. */
  readonly scratchBytesPerElement: number;
  /** True if the file has a tensor of this name. */
  has(tensor: string): boolean;
}

const MAX_WIDTH = 2 ** 20;
/** Ten times as many as any encoder has; each is a part of the graph. */
const MAX_LAYERS = 512;
const MAX_MERGE = 64;
const KINDS = ['audio', 'vision'] as const;
const WINDOW_KEYS = ['n_wa_pattern', 'wa_pattern_mode', 'wa_layer_indexes'];
/** The first convolution over two dimensions, if a type has one. */
const PLANE_WEIGHTS = ['a.conv2d.1.weight', 'a.conv1d.0.weight'];

/**
 * Reads the shape of each encoder in the file; a file may have one for audio and one for images.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` if the file has no encoder, or its header lacks what a size depends on.
 */
export function readEncoderShapes(file: ModelHeader): readonly EncoderShape[] {
  const kinds = KINDS.filter((kind) => file.metadata.get(`clip.has_${kind}_encoder`) === true);
  if (kinds.length > 0) return kinds.map((kind) => readEncoderShape(file, kind));
  throw modelFileError(file.path, 'have an audio or a vision encoder', 'neither', 'download the file again');
}

function readEncoderShape(file: ModelHeader, kind: EncoderShape['kind']): EncoderShape {
  const keys = new HeaderKeys(file, `clip.${kind}`);
  const read = (key: string, least = 1, most = MAX_WIDTH) => keys.readNumber(key, { least, most });
  const projector = findProjectorType(readTypeName(file, kind));
  const scale = keys.readNumber('projector.scale_factor', { fallback: projector.merge, most: MAX_MERGE });
  return Object.freeze({
    kind,
    projector,
    width: read('embedding_length'),
    layers: read('block_count', 0, MAX_LAYERS),
    heads: read('attention.head_count'),
    ffn: read('feed_forward_length', 0),
    projection: read('projection_dim'),
    mels: kind === 'audio' ? read('num_mel_bins') : 0,
    imageSize: kind === 'vision' ? read('image_size') : 0,
    patchSize: kind === 'vision' ? read('patch_size') : 0,
    ...(kind === 'vision' && {
      mostPixels: keys.readNumber('image_max_pixels', { fallback: 0, least: 0, most: Number.MAX_SAFE_INTEGER }),
    }),
    merge: keys.readNumber('spatial_merge_size', { fallback: scale, most: MAX_MERGE }),
    windowed: WINDOW_KEYS.some((key) => keys.has(key)),
    planes: kind === 'audio' ? countPlanes(file) : 0,
    scratchBytesPerElement: findLargestScratch(file.tensors),
    has: (tensor: string) => file.tensors.find(tensor) !== undefined,
  });
}

function countPlanes({ tensors }: ModelHeader): number {
  const first = PLANE_WEIGHTS.map((name) => tensors.find(name)?.dims).find((dims) => dims?.length === 4);
  return first?.[3] ?? 0;
}

function readTypeName({ metadata }: ModelHeader, kind: string): string {
  const type = metadata.get(`clip.${kind}.projector_type`) ?? metadata.get('clip.projector_type');
  return typeof type === 'string' ? type : 'unnamed';
}
