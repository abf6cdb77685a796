import { expect, it } from 'vitest';
import { isPassing } from '../../src/addon/passing-error.ts';

it('a lack of descriptors or memory passes, by its code or by what the dynamic linker says', () => {
  expect(isPassing(Object.assign(new Error('x'), { code: 'EMFILE' }))).toBe(true);
  expect(isPassing(new Error('libc.so.6: failed to map segment: Cannot allocate memory'))).toBe(true);
});

it('anything else does not', () => {
  for (const other of [
    Object.assign(new Error('x'), { code: 'ENOENT' }),
    new Error('invalid ELF header'),
    undefined,
    7,
  ])
    expect(isPassing(other)).toBe(false);
});
