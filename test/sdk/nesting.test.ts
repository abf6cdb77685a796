import { expect, test } from 'vitest';
import { countJsonLevels } from '../../src/sdk/nesting.ts';

test.each([
  ['1', 0],
  ['[]', 1],
  ['{"a":[{"b":1}]}', 3],
  ['[[],[[]],[]]', 3],
  ['["[[[[", "\\"[[", {}]', 2],
  [`${'['.repeat(5000)}${']'.repeat(5000)}`, 5000],
])('levels of %.30s: %i', (json, levels) => {
  expect(countJsonLevels(json)).toBe(levels);
});
