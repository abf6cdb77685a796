/** Records that another process wrote, damaged or made of anything: each is read soundly or not at all. FUZZ_RUNS=100000 for a long run. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RECORD_BYTES } from '../../src/ledger/ledger-file.ts';
import { formatRecord, type LedgerRecord, parseRecord } from '../../src/ledger/ledger-record.ts';
import { textDamages } from '../support/damage-text.ts';
import { makeRecord } from '../support/ledger-places.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 1000);

const RECORD = makeRecord({
  files: [{ key: 'fe:00 339380', bytes: 100 }],
  promisedMappedBytes: 1,
  promisedAnonymousBytes: 2,
  loadingAnonymousBytes: 1,
  meter: { number: 7, takenBytes: 3 },
  waiting: [{ label: 'm', sinceUs: 5, untilUs: 9, mappedBytes: 1, anonymousBytes: 2 }],
  waitingCount: 2,
  entries: [{ pid: 5, label: 'n', state: 'loading', mappedBytes: 1, anonymousBytes: 2, atMs: 3 }],
});

const count = (value: unknown) => expect(value).toSatisfy((each) => Number.isSafeInteger(each) && each >= 0);
const text = (value: unknown) => expect(value).toSatisfy((each) => typeof each === 'string' && each.length <= 200);
/** What is shown may be longer than what was written, since what can't be printed is spelled out. */
const label = (value: unknown) => expect(value).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]{0,1200}$/u);
const state = (value: unknown) => expect(['loading', 'loaded', 'settled']).toContain(value);
const time = (value: unknown) => expect(value).toSatisfy(Number.isFinite);
type Check = (value: unknown) => void;
const absentOr = (check: Check) => (value: unknown) => value === undefined || check(value);
const list = (most: number, check: Check) => (value: unknown) => {
  expect(value).toSatisfy(Array.isArray);
  expect((value as unknown[]).length).toBeLessThanOrEqual(most);
  for (const each of value as unknown[]) check(each);
};
const fields = (checks: Readonly<Record<string, Check>>) => (value: unknown) => {
  for (const [key, check] of Object.entries(checks)) check((value as Record<string, unknown>)[key]);
};

/** Every field of a record that is read. A field without a row here is found by the first test. */
const CHECKS: Readonly<Record<keyof LedgerRecord, Check>> = {
  pid: count,
  pidNamespace: text,
  scopes: list(32, text),
  files: list(64, fields({ key: text, bytes: count })),
  promisedMappedBytes: count,
  promisedAnonymousBytes: count,
  loadingAnonymousBytes: count,
  meter: absentOr(fields({ number: count, takenBytes: count })),
  waiting: list(
    8,
    fields({ label, sinceUs: count, untilUs: absentOr(count), mappedBytes: count, anonymousBytes: count }),
  ),
  waitingCount: absentOr(count),
  entries: list(32, fields({ pid: count, label, state, mappedBytes: count, anonymousBytes: count, atMs: time })),
};

function expectSound(found: LedgerRecord): void {
  for (const key of Object.keys(found)) expect(Object.keys(CHECKS)).toContain(key);
  fields(CHECKS)(found);
}

it('a damaged record is not read, or soundly', () => {
  const whole = formatRecord(RECORD, RECORD_BYTES);
  let read = 0;
  fc.assert(
    fc.property(textDamages, (damage) => {
      const found = parseRecord(damage(whole).toString());
      if (!found) return;
      expectSound(found);
      read++;
    }),
    { numRuns },
  );
  expect(read).toBeGreaterThan(0);
});

/** Values of JSON, and among them those that come near. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.nat(),
  fc.constantFrom(-1, 0.5, 2 ** 60, 1e300, null, '', 'a\u001b[2J', '\ud800', 'x'.repeat(300)),
);
const changes = (keys: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...keys, '__proto__', 'toString'), value, { maxKeys: 2 });
const changeable = [...Object.keys(CHECKS), 'format'];
const within = fc.record({
  files: changes(['key', 'bytes']),
  waiting: changes(Object.keys(RECORD.waiting[0]!)),
  entries: changes(Object.keys(RECORD.entries[0]!)),
});

it('a whole record of anything is read if every field of it is sound, and throws nothing', () => {
  const whole = JSON.parse(formatRecord(RECORD, RECORD_BYTES).toString());
  let read = 0;
  fc.assert(
    fc.property(changes(changeable), within, (outer, inner) => {
      const changed = {
        ...whole,
        files: [{ ...whole.files[0], ...inner.files }],
        waiting: [{ ...whole.waiting[0], ...inner.waiting }],
        entries: [{ ...whole.entries[0], ...inner.entries }],
        ...outer,
      };
      const found = parseRecord(JSON.stringify(changed));
      if (!found) return;
      expectSound(found);
      read++;
    }),
    { numRuns },
  );
  expect(read).toBeGreaterThan(0);
});

it('what a process holds finds room, and is read by others without a loss', () => {
  const size = fc.integer({ min: 0, max: 2 ** 40 });
  const name = fc.string({ unit: 'binary', maxLength: 300 });
  const holding = fc.record({
    pid: fc.nat(),
    pidNamespace: fc.constant('pid:[4026531836]'),
    scopes: fc.array(fc.string({ maxLength: 40 }), { maxLength: 40 }),
    files: fc.array(fc.record({ key: fc.string({ maxLength: 40 }), bytes: size }), { maxLength: 100 }),
    promisedMappedBytes: size,
    promisedAnonymousBytes: size,
    loadingAnonymousBytes: size,
    waiting: fc.array(fc.record({ label: name, sinceUs: size, mappedBytes: size, anonymousBytes: size }), {
      maxLength: 20,
    }),
    entries: fc.array(
      fc.record({
        pid: fc.nat(),
        label: name,
        state: fc.constantFrom('loading', 'loaded', 'settled'),
        mappedBytes: size,
        anonymousBytes: size,
        atMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
      }),
      { maxLength: 50 },
    ),
  });
  const sum = (each: LedgerRecord) => each.files.reduce((bytes, file) => bytes + file.bytes, each.promisedMappedBytes);
  fc.assert(
    fc.property(holding, (told) => {
      const written = formatRecord(told as LedgerRecord, RECORD_BYTES);
      expect(written.length).toBeLessThanOrEqual(RECORD_BYTES);
      const found = parseRecord(written.toString())!;
      expectSound(found);
      expect(sum(found)).toBe(sum(told as LedgerRecord));
      expect(found.promisedAnonymousBytes).toBe(told.promisedAnonymousBytes);
      expect(found.scopes).toEqual(told.scopes.length > 32 ? [] : told.scopes);
    }),
    { numRuns: Math.ceil(numRuns / 10) },
  );
});
