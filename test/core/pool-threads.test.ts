import { expect, test } from 'vitest';
import { countPoolThreads } from '../../src/core/pool-threads.ts';

test.each([
  [undefined, 4],
  ['8', 8],
  ['8 threads', 8],
  ['0', 1],
  ['-3', 1],
  ['many', 1],
  ['5000', 1024],
])('a pool of %j has %i threads, as libuv reads it', (setting, threads) => {
  expect(countPoolThreads(setting)).toBe(threads);
});
