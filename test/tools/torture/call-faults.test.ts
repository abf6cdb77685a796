/** Calls that fail: every N-th one in the places that are named, and no other. Real files. */

/** Calls that fail: every N-th one in the places that are named, and no other. Real files. */
import fs, { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallFaults } from '../../../tools/torture/call-faults.mjs';

let folder: string;
let faults: CallFaults;
const file = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-call-faults-'));
  for (const name of ['here', 'elsewhere']) writeFileSync(file(name), name);
  faults = new CallFaults([file('here')]);
  faults.install();
});

afterEach(() => {
  faults.uninstall();
  rmSync(folder, { recursive: true });
});

describe('calls that fail', () => {
  it('are every second one, with the error that was asked for', () => {
    faults.fail(2, 'EIO');
    expect(fs.readFileSync(file('here'), 'utf8')).toBe('here');
    expect(() => fs.readFileSync(file('here'))).toThrow(expect.objectContaining({ code: 'EIO', syscall: 'readFile' }));
    expect(fs.readFileSync(file('here'), 'utf8')).toBe('here');
  });

  it('are also those of whoever imported the function by its name', () => {
    faults.fail(1, 'ENOENT');
    expect(() => readFileSync(file('here'))).toThrow('ENOENT');
  });

  it('are those through a descriptor that was opened there, which a failing close gives back', () => {
    const [here, elsewhere] = [openSync(file('here'), 'r'), openSync(file('elsewhere'), 'r')];
    faults.fail(1, 'EIO');
    expect(fs.readSync(elsewhere, Buffer.alloc(9))).toBe(9);
    expect(() => fs.readSync(here, Buffer.alloc(4))).toThrow('EIO');
    expect(() => fs.closeSync(here)).toThrow('EIO');
    faults.mend();
    expect(() => fs.fstatSync(here)).toThrow('EBADF');
    fs.closeSync(elsewhere);
  });

  it('are none elsewhere, none in a step of the harness, and none once they are mended', () => {
    faults.fail(1, 'EIO');
    expect(fs.readFileSync(file('elsewhere'), 'utf8')).toBe('elsewhere');
    expect(faults.without(() => fs.readFileSync(file('here'), 'utf8'))).toBe('here');
    expect(() => fs.readFileSync(file('here'))).toThrow('EIO');
    faults.mend();
    expect(fs.readFileSync(file('here'), 'utf8')).toBe('here');
  });
});
