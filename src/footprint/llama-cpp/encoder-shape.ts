/** What an audio or vision projector looks like, from its header. It reads no file and knows no sizes in bytes. */

import { modelFileError } from '../../gguf/model-file.ts';
import type { GgufFile } from '../../gguf/read-gguf.ts';
import { scratchOf } from './model-shape.ts';

export interface EncoderShape {
  readonly kind: 'audio' | 'vision';
  /** `clip.projector_type`, such as `qwen2a`. */
  readonly projector: string;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly ffn: number;
  /** Width of what the language model gets. */
  readonly projection: number;
  /** Rows of a spectrogram; 0 for images. */
  readonly mels: number;
  /** Edge of an image in pixels and of a patch; 0 for audio. */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly scratchPerElement: number;
  has(tensor: string): boolean;
}

const MAX_WIDTH = 2 ** 20;
/** Ten times as many as any encoder has: each is a part of the graph. */
const MAX_LAYERS = 512;
const KINDS = ['audio', 'vision'] as const;

/** One for each encoder in the file; a file may hear and see. Rejects damaged headers with `ERR_MODEL_FILE`. */
export function encoderShapes(file: GgufFile): readonly EncoderShape[] {
  const shapes = KINDS.filter((kind) => file.metadata.get(`clip.has_${kind}_encoder`) === true).map((kind) => {
    const whole = (key: string, least = 1, most = MAX_WIDTH) => wholeNumber(file, `clip.${kind}.${key}`, least, most);
    return Object.freeze({
      kind,
      projector: projectorType(file, kind),
      width: whole('embedding_length'),
      layers: whole('block_count', 0, MAX_LAYERS),
      heads: whole('attention.head_count'),
      ffn: whole('feed_forward_length', 0),
      projection: whole('projection_dim'),
      mels: kind === 'audio' ? whole('num_mel_bins') : 0,
      imageSize: kind === 'vision' ? whole('image_size') : 0,
      patchSize: kind === 'vision' ? whole('patch_size') : 0,
      scratchPerElement: scratchOf(file.tensors),
      has: (tensor: string) => file.tensors.find(tensor) !== undefined,
    });
  });
  if (shapes.length === 0) throw damaged(file, 'have an audio or a vision encoder', 'neither');
  return shapes;
}

function projectorType(file: GgufFile, kind: string): string {
  const type = file.metadata.get(`clip.${kind}.projector_type`) ?? file.metadata.get('clip.projector_type');
  return typeof type === 'string' ? type : 'unnamed';
}

function wholeNumber(file: GgufFile, key: string, least: number, most: number): number {
  const value = file.metadata.get(key);
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const found = value === undefined ? 'nothing' : String(value);
  throw damaged(file, `have a whole number from ${least} to ${most} in ${key}`, found);
}

function damaged(file: GgufFile, expected: string, found: string): Error {
  return modelFileError(file.path, expected, found, 'download the file again');
}
