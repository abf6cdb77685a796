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
const count = (settings: Partial<LoaderSettings>, header = { tokens: 0, merges: 0, layers: 0 }, stateBytes = 0) =>
  countLoaderBytes(tensors, { ...header, stateBytes }, { ...plain, ...settings });

test.each([
  [{ layers: 2, tokens: 131_072, merges: 0 }, 28, 41],
  [{ layers: 2, tokens: 262_144, merges: 0 }, 59, 94],
  [{ layers: 2, tokens: 151_936, merges: 151_000 }, 63.4, 82.1],
  [{ layers: 64, tokens: 2080, merges: 0 }, 0, 5.2],
])('what simulations of %j leave is not below what was measured, nor much above it', (header, loadMiB, allMiB) => {
  const countPart = (part: LoaderSettings['part']) => count({ simulatesLoads: true, part }, header) / MiB;
  expect(countPart('weights')).toBeGreaterThanOrEqual(loadMiB);
  expect(countPart('all')).toBeGreaterThanOrEqual(allMiB);
  expect(countPart('all')).toBeLessThan(1.25 * allMiB + 4);
  expect(countPart('vocabulary')).toBe(countPart('weights'));
  expect(countPart('weights') + countPart('context')).toBeCloseTo(countPart('all'));
  expect(count({}, header)).toBe(0);
});

test('states of a simulated context stay, as far as malloc keeps them', () => {
  const header = { tokens: 0, merges: 0, layers: 0 };
  const states = (bytes: number, part: LoaderSettings['part'] = 'context') =>
    count({ simulatesLoads: true, part }, header, bytes) - count({ simulatesLoads: true, part }, header);
  expect(states(1.6 * MiB)).toBeCloseTo(5.6 * MiB);
  expect(states(500 * MiB)).toBe(36 * MiB);
  expect(states(1.6 * MiB, 'weights')).toBe(0);
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
