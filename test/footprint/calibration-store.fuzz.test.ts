/** Damaged calibration files: what is kept is sound, and nothing is thrown. FUZZ_RUNS=100000 for a long run. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { CalibrationStore } from '../../src/footprint/calibration-store.ts';
import { textDamages } from '../support/damage-text.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 500);

it('a damaged file is ignored, or gives observations that are sound', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-calibration-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const observation = { load: 'a', mappedBytes: 5, anonymousAfterLoadBytes: 6, full: true, heard: false };
  const writer = new CalibrationStore(folder, () => {});
  await writer.record('key', { ...observation, anonymousAfterCallBytes: 7 });
  const file = join(folder, 'calibration.json');
  const whole = readFileSync(file);
  let [kept, ignored] = [0, 0];
  await fc.assert(
    fc.asyncProperty(textDamages, async (damage) => {
      writeFileSync(file, damage(whole));
      const problems: string[] = [];
      const store = new CalibrationStore(folder, (message) => problems.push(message));
      const found = (await store.readObservations())('key');
      for (const { mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes = 0, full, heard } of found) {
        const sizes = [mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes];
        expect(sizes.every((size) => Number.isSafeInteger(size) && size >= 0)).toBe(true);
        expect([typeof full, typeof heard]).toEqual(['boolean', 'boolean']);
      }
      expect(problems.length).toBeLessThanOrEqual(1);
      if (problems.length > 0) expect(found).toEqual([]);
      if (found.length > 0) kept++;
      ignored += problems.length;
    }),
    { numRuns },
  );
  expect(kept).toBeGreaterThan(0);
  expect(ignored).toBeGreaterThan(0);
});
