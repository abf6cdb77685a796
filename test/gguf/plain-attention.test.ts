import { expect, test } from 'vitest';
import { isPlainAttention } from '../../src/gguf/plain-attention.ts';

test.each([
  ['qwen2', true],
  ['llama', true],
  ['phi2', false],
  ['deepseek2', false],
  ['of tomorrow', false],
])('%s: %s', (architecture, isPlain) => {
  expect(isPlainAttention(architecture)).toBe(isPlain);
});
