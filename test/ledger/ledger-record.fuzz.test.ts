/** Records that another process wrote, damaged or made of anything: each is read soundly or not at all. FUZZ_RUNS=100000 for a long run. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatRecord, type LedgerRecord, parseRecord } from '../../src/ledger/ledger-record.ts';
import { textDamages } from '../support/damage-text.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 2000);

const RECORD: LedgerRecord = {
  pid: 12,
  pidNamespace: '4026531836',
  scopes: ['host'],
  files: [{ key: '8:1:5', bytes: 100 }],
  promisedMappedBytes: 1,
  promisedAnonymousBytes: 2,
  loadingAnonymousBytes: 1,
  waiting: [{ label: 'm', sinceUs: 5, untilUs: 9, mappedBytes: 1, anonymousBytes: 2 }],
  waitingCount: 2,
  entries: [],
};

function expectSound(found: LedgerRecord): void {
  const sums = [found.promisedMappedBytes, found.promisedAnonymousBytes, found.loadingAnonymousBytes];
  const times = found.waiting.flatMap(({ sinceUs, untilUs = 0 }) => [sinceUs, untilUs]);
  const sizes = [...sums, ...found.files.map(({ bytes }) => bytes), ...times, found.waitingCount ?? 0];
  expect(sizes.every((size) => Number.isSafeInteger(size) && size >= 0)).toBe(true);
}

it('a damaged record is not read, unless the damage lies behind its line', () => {
  const whole = Buffer.from(formatRecord(RECORD));
  fc.assert(
    fc.property(textDamages, (damage) => {
      const found = parseRecord(damage(whole).toString());
      if (found) expect(found).toMatchObject(RECORD);
    }),
    { numRuns },
  );
});

it('a record with a right checksum is read if its sizes are sound, and throws nothing else', () => {
  const value = fc.oneof(
    fc.anything({ withNullPrototype: false }),
    fc.nat(),
    fc.constantFrom(-1, 0.5, 2 ** 60, Number.NaN),
  );
  const changes = fc.dictionary(fc.constantFrom(...Object.keys(RECORD), '__proto__', 'format'), value);
  let read = 0;
  fc.assert(
    fc.property(changes, (changed) => {
      const text = formatAnything({ ...RECORD, ...changed });
      const found = text === undefined ? undefined : parseRecord(text);
      if (!found) return;
      expectSound(found);
      read++;
    }),
    { numRuns },
  );
  expect(read).toBeGreaterThan(0);
});

/** Nothing for a value that JSON has no text for, such as a bigint. */
function formatAnything(value: object): string | undefined {
  try {
    return formatRecord(value as LedgerRecord);
  } catch {
    return undefined;
  }
}
