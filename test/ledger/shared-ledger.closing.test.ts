/** What a guard leaves in its ledger when it is closed, and what its process has open then. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { FILE_NAME } from '../../src/ledger/ledger-file.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { locks, makePlace, openLedgerFile } from '../support/ledger-places.ts';
import { LedgerProgram } from '../support/ledger-program.ts';
import { hold, look, makeMember } from '../support/shared-members.ts';

const guarded = (directory: string) =>
  withMemoryGuard(
    { loadModel: async (_name: string, _options: object) => ({ dispose: async () => {} }) },
    { ledger: { directory }, minFreeRatioAfterLoad: 0, minFreeBytes: 0 },
  );

/** The descriptors of this process that lead to this directory. */
function listOpened(directory: string): string[] {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(directory);
    } catch {
      return false; // that with which they were listed
    }
  });
}

describe.runIf(locks)('a guard that is closed', () => {
  it('stays in the ledger until the last of its models is disposed, and has nothing open afterwards', async () => {
    const directory = makePlace();
    const own = { memoryGuard: { footprint: 5 * MiB } };
    const nexa = guarded(directory);
    const models = [await nexa.loadModel('first', own), await nexa.loadModel('second', own)];
    const peer = makeMember(directory);
    expect(look(peer)).toEqual([10 * MiB]);
    nexa.guard.close();
    expect(look(peer)).toEqual([10 * MiB]);
    await models[0]!.dispose();
    expect(look(peer)).toEqual([5 * MiB]);
    await models[1]!.dispose();
    expect(look(peer)).toEqual([]);
    peer.ledger.close();
    expect(listOpened(directory)).toEqual([]);
  });

  it('leaves nothing open if it only waited', async () => {
    const directory = makePlace();
    const peer = makeMember(directory);
    await hold(peer, 1);
    const { descriptor } = openLedgerFile(join(directory, FILE_NAME));
    expect(locks.tryLock(descriptor, 0)).toBe(1);
    const nexa = guarded(directory);
    const load = nexa.loadModel('m', { memoryGuard: { footprint: MiB } });
    load.catch(() => {});
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
    nexa.guard.close();
    await expect(load).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' });
    locks.unlock(descriptor, 0);
    // The thread that waited has its own descriptor, and ends.
    peer.ledger.close();
    while (listOpened(directory).length > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

describe.runIf(locks)('a process that ends', () => {
  it.each([
    ['after it has decided', 'await decide(ledger, 7); say("told");'],
    ['after it has waited', 'say("waits"); await decide(ledger, 7); say("told");'],
  ])('%s ends by itself, and is forgotten', async (_, body) => {
    const directory = makePlace();
    const peer = makeMember(directory);
    await hold(peer, 1);
    const { descriptor } = openLedgerFile(join(directory, FILE_NAME));
    const waits = body.includes('waits');
    if (waits) locks.tryLock(descriptor, 0);
    const program = new LedgerProgram(`const ledger = openLedger(findNamedMeeting(data)); ${body}`, directory);
    if (waits) {
      await program.next();
      await new Promise((resolve) => setTimeout(resolve, 50));
      locks.unlock(descriptor, 0);
    }
    expect(await program.next()).toBe('told');
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(look(peer)).toEqual([]);
  });
});
