import { afterAll, expect, test } from 'vitest';
import { completeSettings, openEstimator } from '../../src/footprint/estimator.ts';
import { countLoaderBytes, type LoaderSettings } from '../../src/footprint/loader-bytes.ts';
import type { GgufTensors } from '../../src/gguf/gguf-tensors.ts';
import { makeModels } from '../support/model-headers.ts';

const MiB = 2 ** 20;
const models = makeModels();
afterAll(() => models.remove());

const tensors = { kinds: [{ bytes: 3 * MiB }, { bytes: 7 * MiB }, { bytes: 100 }] } as unknown as GgufTensors;
const plain: LoaderSettings = { simulatesLoads: false, directIo: false, repack: false, part: 'all' };
const count = (settings: Partial<LoaderSettings>, header = { tokens: 0, merges: 0, layers: 0 }) =>
  countLoaderBytes(tensors, header, { ...plain, ...settings });

test('a runtime that simulates has the header of its contexts once more', () => {
  const header = { tokens: 131_072, merges: 0, layers: 2 };
  expect(count({}, header)).toBe(0);
  // 26 MiB were seen for so many tokens.
  expect(count({ simulatesLoads: true }, header) / MiB).toBeGreaterThan(26);
  expect(count({ simulatesLoads: true }, header) / MiB).toBeLessThan(28);
  const [weights, context] = (['weights', 'context'] as const).map((part) =>
    count({ simulatesLoads: true, part }, header),
  );
  expect(weights).toBe(2 * MiB);
  expect(weights! + context!).toBe(count({ simulatesLoads: true }, header));
  expect(count({ simulatesLoads: true, part: 'vocabulary' }, header)).toBe(0);
});

test('reading past the page cache needs room for the largest weight, and once more if it is rearranged', () => {
  expect(count({ directIo: true })).toBe(7 * MiB);
  expect(count({ directIo: true, repack: true })).toBe(14 * MiB);
  expect(count({ directIo: true, part: 'context' })).toBe(0);
});

test('both are in the need, and what is read so is not mapped', async () => {
  const estimator = await openEstimator(models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 }));
  const of = (shape: object) => estimator.estimate({ repack: false, ...shape });
  expect(of({ simulatesLoads: true }).runtimeBytes - of({}).runtimeBytes).toBeGreaterThan(2 * MiB);
  const [read, direct] = [of({ mmap: false }), of({ directIo: true })];
  expect(direct.mappedBytes).toBe(0);
  expect(direct.runtimeBytes).toBeGreaterThan(read.runtimeBytes);
  expect(completeSettings({ directIo: true }).mmap).toBe(false);
});
