/** Weights whose copies are known without asking, in headers alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { listRepackedBuffers } from '../../../src/footprint/engine/repacked-buffers.ts';
import { completeSettings } from '../../../src/footprint/estimator.ts';
import { computeFootprint } from '../../../src/footprint/footprint.ts';
import { type GgufTensors, readGguf, type TensorKind } from '../../../src/gguf/read-gguf.ts';
import { fullLanguage, writeLanguageModel } from '../../../tools/synthetic-model.mjs';

const MiB = 2 ** 20;

/** What GenieX v0.5.0 said of the same shapes when it was asked, on x64. */
test.each([
  ['Q4_0', 3474, 845.34],
  ['Q4_K_M', 2943, 1619.71],
  ['Q5_K_M', 0, 5292.9],
] as const)('%s of 7B: %d MiB are copied, as the library says', async (quantization, copied, place) => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-repacked-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'model.gguf');
  writeLanguageModel(path, { ...fullLanguage, quantization });
  const model = await readGguf(path);
  const [inPlace, copies] = listRepackedBuffers(model.tensors, ['Q4_0', 'Q4_K']);
  expect(copies!.bytes / MiB).toBe(copied);
  expect(inPlace!.bytes / MiB).toBeCloseTo(place, 1);
  const settings = completeSettings({ repack: ['Q4_0', 'Q4_K'] });
  const footprint = computeFootprint(model, undefined, settings);
  expect((footprint.mappedBytes - footprint.readOnceBytes) / MiB).toBeCloseTo(place, 1);
  expect((footprint.weightsBytes - footprint.mappedBytes) / MiB).toBe(copied);
  expect(footprint).toMatchObject({ upperBound: false, notes: [] });
});

const kind = (type: string, bytes: number, ...dims: number[]): TensorKind =>
  ({
    type: { name: type },
    bytes,
    dims,
    count: 1,
    inLayer: false,
    span: { from: 0, to: bytes },
  }) as unknown as TensorKind;

test('an embedding that serves as the output is copied beside the one that is looked up; other rows and vectors stay', () => {
  const embedding = kind('Q4_0', 640, 32, 16);
  const kinds = [
    embedding,
    kind('Q4_0', 320, 32, 8),
    kind('Q4_0', 480, 32, 12),
    kind('Q4_0', 32, 32),
    kind('F32', 64, 16, 8),
  ];
  const tensors = (output: boolean): GgufTensors => ({
    kinds,
    length: kinds.length,
    shards: [],
    find: (name) => (name === 'token_embd.weight' ? embedding : output ? kinds[1] : undefined),
  });
  const bytes = (output: boolean) => listRepackedBuffers(tensors(output), ['Q4_0']).map((buffer) => buffer.bytes);
  expect(bytes(true)).toEqual([640 + 480 + 32 + 64, 320]);
  expect(bytes(false)).toEqual([640 + 480 + 32 + 64, 320 + 640]);
});
