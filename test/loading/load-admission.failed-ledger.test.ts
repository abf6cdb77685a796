/** Loads while the ledger can't be used, although there is one: here its directory is open to others. */
import { chmodSync, mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { DegradedEvent } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { LoadGuardOptions } from '../../src/loading/load-guard-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { FakeSDK } from '../support/fake-sdk.ts';
import { locks, makePlace } from '../support/ledger-places.ts';
import { hold, makeMember } from '../support/shared-members.ts';

function guardAt(directory: string, options: GuardOptions = {}) {
  const nexa = withMemoryGuard(new FakeSDK(), {
    ledger: { directory },
    minFreeRatioAfterLoad: 0,
    minFreeBytes: 0,
    ...options,
  });
  const told: DegradedEvent[] = [];
  nexa.guard.on('degraded', (event) => told.push(event));
  const load = (bytes: number, own: LoadGuardOptions = {}) =>
    nexa.loadModel('m', { memoryGuard: { footprint: bytes, ...own } });
  return { nexa, told, load };
}

function openToOthers(): string {
  const directory = makePlace();
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  return directory;
}

describe.runIf(locks && process.getuid)('while a ledger can’t be used, a load', () => {
  it.each<[string, GuardOptions]>([
    ['by default', {}],
    ['also if loads are admitted that memory can’t be read for', { onSensorFailure: 'admit' }],
    ['also if it may wait', {}],
  ])('is refused, and that is told once for all loads (%s)', async (name, options) => {
    const { nexa, told, load } = guardAt(openToOthers(), options);
    const own = name.includes('wait') ? { wait: true } : {};
    for (let times = 0; times < 3; times++) {
      await expect(load(MiB, own)).rejects.toMatchObject({ code: 'ERR_LEDGER' });
    }
    expect(told).toMatchObject([{ reason: 'ledger-failed', code: 'ERR_LEDGER' }]);
    expect(nexa.guard.models()).toEqual([]);
    nexa.guard.close();
  });

  it.each<[string, GuardOptions, LoadGuardOptions]>([
    ['it is only observed', { mode: 'observe' }, {}],
    ['it is forced', {}, { force: true }],
    ['the guard goes on alone', { onLedgerFailure: 'alone' }, {}],
  ])('is let in if %s, and that is told', async (_, options, own) => {
    const { nexa, told, load } = guardAt(openToOthers(), options);
    const model = await load(MiB, own);
    expect(told.map(({ code }) => code)).toContain('ERR_LEDGER');
    await (model as { dispose(): unknown }).dispose();
    nexa.guard.close();
  });

  it('counts what others told last if the guard goes on alone', async () => {
    const directory = makePlace();
    const peer = makeMember(directory);
    await hold(peer, 1);
    const { nexa, load } = guardAt(directory, { onLedgerFailure: 'alone' });
    const before = nexa.guard.headroomBytes();
    await hold(peer, 8 * 1024 * GiB);
    expect(nexa.guard.headroomBytes()).toBeLessThan(before);
    chmodSync(directory, 0o755);
    await expect(load(MiB)).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    nexa.guard.close();
  });
});
