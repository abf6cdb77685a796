/** Places for ledgers of tests, and what stands in their files. Everything is removed with the test. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { NativeLocks } from '../../src/addon/addon.ts';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { FILE_NAME, LedgerFile } from '../../src/ledger/ledger-file.ts';
import type { Holdings, LedgerRecord } from '../../src/ledger/ledger-record.ts';

/** Those of the addon. A test that needs them is skipped if it is not built. */
export const locks = loadAddon()?.locks as NativeLocks;
if (!locks) console.warn('Ledgers are not tested: the addon is not built, or this system has no locks for them.');

/** A process number above every one that Linux gives. */
export const NOBODY = 2 ** 22 + 1;

/** The path of a directory that is not there yet. */
export function makePlace(): string {
  const parent = mkdtempSync(join(tmpdir(), 'nexa-ledger-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'ledger');
}

/** The path of a ledger's file in a directory of its own. */
export function makeLedgerFile(name = 'test'): string {
  const directory = makePlace();
  mkdirSync(directory, { mode: 0o700 });
  LedgerFile.make(directory, name, [], () => {});
  return join(directory, FILE_NAME);
}

/** Opens it until the test ends. */
export function openLedgerFile(path: string): LedgerFile {
  const file = LedgerFile.open(path);
  onTestFinished(() => {
    try {
      file.close();
    } catch {
      // The test has closed it.
    }
  });
  return file;
}

export function makeHoldings(more: Partial<Holdings> = {}): Holdings {
  return {
    files: [],
    promisedMappedBytes: 0,
    promisedAnonymousBytes: 0,
    loadingAnonymousBytes: 0,
    waiting: [],
    entries: [],
    ...more,
  };
}

export function makeRecord(more: Partial<LedgerRecord> = {}): LedgerRecord {
  return { pid: NOBODY, pidNamespace: 'pid:[1]', scopes: ['host'], ...makeHoldings(), ...more };
}

/** How many descriptors this process has open. */
export function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
