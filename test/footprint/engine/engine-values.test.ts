import { expect, test } from 'vitest';
import {
  askContexts,
  listContextValues,
  listDraftValues,
  listModelValues,
  roundTokens,
} from '../../../src/footprint/engine/engine-values.ts';
import { completeSettings } from '../../../src/footprint/estimator.ts';

test('settings have the names and numbers of llama.cpp', () => {
  const settings = completeSettings({
    kvCacheType: { k: 'q8_0', v: 'bf16' },
    flashAttention: 'off',
    sequences: 4,
    pooling: 'last',
    embeddings: true,
  });
  expect(listContextValues(settings)).toEqual({
    n_batch: 512,
    n_ubatch: 512,
    n_seq_max: 4,
    type_k: 8,
    type_v: 30,
    flash_attn_type: 0,
    swa_full: 0,
    kv_unified: 0,
    embeddings: 1,
    pooling_type: 3,
  });
  const { pooling_type, flash_attn_type } = listContextValues(completeSettings({}));
  expect({ pooling_type, flash_attn_type }).toEqual({ pooling_type: undefined, flash_attn_type: -1 });
  expect(listContextValues(completeSettings({ logits: 'last', sequences: 3 }))).toMatchObject({ n_outputs_max: 3 });
  expect(listModelValues(completeSettings({ repack: ['Q4_0'] }))).toEqual({ n_gpu_layers: 0 });
  expect(listModelValues(completeSettings({ gpuLayers: 7 }))).toEqual({ n_gpu_layers: 7 });
  expect(listModelValues(completeSettings({ repack: false }))).toEqual({ n_gpu_layers: 0, use_extra_bufts: 0 });
  expect(listModelValues(completeSettings({ repack: true }))).toEqual({ n_gpu_layers: 0 });
});

test('a context of draft layers has a type of its own, and no states from before a guess', () => {
  const settings = completeSettings({ kvCacheType: 'q8_0', draftKvCacheType: { k: 'f32', v: 'f16' }, draftTokens: 5 });
  expect(listModelValues(settings)).toEqual({ n_gpu_layers: 0, load_mtp: 1 });
  expect(listContextValues(settings)).toMatchObject({ type_k: 8, type_v: 8, n_rs_seq: 5 });
  expect(listDraftValues(settings)).toMatchObject({ type_k: 0, type_v: 1, ctx_type: 1 });
  expect(listDraftValues(settings)).not.toHaveProperty('n_rs_seq');
  expect(askContexts(settings, 512, 512, listDraftValues).values).toEqual(listDraftValues(settings));
  expect(listContextValues(completeSettings({}))).not.toHaveProperty('n_rs_seq');
});

test('contexts are asked for in steps of the cells that sequences have', () => {
  const alone = completeSettings({});
  expect(askContexts(alone, 256, 5000)).toMatchObject({ leastTokens: 256, mostTokens: 5120, stepTokens: 256 });
  expect(askContexts(alone, 5000, 5000)).toMatchObject({ leastTokens: 5120, mostTokens: 5120 });
  // A graph is not made for more tokens than there are.
  expect(askContexts(alone, 256, 300)).toMatchObject({ leastTokens: 256, mostTokens: 300 });
  expect(askContexts(alone, 300, 300)).toMatchObject({ leastTokens: 300, mostTokens: 300 });
  expect(askContexts(completeSettings({ sequences: 4 }), 256, 5000)).toMatchObject({
    leastTokens: 1024,
    mostTokens: 5120,
    stepTokens: 1024,
  });
  expect(askContexts(completeSettings({ sequences: 4, unifiedKvCache: true }), 256, 5000)).toMatchObject({
    stepTokens: 256,
  });
});

test('tokens are looked up where the engine makes the same cells of them', () => {
  const alone = completeSettings({});
  expect(roundTokens(5000, 8192, alone)).toBe(5120);
  expect(roundTokens(300, 300, alone)).toBe(300);
  expect(roundTokens(280, 300, alone)).toBe(300);
  expect(roundTokens(9000, 8192, alone)).toBe(9216);
});
