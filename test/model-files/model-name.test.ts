import { describe, expect, test } from 'vitest';
import { rankProjector, readModelName } from '../../src/model-files/model-name.ts';

function nameOf(file: string) {
  const name = readModelName(file);
  if (!name) throw new Error(`${file} was not read`);
  return name;
}

describe('readModelName', () => {
  test.each([
    ['qwen2audio-Q4_K_M.gguf', 'Q4_K_M', 'qwen2audio'],
    ['Qwen2-Audio-7B-Instruct-Q4_K_M.gguf', 'Q4_K_M', 'qwen2audio7binstruct'],
    ['Qwen2-Audio-7B-Instruct.Q5_K_M.gguf', 'Q5_K_M', 'qwen2audio7binstruct'],
    ['qwen2-audio-7b-q4_0.gguf', 'Q4_0', 'qwen2audio7b'],
    ['Qwen2-Audio-7B.F16.GGUF', 'F16', 'qwen2audio7b'],
    ['Qwen2-Audio-7B-IQ4_XS.gguf', 'IQ4_XS', 'qwen2audio7b'],
    ['publisher/Qwen2-Audio-GGUF/Q8_0.gguf', 'Q8_0', ''],
  ])('reads %s as %s of %s', (file, quantization, stem) => {
    expect(nameOf(file)).toMatchObject({ quantization, stem, projector: false });
  });

  test('knows the shards of a split model', () => {
    const shard = nameOf('Qwen2-Audio-7B-Q5_K_M-00002-of-00003.gguf');
    expect(shard).toMatchObject({ quantization: 'Q5_K_M', stem: 'qwen2audio7b', shard: 2 });
    expect(nameOf('Qwen2-Audio-7B-Q5_K_M.gguf').shard).toBeUndefined();
  });

  test.each([
    ['mmproj-qwen2audio.gguf', 'qwen2audio'],
    ['mmproj-Qwen2-Audio-7B-Instruct-f16.gguf', 'qwen2audio7binstruct'],
    ['Qwen2-Audio-7B-Instruct.mmproj-f16.gguf', 'qwen2audio7binstruct'],
    ['mmproj-F16.gguf', ''],
  ])('reads %s as a projector', (file, stem) => {
    expect(nameOf(file)).toMatchObject({ projector: true, stem });
  });

  test('finds no quantization in a word, and no name in another file', () => {
    expect(nameOf('myq4_k_model.gguf').quantization).toBeUndefined();
    expect(nameOf('qwen2audio.gguf').quantization).toBeUndefined();
    expect(readModelName('qwen2audio-Q4_K_M.safetensors')).toBeUndefined();
  });

  test('takes no measurements for a model, but a model that was made with them', () => {
    expect(readModelName('openai_gpt-oss-20b-imatrix.gguf')).toBeUndefined();
    expect(readModelName('BigBang-v1.imatrix.gguf')).toBeUndefined();
    expect(nameOf('BigBang-v1-imatrix-Q4_0.gguf').quantization).toBe('imat-Q4_0');
  });

  test('gives siblings one pattern and others another', () => {
    const { pattern } = nameOf('Qwen2-Audio-Q4_K_M.gguf');
    expect(nameOf('qwen2-audio-q4_0.gguf').pattern).toBe(pattern);
    expect(nameOf('Qwen2-Audio.Q4_0.gguf').pattern).not.toBe(pattern);
  });

  test('gives marks and shards no part of the pattern, and the size of the model one', () => {
    const { pattern } = nameOf('Qwen3-8B-Q4_K_M.gguf');
    expect(nameOf('Qwen3-8B-UD-Q2_K_XL.gguf').pattern).toBe(pattern);
    expect(nameOf('BF16/Qwen3-8B-BF16-00001-of-00002.gguf').pattern).toBe(pattern);
    expect(nameOf('Qwen3-0.6B-Q4_K_M.gguf').pattern).not.toBe(pattern);
    expect(nameOf('mtp-Qwen3-8B-Q4_0.gguf').pattern).not.toBe(pattern);
  });
});

describe('rankProjector', () => {
  test.each([
    ['mmproj-qwen2audio.gguf', 'qwen2audio-Q4_0.gguf', 0],
    ['mmproj-qwen2audio.gguf', 'Qwen2-Audio-7B-Instruct-Q4_0.gguf', 1],
    ['mmproj-Qwen2-Audio-7B-Instruct-f16.gguf', 'qwen2audio-Q4_0.gguf', 1],
    ['mmproj-model-f16.gguf', 'qwen2audio-Q4_0.gguf', 2],
    ['mmproj-gemma-3.gguf', 'qwen2audio-Q4_0.gguf', undefined],
    ['mmproj-gemma-3.gguf', 'Q4_0.gguf', undefined],
  ])('ranks %s for %s as %s', (projector, model, rank) => {
    expect(rankProjector(nameOf(projector), nameOf(model))).toBe(rank);
  });
});
