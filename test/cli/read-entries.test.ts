import { expect, it } from 'vitest';
import { readEntries } from '../../src/cli/read-entries.ts';
import type { GuardLedger } from '../../src/index.ts';

const SOUND = { pid: 1, label: 'm', state: 'loaded', mappedBytes: 1, anonymousBytes: 2, atMs: 3 } as const;

it('entries that can be shown are kept, and others are left out', () => {
  const others = [
    null,
    5,
    'text',
    [],
    {},
    { ...SOUND, label: 5 },
    { ...SOUND, state: 'constructor' },
    { ...SOUND, pid: null },
    { ...SOUND, mappedBytes: '1' },
    { ...SOUND, atMs: undefined },
  ];
  const ledger: GuardLedger = { kind: 'process', entries: () => [...others, SOUND] as never };
  expect(readEntries(ledger)).toEqual([SOUND]);
});
