import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exists, readBytes, readBytesIfPresent, toPrefix } from '../../../src/sensors/linux/kernel-files.ts';

function folder(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-files-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, 'file'), 'text\n');
  mkdirSync(join(directory, 'directory'));
  return directory;
}

const sensorError = (errno: string) =>
  expect.objectContaining({ code: 'ERR_SENSOR', message: expect.stringContaining(errno) });

describe('a kernel’s file', () => {
  it('is read whole', () => {
    const root = folder();
    expect(readBytes(join(root, 'file')).toString()).toBe('text\n');
    expect(readBytesIfPresent(join(root, 'file'))?.toString()).toBe('text\n');
  });

  it('that is not there is an error, or none if that was asked', () => {
    const root = folder();
    expect(() => readBytes(join(root, 'other'))).toThrow(sensorError('ENOENT'));
    expect(readBytesIfPresent(join(root, 'other'))).toBeUndefined();
  });

  it('that is there and can’t be read is an error in both cases', () => {
    const root = folder();
    expect(() => readBytes(join(root, 'directory'))).toThrow(sensorError('EISDIR'));
    expect(() => readBytesIfPresent(join(root, 'directory'))).toThrow(sensorError('EISDIR'));
    expect(() => readBytesIfPresent(join(root, 'file/below'))).toThrow(sensorError('ENOTDIR'));
  });
});

describe('exists', () => {
  it('sees files and directories, and not what is below a file', () => {
    const root = folder();
    expect([exists(join(root, 'file')), exists(join(root, 'directory'))]).toEqual([true, true]);
    expect([exists(join(root, 'other')), exists(join(root, 'file/below'))]).toEqual([false, false]);
  });

  it('refuses if it can’t be seen', () => {
    expect(() => exists(join(folder(), 'x'.repeat(300)))).toThrow(sensorError('ENAMETOOLONG'));
  });
});

describe('toPrefix', () => {
  it.each([
    ['/', ''],
    ['//', ''],
    ['/host', '/host'],
    ['/host/', '/host'],
  ])('makes %j the prefix %j', (root, prefix) => {
    expect(toPrefix(root)).toBe(prefix);
  });
});
