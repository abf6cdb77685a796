/** Loads that are given up while they wait for something else than memory: for a model that is being ended, or for the ledger's lock. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { FILE_NAME, LedgerFile, SLOTS } from '../../src/ledger/ledger-file.ts';
import { LOCK } from '../../src/ledger/ledger-members.ts';
import type { LoadGuardOptions } from '../../src/loading/load-guard-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { deferred, FakeMachine, FakeModel, FakeSDK, guardedFake, settled } from '../support/fake-sdk.ts';
import { locks, makePlace, openLedgerFile } from '../support/ledger-places.ts';

describe('while a model is ended for it, a load', () => {
  async function loadWhileEvicting(own: LoadGuardOptions) {
    const fake = guardedFake(new FakeMachine(10 * GiB, 10 * GiB), {
      evict: 'idle',
      minResidencyMs: 0,
      minFreeBytes: 0,
      minFreeRatioAfterLoad: 0,
    });
    const ended = deferred();
    class SlowModel extends FakeModel {
      override dispose = () => ended.promise;
    }
    fake.sdk.during = (name) => (name === 'first' ? new SlowModel(name) : undefined);
    await fake.nexa.loadModel('first', { memoryGuard: { footprint: 8 * GiB } });
    fake.events.length = 0;
    const load = fake.nexa.loadModel('second', { memoryGuard: { footprint: 4 * GiB, ...own } });
    load.catch(() => {});
    await settled();
    const end = async () => {
      ended.resolve();
      for (let turn = 0; turn < 20; turn++) {
        await settled();
        fake.clock.advance(100); // memory that comes back is waited for
      }
    };
    return { ...fake, load, end };
  }

  it('goes on if nobody gives it up', async () => {
    const { load, end, types } = await loadWhileEvicting({});
    await end();
    expect(await load).toMatchObject({ name: 'second' });
    expect(types()).toEqual(['evicted', 'admitted', 'loaded']);
  });

  it('is given up by its signal', async () => {
    const controller = new AbortController();
    const { load, end, sdk, guard } = await loadWhileEvicting({ signal: controller.signal });
    controller.abort(new Error('no more'));
    await end();
    await expect(load).rejects.toThrow('no more');
    expect(sdk.calls).toHaveLength(1);
    expect(guard.headroomBytes()).toBe(10 * GiB);
  });

  it('is given up when its time is over, and told once', async () => {
    const { load, end, clock, sdk, types } = await loadWhileEvicting({ wait: { timeoutMs: 50 } });
    clock.advance(60);
    await end();
    await expect(load).rejects.toMatchObject({ code: 'ERR_ADMISSION_TIMEOUT' });
    expect(sdk.calls).toHaveLength(1);
    expect(types()).toEqual(['evicted']);
  });

  it('is refused when the guard is closed', async () => {
    const { load, end, guard, sdk } = await loadWhileEvicting({});
    guard.close();
    await end();
    await expect(load).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' });
    expect(sdk.calls).toHaveLength(1);
  });
});

describe.runIf(locks)('while another process decides, a load', () => {
  it.each([
    ['by default', {}, {}],
    ['if unread loads are admitted', { onSensorFailure: 'admit' }, {}],
    ['if it is only observed', { mode: 'observe' }, {}],
    ['if it is forced', {}, { force: true }],
  ] satisfies [string, GuardOptions, LoadGuardOptions][])(
    'is refused when the guard is closed, and the ledger stays closed (%s)',
    async (_name, options, own) => {
      const directory = makePlace();
      mkdirSync(directory, { mode: 0o700 });
      const path = join(directory, FILE_NAME);
      LedgerFile.make(directory, `directory ${directory}`, [], () => {});
      const { descriptor } = openLedgerFile(path);
      expect(locks.tryLock(descriptor, LOCK.section)).toBe(1);
      const sdk = new FakeSDK();
      const nexa = withMemoryGuard(sdk, { ledger: { directory }, ...options });
      const load = nexa.loadModel('m', { memoryGuard: { footprint: MiB, ...own } });
      load.catch(() => {});
      for (let turn = 0; turn < 5; turn++) await settled();
      nexa.guard.close();
      locks.unlock(descriptor, LOCK.section);
      await expect(load).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' });
      expect(sdk.calls).toEqual([]);
      const file = openLedgerFile(path);
      expect(file.listUsed()).toEqual([]);
      expect(locks.ask(file.descriptor, LOCK.lives, SLOTS)).toBe(1);
    },
  );
});
