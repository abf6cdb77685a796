/** Knows whether the tensors of a projector belong together, which no library checks. It must not know which tensors a type has. */
import {
  ENCODER_TENSORS,
  type EncoderTensors,
  FEED_FORWARD,
  FUSED,
  type Length,
  SEPARATE,
  SWAPPED_FEED_FORWARD,
  type TensorRow,
} from './encoder-tensors.ts';
import type { RuledFile } from './header-rule.ts';
import { modelFileError } from './model-file.ts';
import { type Encoder, listEncoders } from './projector-encoders.ts';
import type { TensorKind } from './read-gguf.ts';
import { NOT_MULTIPLIED } from './weight-types.ts';

/** Whisper sees 3000 frames of 10 ms at once, two for each position. */
const SOUND_POSITIONS = 1500;
const ADVICE = 'download the file again';

/** Lengths by their names. A name that the header says nothing about gets the length of the first tensor that has it. */
type Lengths = Map<string, number>;

/**
 * Refuses a projector of a known type whose tensors don't belong together. Its header must have passed `refuseUnsoundProjector`.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`
 */
export function refuseUnsoundTensors(file: RuledFile): void {
  for (const encoder of listEncoders(file)) {
    const tensors = ENCODER_TENSORS[encoder.type];
    if (tensors !== undefined) refuseEncoder(file, encoder, tensors);
  }
}

function refuseEncoder(file: RuledFile, { kind }: Encoder, { block, others, canFuse, refused }: EncoderTensors): void {
  const lengths = readLengths(file, kind);
  for (const row of others) refuseTensor(file, row, lengths);
  const blocks = Number(file.metadata.get(`clip.${kind}.block_count`));
  for (let index = 0; index < blocks; index++) {
    const prefix = `${kind[0]}.blk.${index}.`;
    const find = (name: string) => file.tensors.find(prefix + name);
    if (refused !== undefined && find(refused)) {
      throw modelFileError(file.path, `have no tensor ${prefix}${refused}`, 'one', ADVICE);
    }
    const isFused = canFuse === true && find('attn_qkv.weight') !== undefined;
    const isSwapped = kind === 'vision' && find('ffn_down.weight')?.dims[0] === lengths.get('width');
    const rows = [...(isFused ? FUSED : SEPARATE), ...block, ...(isSwapped ? SWAPPED_FEED_FORWARD : FEED_FORWARD)];
    for (const row of rows) refuseTensor(file, { ...row, name: prefix + row.name }, lengths);
  }
}

function readLengths({ metadata, tensors }: RuledFile, kind: Encoder['kind']): Lengths {
  const read = (key: string) => Number(metadata.get(`clip.${kind}.${key}`) ?? 1);
  const width = read('embedding_length');
  const lengths: Lengths = new Map([
    ['width', width],
    ['fused', 3 * width],
  ]);
  if (kind === 'audio') {
    lengths.set('mels', read('num_mel_bins'));
    lengths.set('positions', SOUND_POSITIONS);
    lengths.set('stacked', width * read('projector.stack_factor'));
    const half = tensors.find('mm.a.norm_mid.weight')?.dims[0];
    if (half !== undefined) lengths.set('twice half', 2 * half);
  } else {
    const patches = Math.floor(read('image_size') / read('patch_size')) ** 2;
    lengths.set('patch', read('patch_size'));
    lengths.set('positions', patches + (tensors.find('v.class_embd') ? 1 : 0));
    lengths.set('merged', width * read('projector.scale_factor') ** 2);
  }
  return lengths;
}

function refuseTensor({ path, tensors }: RuledFile, { name, dims, needed, isF32 }: TensorRow, lengths: Lengths): void {
  const found = tensors.find(name);
  if (found === undefined) {
    if (needed) throw modelFileError(path, `have the tensor ${name}`, 'none of this name', ADVICE);
    return;
  }
  if (!hasDims(found, dims, lengths)) {
    const wanted = dims.map((length) => printLength(length, lengths)).join(' x ');
    throw modelFileError(path, `have ${wanted} weights in ${name}`, found.dims.join(' x '), ADVICE);
  }
  const type = found.type.name;
  if (isF32 ? type === 'F32' : !NOT_MULTIPLIED.includes(type)) return;
  throw modelFileError(path, `have ${isF32 ? 'F32' : 'weights that can be multiplied'} in ${name}`, type, ADVICE);
}

function hasDims({ dims }: TensorKind, wanted: readonly Length[], lengths: Lengths): boolean {
  const isRight = wanted.every((length, index) => isLength(dims[index] ?? 1, length, lengths));
  return isRight && dims.slice(wanted.length).every((length) => length === 1);
}

function isLength(length: number, wanted: Length, lengths: Lengths): boolean {
  if (typeof wanted === 'number') return length === wanted;
  const name = wanted.replace('+', '');
  const known = lengths.get(name);
  if (known === undefined) lengths.set(name, length);
  return known === undefined || length === known || (name !== wanted && length > known);
}

function printLength(wanted: Length, lengths: Lengths): string {
  if (typeof wanted === 'number') return String(wanted);
  return `${lengths.get(wanted.replace('+', ''))}${wanted.endsWith('+') ? ' or more' : ''}`;
}
