/**
 * Knows which values in a projector's header end the process of llama.cpp's builds, row by row. It must not know language models or
 * tensors.
 */
import {
  type Bounds,
  fraction,
  type HeaderRule,
  type RuledFile,
  type RuledHeader,
  refuseBrokenRules,
  typed,
  wholeNumber,
} from './header-rule.ts';
import { modelFileError } from './model-file.ts';
import { type Encoder, listEncoders } from './projector-encoders.ts';

/** An encoder has 24 to 64. */
const MAX_BLOCKS = 512;
const u32 = { type: 'u32' } as const;
const required = { type: 'u32', required: true } as const;

/** Keys below `general`, which the library reads as texts. */
const GENERAL_RULES: readonly HeaderRule[] = [typed('name', ['string']), typed('description', ['string'])];

/** Keys below `clip`. */
const CLIP_RULES: readonly HeaderRule[] = [
  typed('has_audio_encoder', ['bool']),
  typed('has_vision_encoder', ['bool']),
  typed('has_gen_audio_encoder', ['bool']),
  typed('projector_type', ['string']),
  typed('use_gelu', ['bool']),
  typed('use_silu', ['bool']),
];

/** Keys below `clip.audio` and `clip.vision`. */
const ENCODER_RULES: readonly HeaderRule[] = [
  wholeNumber('embedding_length', { least: 1 }, required),
  wholeNumber('feed_forward_length', { least: 0 }, required),
  wholeNumber('block_count', { least: 0, most: MAX_BLOCKS }, required),
  wholeNumber('attention.head_count', { least: 0 }, required),
  wholeNumber('projection_dim', { least: 0 }, required),
  fraction('attention.layer_norm_epsilon', { type: 'f32', required: true }),
  typed('projector_type', ['string']),
  typed('feature_layer', ['i32[]', 'u32[]']),
  // Layers are counted from the input of the first block; -1 is none.
  wholeNumber('feature_layer', ({ number }) => ({ least: -1, most: number('block_count') ?? 0 })),
];

const KIND_RULES: Readonly<Record<Encoder['kind'], readonly HeaderRule[]>> = {
  audio: [
    wholeNumber('num_mel_bins', { least: 1 }, required),
    wholeNumber('projector.stack_factor', { least: 0 }, u32),
  ],
  vision: [
    wholeNumber('image_size', { least: 0, most: 65_536 }, required),
    wholeNumber('patch_size', { least: 1, most: 65_535 }, required),
    typed('image_mean', ['f32[]'], { required: true, least: 3 }),
    typed('image_std', ['f32[]'], { required: true, least: 3 }),
    typed('image_grid_pinpoints', ['i32[]', 'u32[]']),
    wholeNumber('projector.scale_factor', { least: 1, most: 65_535 }, u32),
    wholeNumber('spatial_merge_size', { least: 1, most: 65_535 }, u32),
  ],
};

/** A type whose blocks attend has one head at least, and heads of one length. */
const ATTENDING_RULES: readonly HeaderRule[] = [
  wholeNumber('block_count', { least: 1, most: MAX_BLOCKS }),
  wholeNumber('attention.head_count', ({ number }) => ({ least: 1, divides: number('embedding_length') })),
];

/** Types that hear as Whisper does: the spectrum has at most 256 rows. */
const WHISPER_RULES: readonly HeaderRule[] = [...ATTENDING_RULES, wholeNumber('num_mel_bins', { least: 1, most: 256 })];
const STACK_RULES = [wholeNumber('projector.stack_factor', { least: 1, most: 1500 }, required)];

/** What else a type needs. Types that are in no row are judged by the rows that every type shares. */
const TYPE_RULES: Readonly<Record<string, readonly HeaderRule[]>> = {
  qwen2a: WHISPER_RULES,
  ultravox: [...WHISPER_RULES, ...STACK_RULES],
  voxtral: [...WHISPER_RULES, ...STACK_RULES],
  gemma3: [...ATTENDING_RULES, ...boundImage(), wholeNumber('projector.scale_factor', boundMerge, { absent: 4 })],
  idefics3: [...ATTENDING_RULES, ...boundImage()],
  mlp: [...ATTENDING_RULES, ...boundImage()],
};

/**
 * Refuses a projector over whose header an engine would end the process.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`
 */
export function refuseUnsoundProjector(file: RuledFile): void {
  refuseBrokenRules(file, 'general', GENERAL_RULES);
  refuseBrokenRules(file, 'clip', CLIP_RULES);
  const { metadata, path } = file;
  const encoders = listEncoders(file);
  if (encoders.length === 0 && metadata.get('clip.has_gen_audio_encoder') !== true) {
    const expected = 'have true in clip.has_audio_encoder or clip.has_vision_encoder';
    throw modelFileError(path, expected, 'neither', 'download the file again');
  }
  if (metadata.get('clip.use_gelu') === true && metadata.get('clip.use_silu') === true) {
    const expected = 'have at most one of clip.use_gelu and clip.use_silu';
    throw modelFileError(path, expected, 'both', 'download the file again');
  }
  for (const { kind, type } of encoders) {
    if (type === '') {
      const expected = `name the type of its ${kind} encoder in clip.projector_type`;
      throw modelFileError(path, expected, 'nothing', 'download the file again');
    }
    const rules = [...ENCODER_RULES, ...KIND_RULES[kind], ...(TYPE_RULES[type] ?? [])];
    refuseBrokenRules(file, `clip.${kind}`, rules);
  }
}

/** Rows of patches are merged without a rest. */
function boundMerge({ number }: RuledHeader): Bounds {
  return { least: 1, divides: Math.floor((number('image_size') ?? 0) / (number('patch_size') ?? 1)) };
}

/** An image of one patch at least. */
function boundImage(): readonly HeaderRule[] {
  return [wholeNumber('image_size', ({ number }) => ({ least: number('patch_size') ?? 1 }))];
}
