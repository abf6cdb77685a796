import { expect, it } from 'vitest';
import { countElementBytes, isHalf } from '../../../src/footprint/onnx/element-types.ts';
import { ELEMENT_TYPES } from '../../../tools/onnx/write-onnx.mjs';

it('agrees with what is written for each type', () => {
  for (const [number, bits] of Object.values(ELEMENT_TYPES)) expect(countElementBytes(number, 24)).toBe(3 * bits);
  expect(countElementBytes(22, 3)).toBe(2);
  expect(countElementBytes(99, 3)).toBeUndefined();
});

it('knows both half floats', () => {
  expect([1, 10, 11, 16].map(isHalf)).toEqual([false, true, false, true]);
});
