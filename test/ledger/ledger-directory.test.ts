import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureLedgerDirectory, findLedgerDirectory } from '../../src/ledger/ledger-directory.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-directory-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

describe('the meeting place of users without a number, as on Windows', () => {
  it('lies in the profile', () => {
    expect(findLedgerDirectory(undefined)).toBe(join(homedir(), 'AppData', 'Local', 'nexa-memory-guard'));
  });

  it('is made, and taken again, whatever its mode', () => {
    const directory = join(parent, 'ledger');
    ensureLedgerDirectory(directory, undefined);
    rmSync(directory, { recursive: true });
    mkdirSync(directory, { mode: 0o777 });
    ensureLedgerDirectory(directory, undefined);
  });

  it('is refused if it is a link or a file', () => {
    symlinkSync(parent, join(parent, 'link'));
    expect(() => ensureLedgerDirectory(join(parent, 'link'), undefined)).toThrow(
      'to be a directory, found that it is a symbolic link',
    );
    writeFileSync(join(parent, 'file'), '');
    expect(() => ensureLedgerDirectory(join(parent, 'file'), undefined)).toThrow('found that it is no directory');
  });
});
