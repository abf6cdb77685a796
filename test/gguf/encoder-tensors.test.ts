import { expect, test } from 'vitest';
import { ENCODER_TENSORS } from '../../src/gguf/encoder-tensors.ts';

test.each(Object.entries(ENCODER_TENSORS))('every tensor of %s stands in one row', (_type, { block, others }) => {
  for (const rows of [block, others]) {
    const names = rows.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  }
});

test.each(Object.entries(ENCODER_TENSORS))('the projector of %s gives vectors of a length', (_type, { others }) => {
  const isOutput = (length: unknown) => length === 'output';
  expect(others.some(({ needed, dims }) => needed && dims.some(isOutput))).toBe(true);
});
