import { describe, expect, it } from 'vitest';
import { RECORD_BYTES } from '../../src/ledger/ledger-file.ts';
import { formatRecord, type LedgerRecord, parseRecord } from '../../src/ledger/ledger-record.ts';
import { subtractPeers } from '../../src/ledger/peer-headroom.ts';
import { makeRecord } from '../support/ledger-places.ts';

const entry = { pid: 5, label: 'é', state: 'loaded', mappedBytes: 1, anonymousBytes: 2, atMs: 1.5 } as const;
const record = makeRecord({
  pid: 5,
  files: [{ key: '08:01 7', bytes: 3 }],
  promisedMappedBytes: 1,
  promisedAnonymousBytes: 2,
  loadingAnonymousBytes: 1,
  waiting: [{ label: 'é', sinceUs: 1, untilUs: 2, mappedBytes: 0, anonymousBytes: 9 }],
  waitingCount: 3,
  entries: [entry],
});

const format = (value: LedgerRecord) => formatRecord(value, RECORD_BYTES).toString();
/** What another process reads of it. */
const tell = (value: LedgerRecord) => parseRecord(format(value));

describe('a record', () => {
  it('is read as it was written', () => {
    expect(tell(record)).toEqual(record);
    const meter = { number: 77, takenBytes: 5 };
    expect(tell({ ...record, meter })).toEqual({ ...record, meter });
  });

  it('with fields that nobody knows is read without them', () => {
    expect(tell({ ...record, gpuBytes: 5 } as LedgerRecord)).toEqual(record);
  });

  it('of an earlier version says neither until when a load waits nor how many do', () => {
    const { waitingCount: _count, waiting, ...rest } = record;
    const earlier = { ...rest, waiting: waiting.map(({ untilUs: _until, ...load }) => load) };
    expect(tell(earlier)).toEqual(earlier);
  });

  it.each([
    { promisedAnonymousBytes: 0.5 },
    { promisedMappedBytes: Number.NaN },
    { entries: [{ ...entry, anonymousBytes: -1 }] },
  ])('that others would not understand is not written: %j', (change) => {
    expect(() => format({ ...record, ...change })).toThrow(/to be whole numbers/);
  });

  it('that is cut anywhere is none', () => {
    const text = format(record);
    for (let at = 0; at < text.length; at++) expect([at, parseRecord(text.slice(0, at))]).toEqual([at, undefined]);
  });

  it.each(['', 'null', '5', '[]', '{}', '"text"', '{"format":2}'])('is not %j', (text) => {
    expect(parseRecord(text)).toBeUndefined();
  });

  it.each<[string, object]>([
    ['a newer format', { format: 3 }],
    ['an older format', { format: 1 }],
    ['a format that is no number', { format: '2' }],
  ])('of %s is none', (_, change) => {
    expect(parseRecord(JSON.stringify({ ...JSON.parse(format(record)), ...change }))).toBeUndefined();
  });

  it.each<object>([
    { pid: 'x' },
    { pid: -1 },
    { pidNamespace: 5 },
    { pidNamespace: undefined },
    { pidNamespace: 'x'.repeat(201) },
    { meter: -1 },
    { meter: null },
    { promisedAnonymousBytes: -1 },
    { promisedMappedBytes: 2 ** 53 },
    { loadingAnonymousBytes: null },
    { loadingAnonymousBytes: '5' },
    { files: undefined },
    { files: {} },
    { files: [null] },
    { files: [{ key: 1, bytes: 1 }] },
    { files: [{ key: 'a', bytes: 1.5 }] },
    { files: [{ key: 'a'.repeat(201), bytes: 1 }] },
    { files: Array.from({ length: 65 }, () => ({ key: 'a', bytes: 1 })) },
    { waiting: [{}] },
    { waiting: [null] },
    { waiting: [{ label: 5, sinceUs: 1, mappedBytes: 1, anonymousBytes: 1 }] },
    { waiting: [{ label: 'a', sinceUs: -1, mappedBytes: 1, anonymousBytes: 1 }] },
    { waiting: [{ label: 'a', sinceUs: 1, mappedBytes: 1 }] },
    { waiting: [{ ...record.waiting[0], untilUs: null }] },
    { waiting: [{ ...record.waiting[0], untilUs: 0.5 }] },
    { waitingCount: 0 },
    { waitingCount: '3' },
    { scopes: 'host' },
    { scopes: [5] },
    { scopes: Array.from({ length: 33 }, () => 'host') },
    { entries: null },
    { entries: [null] },
    { entries: ['a'] },
    { entries: [{ ...entry, state: 'gone' }] },
    { entries: [{ ...entry, label: 5 }] },
    { entries: [{ ...entry, pid: 1.5 }] },
    { entries: [{ ...entry, atMs: null }] },
    { entries: [{ ...entry, anonymousBytes: -1 }] },
  ])('with %j is none', (change) => {
    expect(parseRecord(JSON.stringify({ ...JSON.parse(format(record)), ...change }))).toBeUndefined();
  });

  it('has labels that can be printed, whatever was written', () => {
    const label = 'a\u001b[2Jb\r\nc\u202ed';
    const read = tell({ ...record, waiting: [{ ...record.waiting[0]!, label }], entries: [{ ...entry, label }] });
    for (const each of [read?.waiting[0]?.label, read?.entries[0]?.label]) {
      expect(each).toMatch(/^a.*\[2Jb.*c.*d$/);
      expect(each).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });
});

const LETTERS: readonly [string, string][] = [
  ['plain letters', 'a'],
  ['letters of three bytes', '模'],
  ['letters of four bytes', '😀'],
  ['letters that are written as six', '\u0001'],
];

describe.each(LETTERS)('a record that is too long, of %s,', (_, letter) => {
  const long = letter.repeat(400);
  const count = 300;
  const many = <T>(make: (index: number) => T) => Array.from({ length: count }, (_each, index) => make(index));
  const whole = makeRecord({
    files: many((index) => ({ key: `${index} ${long}`, bytes: 1000 + index })),
    promisedMappedBytes: 7,
    waiting: many((index) => ({ label: long, sinceUs: index, mappedBytes: 1, anonymousBytes: 2 })),
    entries: many((index) => ({ ...entry, label: `${index} ${long}` })),
  });

  /** What others leave for a scope of ours that this member shares. */
  const leave = (told: LedgerRecord, key: string) => {
    const peer = { ...told, waitingCount: told.waiting.length, ownProcess: false };
    const place = { ownFirst: undefined, beforeUs: Number.POSITIVE_INFINITY, nowUs: 0 };
    return subtractPeers([{ key, availableBytes: 0 }], [peer], new Set(), place);
  };

  it.each<[string, Partial<LedgerRecord>]>([
    ['many files', { waiting: [], entries: [] }],
    ['many that wait', { files: [], entries: [] }],
    ['many entries', { files: [], waiting: [] }],
    ['many scopes', { files: [], waiting: [], entries: [], scopes: many((index) => `${index}`) }],
    ['long scopes', { files: [], waiting: [], entries: [], scopes: [long, 'host'] }],
    ['all of them', { scopes: many((index) => `${index} ${long}`) }],
    [
      'as many of each as are kept',
      {
        scopes: many((index) => `${index} ${letter.repeat(190)}`).slice(0, 32),
        files: whole.files.slice(0, 64),
        waiting: whole.waiting.slice(0, 8),
        entries: whole.entries.slice(0, 32),
      },
    ],
  ])('finds room with %s, is understood, and counts no less', (_name, change) => {
    const told = { ...whole, ...change };
    const text = formatRecord(told, RECORD_BYTES);
    expect(text.length).toBeLessThanOrEqual(RECORD_BYTES);
    const read = parseRecord(text.toString());
    expect(read).toBeDefined();
    for (const key of told.scopes) {
      expect(leave(read!, key).headroomBytes).toBeLessThanOrEqual(leave(told, key).headroomBytes);
      expect(leave(read!, key).availableBytes).toBeLessThanOrEqual(leave(told, key).availableBytes);
    }
  });

  it('counts two files whose long names begin alike as two', () => {
    const files = [1, 2].map((index) => ({ key: `${long}${index}`, bytes: 1000 }));
    const told = { ...whole, files };
    expect(leave(tell(told)!, 'host').headroomBytes).toBeLessThanOrEqual(leave(told, 'host').headroomBytes);
  });
});
