import { expect, it } from 'vitest';
import { isObject } from '../../src/core/is-object.ts';

it('is an object or a function, and nothing else', () => {
  expect([{}, [], () => {}, class {}, Object.create(null)].map(isObject)).toEqual([true, true, true, true, true]);
  expect([null, undefined, 0, 'text', true, 1n, Symbol('s')].some(isObject)).toBe(false);
});
