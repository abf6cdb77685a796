import { expect, test } from 'vitest';
import { chooseThreads } from '../../../src/sdk/nexa/choose-threads.ts';

test.each([
  ['what the program says', { threads: 9, gpuLayers: 0 }, 9],
  ['what the program says, with a GPU too', { threads: 9, gpuLayers: 1 }, 9],
  ['the usable processors', { gpuLayers: 0 }, 3],
  ['left to the library with a GPU', { gpuLayers: 1 }, undefined],
])('is %s', (_what, request, threads) => {
  expect(chooseThreads(request, () => 3)).toBe(threads);
});

test('is left to the library if nobody can tell', () => {
  const fail = () => {
    throw new Error('mine');
  };
  expect(chooseThreads({ gpuLayers: 0 }, fail)).toBeUndefined();
});
