/** Damaged names of observations: what is read of them is sound, and nothing is thrown. FUZZ_RUNS=100000 for a long run. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readObservationName, writeObservationName } from '../../src/footprint/observation-name.ts';
import { textDamages } from '../support/damage-text.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 2000);
const KEY = '9f86d081884c7d659a2feaa0c55ad015';
const observation = { load: '3c4d5e6f7a8b', mappedBytes: 5, anonymousAfterLoadBytes: 6, full: true, heard: false };

it('a damaged name is none, or is read as what would be written so', () => {
  const whole = Buffer.from(
    writeObservationName(KEY, 1_769_412_345_678_901, { ...observation, anonymousAfterCallBytes: 7, fatalBytes: 8 }),
  );
  let [kept, ignored] = [0, 0];
  fc.assert(
    fc.property(textDamages, (damage) => {
      const found = readObservationName(damage(whole).toString());
      if (!found) {
        ignored++;
        return;
      }
      kept++;
      const { mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes = 0, fatalBytes = 0 } = found.observation;
      const sizes = [mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes, fatalBytes];
      expect(sizes.every((size) => Number.isSafeInteger(size) && size >= 0)).toBe(true);
      const again = readObservationName(writeObservationName(found.key, found.atUs, found.observation));
      expect({ ...again, name: '' }).toEqual({ ...found, name: '' });
    }),
    { numRuns },
  );
  expect(kept).toBeGreaterThan(0);
  expect(ignored).toBeGreaterThan(0);
});
