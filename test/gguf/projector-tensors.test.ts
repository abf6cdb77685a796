import { afterAll, beforeAll, expect, test } from 'vitest';
import { refuseUnsoundTensors } from '../../src/gguf/projector-tensors.ts';
import { editHeader, type KeyEdits, type TensorEdits } from '../support/edit-header.ts';
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

const judge = (type: ProjectorType, tensors: TensorEdits, keys: KeyEdits = {}) => {
  return () => refuseUnsoundTensors(editHeader(projectors.get(type), keys, tensors));
};

test.each(PROJECTOR_TYPES)('a projector of type %s passes', (type) => {
  expect(judge(type, {})).not.toThrow();
});

test('a projector of a type that is not known here passes', () => {
  expect(
    judge('gemma3', { 'v.patch_embd.weight': undefined }, { 'clip.projector_type': ['string', 'new'] }),
  ).not.toThrow();
});

test.each<[ProjectorType, string, TensorEdits]>([
  ['mlp', 'a bias that may be missing', { 'v.blk.0.attn_q.bias': undefined }],
  ['mlp', 'a weight of 4 dimensions, the last of which is 1', { 'mm.0.weight': { dims: [64, 256, 1, 1] } }],
  ['qwen2a', 'more positions than are used', { 'a.position_embd.weight': { dims: [64, 1600] } }],
  [
    'gemma3',
    'one weight for queries, keys and values',
    {
      'v.blk.0.attn_qkv.weight': { dims: [64, 192] },
      'v.blk.0.attn_q.weight': undefined,
      'v.blk.0.attn_k.weight': undefined,
      'v.blk.0.attn_v.weight': undefined,
    },
  ],
])('of type %s, with %s, passes', (type, _what, tensors) => {
  expect(judge(type, tensors)).not.toThrow();
});

test.each<[ProjectorType, string, TensorEdits, string]>([
  [
    'qwen2a',
    'a missing tensor',
    { 'mm.a.fc.weight': undefined },
    'have the tensor mm.a.fc.weight, found none of this name',
  ],
  [
    'qwen2a',
    'a bias of keys',
    { 'a.blk.0.attn_k.bias': { dims: [64] } },
    'have no tensor a.blk.0.attn_k.bias, found one',
  ],
  [
    'qwen2a',
    'half a weight',
    { 'a.blk.1.attn_q.weight': { dims: [32, 64] } },
    'have 64 x 64 weights in a.blk.1.attn_q.weight, found 32 x 64',
  ],
  ['qwen2a', 'fewer positions', { 'a.position_embd.weight': { dims: [64, 750] } }, 'have 64 x 1500 or more weights'],
  ['qwen2a', 'a vector in F16', { 'a.blk.0.ln1.bias': { type: 'F16' } }, 'have F32 in a.blk.0.ln1.bias, found F16'],
  [
    'qwen2a',
    'a matrix of whole numbers',
    { 'a.blk.0.attn_v.weight': { type: 'I32' } },
    'have weights that can be multiplied in',
  ],
  ['qwen2a', 'a bias of one dimension', { 'a.conv1d.1.bias': { dims: [64] } }, 'have 1 x 64 weights'],
  ['ultravox', 'a gate of another length', { 'mm.a.norm_mid.weight': { dims: [1] } }, 'in mm.a.mlp.1.weight'],
  [
    'voxtral',
    'layers that do not meet',
    { 'mm.a.mlp.2.weight': { dims: [3, 256] } },
    'in mm.a.mlp.2.weight, found 3 x 256',
  ],
  [
    'gemma3',
    'positions of another image',
    { 'v.position_embd.weight': { dims: [64, 5] } },
    'in v.position_embd.weight',
  ],
  ['gemma3', 'patches of another size', { 'v.patch_embd.weight': { dims: [7, 14, 3, 64] } }, 'have 14 x 14 x 3 x 64'],
  ['idefics3', 'another merge', { 'mm.model.fc.weight': { dims: [64, 256] } }, 'in mm.model.fc.weight, found 64 x 256'],
  ['mlp', 'a feed-forward of two lengths', { 'v.blk.0.ffn_down.weight': { dims: [9, 64] } }, 'in v.blk.0.ffn_'],
])('of type %s, with %s, is refused', (type, _what, tensors, sentence) => {
  expect(judge(type, tensors)).toThrow(sentence);
});
