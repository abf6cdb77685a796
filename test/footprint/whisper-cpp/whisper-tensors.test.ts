import { expect, it } from 'vitest';
import { countTensorBytes, listWhisperTensors } from '../../../src/footprint/whisper-cpp/whisper-tensors.ts';
import { findGgmlTypeByName } from '../../../src/gguf/ggml-types.ts';

const base = {
  vocabulary: 51865,
  audioContext: 1500,
  width: 512,
  audioHeads: 8,
  audioLayers: 6,
  textContext: 448,
  textHeads: 8,
  textLayers: 6,
  mels: 80,
};

it('a base model has the tensors of the published file', () => {
  const tensors = [...listWhisperTensors({ ...base, type: findGgmlTypeByName('F16')! }).values()];
  expect(tensors).toHaveLength(245);
  // The engine says "model size = 147.37 MB" of ggml-base.bin.
  expect(tensors.reduce((sum, tensor) => sum + countTensorBytes(tensor), 0) / 1e6).toBeCloseTo(147.37, 2);
});

it('only matrices are quantized: convolutions stay in F16, and in F32 if all is', () => {
  const named = (type: string) => listWhisperTensors({ ...base, type: findGgmlTypeByName(type)! });
  expect(named('Q5_0').get('encoder.conv1.weight')?.type.name).toBe('F16');
  expect(named('Q5_0').get('decoder.token_embedding.weight')?.type.name).toBe('Q5_0');
  expect(named('F32').get('encoder.conv1.weight')?.type.name).toBe('F32');
});
