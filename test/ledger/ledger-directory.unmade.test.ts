import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findNamedMeeting, findUnmadeLedger, findUserMeeting } from '../../src/ledger/ledger-directory.ts';
import { FILE_NAME } from '../../src/ledger/ledger-file.ts';

const uid = process.getuid?.();

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-unmade-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe.skipIf(uid === undefined)('where a ledger would be made', () => {
  it('is the first place that can have one, however much of the way to it is missing', () => {
    const home = makeFolder();
    const directory = join(home, '.local', 'state', 'nexa-memory-guard');
    expect(findUnmadeLedger(findUserMeeting(uid, home), uid)).toBe(directory);
    expect(readdirSync(home)).toEqual([]);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    expect(findUnmadeLedger(findUserMeeting(uid, home), uid)).toBe(directory);
    writeFileSync(join(directory, FILE_NAME), '');
    expect(findUnmadeLedger(findUserMeeting(uid, home), uid)).toBeUndefined();
  });

  it('is nowhere if a named place has a fault or nothing to lie in', () => {
    const folder = makeFolder();
    chmodSync(folder, 0o755);
    expect(findUnmadeLedger(findNamedMeeting(folder), uid)).toBeUndefined();
    expect(findUnmadeLedger(findNamedMeeting(join(folder, 'no', 'where')), uid)).toBeUndefined();
    expect(existsSync(join(folder, 'no'))).toBe(false);
  });
});
