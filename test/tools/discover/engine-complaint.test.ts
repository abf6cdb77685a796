import { expect, it } from 'vitest';
import { findReason, listUsedTensors, readComplaint } from '../../../tools/discover/engine-complaint.mjs';

it('a missing key is named, of a number and of an array', () => {
  const line = 'llama_model_load: error loading model: error loading model hyperparameters: ';
  expect(readComplaint(`${line}key not found in model: mamba.ssm.conv_kernel\n`)).toEqual({
    kind: 'key',
    key: 'mamba.ssm.conv_kernel',
  });
  expect(readComplaint(`${line}array key not found in model: qwen2vl.rope.dimension_sections\n`)).toEqual({
    kind: 'key',
    key: 'qwen2vl.rope.dimension_sections',
  });
});

it('a key of another type and an array of another length are named with what was expected', () => {
  expect(readComplaint('error loading model: key a.b has wrong type u32 but expected type f32')).toEqual({
    kind: 'keyType',
    key: 'a.b',
    expected: 'f32',
  });
  expect(readComplaint('error loading model: key a.b has wrong array length; expected 6, got 4')).toEqual({
    kind: 'arrayLength',
    key: 'a.b',
    expected: 6,
  });
});

it('a missing tensor is named, and a wrong shape with the right one', () => {
  expect(readComplaint("error loading model: missing tensor 'blk.0.attn_q.weight'")).toEqual({
    kind: 'tensor',
    name: 'blk.0.attn_q.weight',
  });
  const shape =
    "check_tensor_dims: tensor 'a.weight' has wrong shape; expected   512,  2080, got     1,     1,     1,     1";
  expect(readComplaint(`error loading model: ${shape}`)).toEqual({
    kind: 'shape',
    name: 'a.weight',
    dims: [512, 2080],
  });
});

it('a shape without experts asks for experts', () => {
  const shape =
    "tensor 'blk.0.ffn_gate_inp.weight' has wrong shape; expected   512,     0, got     1,     1,     1,     1";
  expect(readComplaint(shape)).toEqual({ kind: 'experts' });
  expect(readComplaint('GGML_ASSERT(hparams.n_expert_used > 0) failed')).toEqual({ kind: 'experts' });
});

it('too many tensors come with those that are used', () => {
  const log =
    'create_tensor: loading tensor a.weight\ndone_getting_tensors: wrong number of tensors; expected 2, got 1';
  expect(readComplaint(log)).toEqual({ kind: 'unusedTensors', used: new Set(['a.weight']) });
  expect(listUsedTensors('nothing of that kind')).toEqual(new Set());
});

it('anything else is told as the engine says it', () => {
  const log = "x.c:1: GGML_ASSERT(a == b) failed\n\nthe engine's process ended: SIGABRT";
  expect(readComplaint(log)).toEqual({
    kind: 'other',
    text: "GGML_ASSERT(a == b) failed; the engine's process ended: SIGABRT",
  });
  expect(findReason('')).toBe('it says nothing');
});
