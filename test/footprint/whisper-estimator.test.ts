import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { estimateFootprint } from '../../src/estimate-footprint.ts';
import { openWhisperEstimator } from '../../src/footprint/whisper-estimator.ts';
import { whisperShapes, writeWhisperModel } from '../../tools/synthetic-whisper.mjs';

const folder = mkdtempSync(join(tmpdir(), 'nexa-whisper-estimator-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, shape: object) => {
  const path = join(folder, name);
  writeWhisperModel(path, { ...shape, random: false });
  return path;
};

it('a quantized model takes less weights and all else as before', async () => {
  const whole = await openWhisperEstimator(write('ggml-tiny.bin', whisperShapes.tiny));
  const small = await openWhisperEstimator(write('ggml-tiny-q4_0.bin', { ...whisperShapes.tiny, type: 'Q4_0' }));
  const [one, other] = [whole.estimate({}), small.estimate({})];
  expect(one.weightsBytes - other.weightsBytes).toBeGreaterThan(40 * MiB);
  // Of what runs differ by there is a share of all.
  const changed = { weightsBytes: 0, totalBytes: 0, anonymousBytes: 0, computeBytes: 0, runtimeBytes: 0 };
  expect({ ...one, ...changed }).toEqual({ ...other, ...changed });
  expect(one.runtimeBytes - other.runtimeBytes).toBeGreaterThan(0);
  expect([whole.fileType, small.fileType]).toEqual([1, 2]);
  expect(whole.estimate({})).toBe(one);
  expect(whole.haveFilesChanged()).toBe(false);
  write('ggml-tiny.bin', whisperShapes.mini);
  expect(whole.haveFilesChanged()).toBe(true);
});

it('nothing of it is mapped, and five decoders come later', async () => {
  const { mappedBytes, laterBytes, basis } = await estimateFootprint({
    modelPath: write('ggml-base.bin', whisperShapes.base),
  });
  expect({ mappedBytes, basis }).toEqual({ mappedBytes: 0, basis: 'gguf' });
  expect(laterBytes).toBe(6 * 2 * 2 * 512 * 6 * 512 + 4 * 51865 * 28);
});

it('flash attention needs no scores, and what goes to a GPU is said', async () => {
  const estimator = await openWhisperEstimator(write('ggml-small.bin', whisperShapes.small));
  const plain = estimator.estimate({});
  expect(plain.computeBytes - estimator.estimate({ flashAttention: 'on' }).computeBytes).toBeGreaterThan(100 * MiB);
  expect(estimator.estimate({ gpuLayers: 1 }).notes).toEqual([expect.stringMatching(/GPU/)]);
  await expect(estimator.ask([{ flashAttention: 'perhaps' as 'on' }])).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
  });
});
