import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RuledFile } from '../../src/gguf/header-rule.ts';
import { refuseOtherWidth } from '../../src/gguf/projector-width.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { editHeader, type KeyEdits, type TensorEdits } from '../support/edit-header.ts';
import {
  makeSoundProjectors,
  PROJECTOR_TYPES,
  type ProjectorType,
  type SoundProjectors,
} from '../support/sound-projectors.ts';

let projectors: SoundProjectors;
let model: RuledFile;
beforeAll(async () => {
  projectors = await makeSoundProjectors();
  const file = await readGguf(projectors.models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 }));
  model = editHeader(file, { 'qwen2.embedding_length': ['u32', 256] });
});
afterAll(() => projectors.models.remove());

const judge = (type: ProjectorType, tensors: TensorEdits = {}, keys: KeyEdits = {}) => {
  return () => refuseOtherWidth(model, editHeader(projectors.get(type), keys, tensors));
};

test.each(PROJECTOR_TYPES)('a projector of type %s that is as wide as the model passes', (type) => {
  expect(judge(type)).not.toThrow();
});

test.each<[ProjectorType, string, readonly number[]]>([
  ['qwen2a', 'mm.a.fc.weight', [64, 128]],
  ['ultravox', 'mm.a.mlp.2.weight', [64, 128]],
  ['gemma3', 'mm.input_projection.weight', [128, 64]],
  ['idefics3', 'mm.model.fc.weight', [64, 128]],
  ['mlp', 'mm.2.weight', [256, 128]],
])('a narrower one of type %s is refused', (type, name, dims) => {
  const sentence = `as qwen2.embedding_length of ${JSON.stringify(model.path)} says, found 128 in ${name}; pass the projector`;
  expect(judge(type, { [name]: { dims } })).toThrow(sentence);
});

test('one without the tensor that has the width is refused', () => {
  expect(judge('gemma3', { 'mm.input_projection.weight': undefined })).toThrow(
    'to have the tensor mm.input_projection.weight of a projector of type gemma3, found no such tensor',
  );
});

test('one of a type that is not known here passes, and so does a model that names no width', () => {
  expect(judge('mlp', {}, { 'clip.projector_type': ['string', 'new'] })).not.toThrow();
  const unnamed = editHeader(model, { 'qwen2.embedding_length': undefined });
  expect(() => refuseOtherWidth(unnamed, projectors.get('gemma3'))).not.toThrow();
});
