import { describe, expect, it } from 'vitest';
import { formatRecord, type LedgerRecord, parseRecord } from '../../src/ledger/ledger-record.ts';

const record: LedgerRecord = {
  pid: 5,
  pidNamespace: 'pid:[1]',
  scopes: ['host'],
  files: [{ key: '08:01 7', bytes: 3 }],
  promisedMappedBytes: 1,
  promisedAnonymousBytes: 2,
  loadingAnonymousBytes: 0,
  waiting: [{ label: 'é', sinceUs: 1, untilUs: 2, mappedBytes: 0, anonymousBytes: 9 }],
  waitingCount: 3,
  entries: [],
};

describe('a record', () => {
  it('is read as it was written, whatever an older one left behind it', () => {
    expect(parseRecord(`${formatRecord(record)}rest of an older one}\n`)).toMatchObject(record);
  });

  it('that is cut or changed anywhere is none', () => {
    const text = formatRecord(record);
    for (let at = 0; at < text.length; at++) {
      expect(parseRecord(text.slice(0, at))).toBeUndefined();
      const changed = `${text.slice(0, at)}${text[at] === '7' ? '8' : '7'}${text.slice(at + 1)}`;
      expect([at, parseRecord(changed)]).toEqual([at, undefined]);
    }
  });

  it('of a later version of the package is read, with what is new in it left out of account', () => {
    expect(parseRecord(formatRecord({ ...record, gpuBytes: 5 } as LedgerRecord))).toMatchObject(record);
  });

  it('of an earlier version says neither until when a load waits nor how many do', () => {
    const { waitingCount: _count, waiting, ...rest } = record;
    const earlier = { ...rest, waiting: waiting.map(({ untilUs: _until, ...load }) => load) };
    expect(parseRecord(formatRecord(earlier))).toMatchObject(earlier);
  });

  it.each([
    { format: 2 },
    { pid: 'x' },
    { promisedAnonymousBytes: -1 },
    { promisedMappedBytes: 2 ** 53 },
    { files: [{ key: 1, bytes: 1 }] },
    { files: [{ key: 'a', bytes: 1.5 }] },
    { waiting: [{}] },
    { waiting: [{ ...record.waiting[0], untilUs: null }] },
    { waitingCount: 0 },
    { waitingCount: '3' },
    { scopes: 'host' },
    { entries: null },
  ])('with %o is none', (change) => {
    expect(parseRecord(formatRecord({ ...record, ...change } as unknown as LedgerRecord))).toBeUndefined();
  });
});
