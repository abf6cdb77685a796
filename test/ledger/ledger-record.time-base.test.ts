/** `LedgerEntry.atMs` of real guards: one time base, whichever ledger and whichever clock a guard has. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Loads one model with these options and gives its entry, with the time of day before and after. */
async function loadOne(options: GuardOptions) {
  const sdk = { loadModel: async (_name: string, _options: object) => ({ dispose: async () => {} }) };
  const nexa = withMemoryGuard(sdk, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ...options });
  onTestFinished(() => nexa.guard.close());
  const beforeMs = Date.now();
  const model = await nexa.loadModel('m', { memoryGuard: { footprint: MiB } });
  const afterMs = Date.now();
  const entry = nexa.guard.ledger.entries().find(({ pid }) => pid === process.pid)!;
  const { sinceMs } = nexa.guard.models()[0]!;
  await model.dispose();
  return { beforeMs, afterMs, atMs: entry.atMs, sinceMs, kind: nexa.guard.ledger.kind };
}

const sensor = () => ({ totalBytes: 16 * GiB, availableBytes: 12 * GiB });

describe('the time of a ledger’s entry', () => {
  it.each<[string, () => GuardOptions]>([
    ['a replaced machine', () => ({ sensor })],
    ['a replaced machine and a clock of its own', () => ({ sensor, clock: new ManualClock() })],
    ['a ledger of the process alone', () => ({ ledger: 'process' })],
    ['a ledger of the process alone and a clock of its own', () => ({ ledger: 'process', clock: new ManualClock() })],
  ])('is the time of day with %s', async (_, options) => {
    const { beforeMs, afterMs, atMs, kind } = await loadOne(options());
    expect(kind).toBe('process');
    expect(atMs).toBeGreaterThanOrEqual(beforeMs);
    expect(atMs).toBeLessThanOrEqual(afterMs);
  });

  it.runIf(loadAddon()?.locks).each<[string, GuardOptions]>([
    ['the system’s clock', {}],
    ['a clock of its own', { clock: new ManualClock() }],
  ])('is the time of day with a shared ledger and %s', async (_, options) => {
    const parent = mkdtempSync(join(tmpdir(), 'nexa-time-'));
    onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
    const ledger = { directory: join(parent, 'ledger') };
    const { beforeMs, afterMs, atMs, kind } = await loadOne({ ...options, ledger });
    expect(kind).toBe('shared');
    expect(atMs).toBeGreaterThanOrEqual(beforeMs);
    expect(atMs).toBeLessThanOrEqual(afterMs);
  });

  it('is not the guard’s clock, which models are dated by', async () => {
    const clock = new ManualClock();
    const nowMs = clock.nowMs();
    const { atMs, sinceMs } = await loadOne({ sensor, clock });
    expect(sinceMs).toBe(nowMs);
    expect(atMs).not.toBe(nowMs);
  });
});
