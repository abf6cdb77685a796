import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RuledFile } from '../../src/gguf/header-rule.ts';
import { refuseUnsoundModel } from '../../src/gguf/model-rules.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { SMALL, VARIANTS } from '../../tools/architectures.mjs';
import { editHeader, type KeyEdits, type TensorEdits } from '../support/edit-header.ts';
import { type LoadedModels, makeModels } from '../support/model-headers.ts';

let models: LoadedModels;
let plain: RuledFile;
let experts: RuledFile;
beforeAll(async () => {
  models = makeModels();
  plain = await readGguf(models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 }));
  experts = await readGguf(models.model({ architecture: 'llama', experts: 8, expertsUsed: 2 }));
});
afterAll(() => models.remove());

test.each([...Object.entries(SMALL), ...Object.entries(VARIANTS)])('the shape %s passes', async (name, shape) => {
  const file = await readGguf(models.model({ architecture: name, ...shape }));
  expect(() => refuseUnsoundModel(file)).not.toThrow();
});

describe('an edited header', () => {
  const refuse = (file: RuledFile, keys: KeyEdits, tensors: TensorEdits = {}) => {
    try {
      refuseUnsoundModel(editHeader(file, keys, tensors));
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each<[string, KeyEdits, string]>([
    ['no blocks', { 'qwen2.block_count': ['u32', 0] }, 'a whole number from 1 to 512 in qwen2.block_count, found 0'],
    ['too many blocks', { 'qwen2.block_count': ['u32', 513] }, 'found 513'],
    ['NaN', { 'qwen2.attention.layer_norm_rms_epsilon': ['f32', Number.NaN] }, 'a number from 0'],
    ['a bogus scaling', { 'qwen2.rope.scaling.type': ['string', 'x'] }, 'one of none, linear, yarn, longrope'],
    ['heads as fractions', { 'qwen2.attention.head_count_kv': ['f32[]', [2, 2]] }, 'a list of type u32[] or i32[]'],
    [
      'an odd rotation',
      { 'qwen2.rope.dimension_count': ['u32', 63] },
      'and a multiple of 2 in qwen2.rope.dimension_count',
    ],
    ['a rotation of more than a head', { 'qwen2.rope.dimension_count': ['u32', 4096] }, 'found 4096'],
    ['a rotation of less than a head', { 'qwen2.rope.dimension_count': ['u32', 2] }, 'found 2'],
    ['keys of another length', { 'qwen2.attention.key_length': ['u32', 2] }, 'in qwen2.attention.key_length, found 2'],
    ['experts that the model has not', { 'qwen2.expert_used_count': ['u32', 1] }, 'a whole number that is 0 in'],
    ['too many experts', { 'qwen2.expert_count': ['u32', 513] }, 'from 0 to 512'],
    ['labels as numbers', { 'qwen2.classifier.output_labels': ['u32[]', [1]] }, 'a value of type string[]'],
    [
      'a window in no layer',
      { 'qwen2.attention.sliding_window': ['u32', 8], 'qwen2.attention.sliding_window_pattern': ['u32', 1] },
      'a whole number from 2',
    ],
  ])('with %s is refused', (_what, keys, sentence) => {
    expect(refuse(plain, keys)).toContain(sentence);
  });

  test.each<[string, KeyEdits, string]>([
    ['no used expert', { 'llama.expert_used_count': ['u32', 0] }, 'from 1 to 8 in llama.expert_used_count'],
    ['more used experts than there are', { 'llama.expert_used_count': ['u32', 9] }, 'found 9'],
    ['uneven groups', { 'llama.expert_group_count': ['u32', 3] }, 'that divides 8'],
    [
      'all groups used',
      { 'llama.expert_group_count': ['u32', 2], 'llama.expert_group_used_count': ['u32', 2] },
      'that is 1 in llama.expert_group_used_count',
    ],
  ])('with experts and %s is refused', (_what, keys, sentence) => {
    expect(refuse(experts, keys)).toContain(sentence);
  });

  test('with groups that are used in part passes', () => {
    const keys: KeyEdits = { 'llama.expert_group_count': ['u32', 2], 'llama.expert_group_used_count': ['u32', 1] };
    expect(refuse(experts, keys)).toBeUndefined();
  });

  test('without heads in the first layer has no length of a head', () => {
    expect(refuse(plain, { 'qwen2.attention.head_count': ['u32[]', [0, 8]] })).toBeUndefined();
  });

  test('with keys of other rows than its heads say is refused', () => {
    const rows = plain.tensors.find('blk.0.attn_k.weight')!.dims[1]!;
    const heads: KeyEdits = { 'qwen2.attention.head_count_kv': ['u32[]', [2, 2]] };
    expect(refuse(plain, heads)).toBeUndefined();
    const other = { 'blk.1.attn_k.weight': { dims: [plain.tensors.find('blk.0.attn_k.weight')!.dims[0]!, rows * 2] } };
    expect(refuse(plain, heads, other)).toContain(`found ${rows * 2} for 2 heads`);
  });
});
