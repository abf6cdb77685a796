import { closeSync, fstatSync, openSync } from 'node:fs';
import { expect, it } from 'vitest';
import { closeFile } from '../../src/core/close-file.ts';

it('a descriptor is closed, and one that can not be closed is let be', () => {
  const descriptor = openSync(import.meta.filename, 'r');
  closeFile(descriptor);
  expect(() => fstatSync(descriptor)).toThrow('EBADF');
  expect(() => closeSync(descriptor)).toThrow('EBADF');
  closeFile(descriptor);
  closeFile(undefined);
});
