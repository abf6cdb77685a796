import { afterAll, beforeAll, expect, test } from 'vitest';
import { refuseUnsoundProjector } from '../../src/gguf/projector-rules.ts';
import { editHeader, type KeyEdits } from '../support/edit-header.ts';
import {
  makeSoundProjectors,
  PROJECTOR_TYPES,
  type ProjectorType,
  type SoundProjectors,
} from '../support/sound-projectors.ts';

let projectors: SoundProjectors;
beforeAll(async () => {
  projectors = await makeSoundProjectors();
});
afterAll(() => projectors.models.remove());

test.each(PROJECTOR_TYPES)('a projector of type %s passes', (type) => {
  expect(() => refuseUnsoundProjector(projectors.get(type))).not.toThrow();
});

test('a projector of a type that is not known here is judged by what all types share', () => {
  const unknown = (keys: KeyEdits) => () =>
    refuseUnsoundProjector(editHeader(projectors.get('gemma3'), { 'clip.projector_type': ['string', 'new'], ...keys }));
  expect(unknown({ 'clip.vision.attention.head_count': ['u32', 5] })).not.toThrow();
  expect(unknown({ 'clip.vision.patch_size': ['u32', 0] })).toThrow('in clip.vision.patch_size, found 0');
});

test.each<[ProjectorType, string, KeyEdits, string]>([
  ['qwen2a', 'a name that is no text', { 'general.name': ['u32', 1] }, 'a value of type string in general.name'],
  ['qwen2a', 'a number as a truth value', { 'clip.has_audio_encoder': ['u32', 1] }, 'of type bool'],
  ['qwen2a', 'no encoder', { 'clip.has_audio_encoder': undefined }, 'have true in clip.has_audio_encoder or'],
  ['qwen2a', 'two activations', { 'clip.use_gelu': ['bool', true], 'clip.use_silu': ['bool', true] }, 'found both'],
  [
    'qwen2a',
    'no type',
    { 'clip.projector_type': undefined, 'clip.audio.projector_type': undefined },
    'name the type of its audio encoder',
  ],
  ['qwen2a', 'no width', { 'clip.audio.embedding_length': undefined }, 'found nothing'],
  ['qwen2a', 'no blocks', { 'clip.audio.block_count': ['u32', 0] }, 'from 1 to 512'],
  ['qwen2a', 'no heads', { 'clip.audio.attention.head_count': ['u32', 0] }, 'that divides 64'],
  ['qwen2a', 'heads of several lengths', { 'clip.audio.attention.head_count': ['u32', 3] }, 'that divides 64'],
  ['qwen2a', 'NaN', { 'clip.audio.attention.layer_norm_epsilon': ['f32', Number.NaN] }, 'a number from 0'],
  ['qwen2a', 'too many rows', { 'clip.audio.num_mel_bins': ['u32', 257] }, 'from 1 to 256'],
  ['qwen2a', 'a layer behind the last', { 'clip.audio.feature_layer': ['i32[]', [9]] }, 'from -1 to 2'],
  ['ultravox', 'nothing to stack', { 'clip.audio.projector.stack_factor': ['u32', 0] }, 'from 1 to 1500'],
  ['gemma3', 'patches of nothing', { 'clip.vision.patch_size': ['u32', 0] }, 'from 1 to 65535'],
  ['gemma3', 'an image of no patch', { 'clip.vision.image_size': ['u32', 13] }, 'from 14'],
  ['gemma3', 'a rest of patches', { 'clip.vision.projector.scale_factor': ['u32', 3] }, 'that divides 64'],
  ['gemma3', 'a rest of patches by default', { 'clip.vision.image_size': ['u32', 70] }, 'that divides 5'],
  ['gemma3', 'two means', { 'clip.vision.image_mean': ['f32[]', [0.5, 0.5]] }, 'at least 3 elements'],
  ['idefics3', 'no scale', { 'clip.vision.projector.scale_factor': ['u32', 0] }, 'from 1'],
  ['mlp', 'pin points as a text', { 'clip.vision.image_grid_pinpoints': ['string', 'x'] }, 'of type i32[] or u32[]'],
])('of type %s, with %s, is refused', (type, _what, keys, sentence) => {
  expect(() => refuseUnsoundProjector(editHeader(projectors.get(type), keys))).toThrow(sentence);
});
