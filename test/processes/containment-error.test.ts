import { expect, it } from 'vitest';
import { ContainmentError } from '../../src/processes/containment-error.ts';

it('says in one printable sentence what was expected, what was found and what to do', () => {
  const cause = new Error('EACCES');
  const error = new ContainmentError('to make /a\nb', 'EACCES', 'let this user make groups', { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'ContainmentError', cause });
  expect(error.message).toBe('Expected to make /a\\u000ab, found EACCES; let this user make groups.');
});
