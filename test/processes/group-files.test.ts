import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ContainmentError } from '../../src/processes/containment-error.ts';
import { readGroupFile, writeGroupFile } from '../../src/processes/group-files.ts';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

it('reads a file, and what is not there or can’t be read as absent', () => {
  const folder = makeFolder();
  writeFileSync(join(folder, 'memory.max'), 'max\n');
  expect(readGroupFile(join(folder, 'memory.max'))?.toString()).toBe('max\n');
  expect(readGroupFile(join(folder, 'memory.high'))).toBeUndefined();
  expect(readGroupFile(folder)).toBeUndefined();
});

it('writes a value into a file that is there, and makes none', () => {
  const folder = makeFolder();
  const [there, missing] = [join(folder, 'memory.max'), join(folder, 'memory.high')];
  writeFileSync(there, '');
  writeGroupFile(there, 4096, 'do something');
  expect(readFileSync(there, 'utf8')).toBe('4096');
  expect(() => writeGroupFile(missing, 4096, 'do something')).toThrow(ContainmentError);
  expect(() => writeGroupFile(missing, 4096, 'do something')).toThrow(
    `Expected ${missing} to take 4096, found ENOENT; do something.`,
  );
  expect(existsSync(missing)).toBe(false);
});
