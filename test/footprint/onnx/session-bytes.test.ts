import { expect, it } from 'vitest';
import { MiB } from '../../../src/core/bytes.ts';
import type { OnnxTensor } from '../../../src/footprint/onnx/read-onnx.ts';
import { countSessionBytes } from '../../../src/footprint/onnx/session-bytes.ts';
import { readSessionSettings, type SessionSettings } from '../../../src/footprint/onnx/session-settings.ts';

const [FLOAT32, INT8, FLOAT16] = [1, 3, 10];
const elements = 16 * MiB;
const tensor = (type: number, bytes: number, more: Partial<OnnxTensor> = {}): OnnxTensor => ({
  type,
  elements,
  rank: 2,
  bytes,
  converted: false,
  ...more,
});
const external = { location: 'w', offset: 0, length: 1 };

function count(
  tensors: readonly OnnxTensor[],
  settings: SessionSettings = {},
  operators: readonly string[] = [],
  mapsFiles = true,
) {
  const model = { tensors, nodes: 0, operators: new Set(operators), structureBytes: 0 };
  const counted = countSessionBytes(model, readSessionSettings(settings), { mapsFiles, given: ['in memory'] });
  const { besideBytes: least } = countSessionBytes({ ...model, tensors: [] }, readSessionSettings({}), {
    mapsFiles,
    given: [],
  });
  return { ...counted, besideBytes: counted.besideBytes - least };
}

it('counts weights in the file once as they are and once as they are arranged', () => {
  expect(count([tensor(FLOAT32, 64 * MiB)])).toMatchObject({
    inlineBytes: 64 * MiB,
    mappedBytes: 0,
    besideBytes: 64 * MiB,
  });
  expect(count([tensor(FLOAT32, 64 * MiB)], { prepack: false }).besideBytes).toBe(0);
  // What is no matrix stays as it is.
  expect(count([tensor(FLOAT32, 64 * MiB, { rank: 1 })]).besideBytes).toBe(0);
});

it('maps weights beside the file, and looks at them once where it copies them', () => {
  expect(count([tensor(FLOAT32, 64 * MiB, { external })], { prepack: false })).toEqual({
    inlineBytes: 0,
    mappedBytes: 64 * MiB,
    readOnceBytes: 0,
    besideBytes: 0,
  });
  expect(count([tensor(FLOAT32, 64 * MiB, { external })])).toMatchObject({
    readOnceBytes: 64 * MiB,
    besideBytes: 64 * MiB,
  });
  expect(count([tensor(FLOAT32, 64 * MiB, { external })], { prepack: false }, [], false).besideBytes).toBe(64 * MiB);
  expect(
    count([tensor(FLOAT32, 64 * MiB, { external: { ...external, location: 'in memory' } })], { prepack: false })
      .mappedBytes,
  ).toBe(0);
});

it('widens halves and what a node converts, unless the graph stays as it is', () => {
  expect(count([tensor(FLOAT16, 32 * MiB)], { prepack: false }).besideBytes).toBe(64 * MiB);
  expect(count([tensor(FLOAT16, 32 * MiB)], { prepack: false, optimize: false }).besideBytes).toBe(0);
  expect(count([tensor(INT8, 16 * MiB)], { prepack: false }).besideBytes).toBe(0);
  expect(count([tensor(INT8, 16 * MiB, { converted: true })]).besideBytes).toBe(128 * MiB);
  expect(count([tensor(INT8, 16 * MiB, { converted: true, external })], { prepack: false }).besideBytes).toBe(80 * MiB);
});

it('counts a second copy of mapped weights that may be merged with others', () => {
  const conv = [tensor(FLOAT32, 64 * MiB, { external })];
  expect(count(conv, { prepack: false }, ['Conv', 'BatchNormalization']).besideBytes).toBe(64 * MiB);
  expect(count(conv, { prepack: false, optimize: false }, ['Conv', 'BatchNormalization']).besideBytes).toBe(0);
});
