import { mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { openBytesEstimator, openOnnxEstimator } from '../../src/footprint/onnx-estimator.ts';
import { estimateFootprint } from '../../src/index.ts';
import { describeChain, writeOnnx } from '../../tools/onnx/write-onnx.mjs';

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onnx-'));
  writeOnnx(at('inline.onnx'), describeChain({ layers: 4, width: 512 }));
  writeOnnx(at('beside.onnx'), describeChain({ layers: 4, width: 512, external: true }));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('bounds a model from above, part by part', async () => {
  const footprint = await estimateFootprint({ modelPath: at('inline.onnx') });
  expect(footprint).toMatchObject({ weightsBytes: 4 * MiB, mappedBytes: 0, basis: 'onnx', upperBound: true });
  expect(footprint.anonymousBytes).toBeGreaterThan(8 * MiB);
  const mapped = await estimateFootprint({ modelPath: at('beside.onnx'), session: { prepack: false } });
  expect(mapped.mappedBytes).toBe(4 * MiB);
  expect(mapped.anonymousBytes).toBeLessThan(footprint.anonymousBytes - 4 * MiB);
  const device = await estimateFootprint({ modelPath: at('inline.onnx'), session: { cpuOnly: false } });
  expect(device.notes.join()).toContain('as if they stayed in main memory');
});

it('reads the same from memory as from the file, and tells models in memory apart', async () => {
  const bytes = readFileSync(at('inline.onnx'));
  const [file, memory] = await Promise.all([openOnnxEstimator(at('inline.onnx')), openBytesEstimator({ bytes })]);
  expect(memory.estimate({})).toEqual(file.estimate({}));
  expect(memory.haveFilesChanged()).toBe(false);
  const changed = Buffer.from(bytes);
  changed[changed.length - 200]! ^= 1;
  const [same, other] = await Promise.all([openBytesEstimator({ bytes }), openBytesEstimator({ bytes: changed })]);
  expect(same.files).toEqual(memory.files);
  expect(other.files).not.toEqual(memory.files);
});

it('sees that a file beside the model has changed, and refuses one that was cut off', async () => {
  const estimator = await openOnnxEstimator(at('beside.onnx'));
  await estimator.ask([]);
  expect(estimator.files).toHaveLength(2);
  expect(estimator.shards).toHaveLength(1);
  expect(estimator.haveFilesChanged()).toBe(false);
  utimesSync(at('beside.onnx.data'), 1, 1);
  expect(estimator.haveFilesChanged()).toBe(true);
  truncateSync(at('beside.onnx.data'), 1000);
  await expect(openOnnxEstimator(at('beside.onnx'))).rejects.toThrow(/of weights, found 1000 bytes/);
  await expect(estimateFootprint({ modelPath: at('gone.onnx') })).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
});
