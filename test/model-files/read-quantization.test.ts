import { describe, expect, test } from 'vitest';
import { normalizeQuantization, readQuantization } from '../../src/model-files/read-quantization.ts';

describe('the quantization in a name', () => {
  test.each([
    ['Qwen3-8B-Q4_K_M', 'Q4_K_M', 'Q4_K_M', 'Qwen3-8B-', ''],
    ['qwen2.5-0.5b-instruct-fp16', 'F16', 'F16', 'qwen2.5-0.5b-instruct-', ''],
    ['Qwen3-8B.i1-IQ4_XS', 'i1-IQ4_XS', 'IQ4_XS', 'Qwen3-8B.', ''],
    ['Qwen3-8B-UD-Q4_K_XL', 'UD-Q4_K_XL', 'Q4_K_M', 'Qwen3-8B-', ''],
    ['Azure_Dusk-v0.2-Q4_K_M-imat', 'imat-Q4_K_M', 'Q4_K_M', 'Azure_Dusk-v0.2-', ''],
    ['gemma-4-E2B_q4_0-it', 'Q4_0', 'Q4_0', 'gemma-4-E2B_', '-it'],
    ['gpt-oss-20b-MXFP4_MOE', 'MXFP4_MOE', 'MXFP4', 'gpt-oss-20b-', ''],
    ['Q8_0', 'Q8_0', 'Q8_0', '', ''],
  ])('%s says %s, which is the step %s', (name, quantization, step, before, after) => {
    expect(readQuantization(name)).toEqual({ quantization, step, before, after });
  });

  test('is the last one: a model that was trained for a type keeps that in its name', () => {
    expect(readQuantization('gemma-3-4b-it-qat-q4_0-unquantized-BF16')?.step).toBe('BF16');
    expect(readQuantization('gemma-3-4b-it-qat-q4_0-unquantized.Q8_0')?.step).toBe('Q8_0');
  });

  test('is not the type of the embeddings, which follows it at once', () => {
    expect(readQuantization('Codestral-22B-v0.1-Q6_K-f32')).toMatchObject({ quantization: 'Q6_K', after: '-f32' });
  });

  test.each([
    [
      'a recipe by its first part',
      { Q6_K_L: 'Q6_K', Q8_K_XL: 'Q8_0', Q5_K_P: 'Q5_K_M', Q8_0_L: 'Q8_0', Q2_K_L: 'Q2_K' },
    ],
    ['a recipe by its size', { Q3_K_XL: 'Q3_K_L', Q3_K_XS: 'Q3_K_S', Q2_K_XS: 'Q2_K_S' }],
    ['a short name', { Q4_K: 'Q4_K_M', Q5_K: 'Q5_K_M', Q3_K: 'Q3_K_M', FP32: 'F32' }],
  ])('counts %s', (_what, expected) => {
    for (const [name, step] of Object.entries(expected))
      expect([name, readQuantization(`m-${name}`)?.step]).toEqual([name, step]);
  });

  test.each([
    'm-Q4_0_4_4',
    'm-Q4_0_8_8',
    'm-IQ4_NL_4_4',
    'm-IQ4_KS',
    'm-IQ3_K_R4',
    'm-IQ1_S_R4',
    'm-PQ2_0',
    'm-Q4_X',
    'm-q4',
    'm',
    '',
  ])('is none for %s, which llama.cpp reads no more or never did', (name) => {
    expect(readQuantization(name)).toBeUndefined();
  });

  test('is none if the name says only the type of the embeddings exactly', () => {
    expect(readQuantization('m.f16.q6')).toBeUndefined();
    expect(readQuantization('m.f16')?.step).toBe('F16');
  });
});

describe('a quantization alone', () => {
  test('is known in any letters', () => {
    expect(normalizeQuantization('q4_k_m')).toEqual({ quantization: 'Q4_K_M', step: 'Q4_K_M' });
    expect(normalizeQuantization('bf16')).toEqual({ quantization: 'BF16', step: 'BF16' });
    expect(normalizeQuantization('ud-q4_k_xl')).toEqual({ quantization: 'UD-Q4_K_XL', step: 'Q4_K_M' });
  });

  test.each(['Q4', 'Q9_0', 'Q4_K_M.gguf', 'm-Q4_0', 'int4', ''])('is not %j', (text) => {
    expect(normalizeQuantization(text)).toBeUndefined();
  });
});
