/** Loads that are given up while they wait for something else than memory: for a model that is being ended, or for the ledger's lock. */
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { LoadGuardOptions } from '../../src/loading/load-guard-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { deferred, FakeMachine, FakeModel, FakeSDK, guardedFake, settled } from '../support/fake-sdk.ts';

const locks = loadAddon()?.locks;
if (!locks) console.log('skipped: loads that wait for the lock of a ledger, since the addon has no locks here');

describe('while a model is ended for it, a load', () => {
  async function loadWhileEvicting(own: LoadGuardOptions) {
    const fake = guardedFake(new FakeMachine(10 * GiB, 10 * GiB), {
      evict: 'idle',
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
      const directory = join(mkdtempSync(join(tmpdir(), 'nexa-given-up-')), 'ledger');
      mkdirSync(directory, { mode: 0o700 });
      const lock = openSync(join(directory, 'lock'), 'w+', 0o600);
      onTestFinished(() => {
        closeSync(lock);
        rmSync(join(directory, '..'), { recursive: true, force: true });
      });
      expect(locks?.tryLock(lock)).toBe(1);
      const sdk = new FakeSDK();
      const nexa = withMemoryGuard(sdk, { ledger: { directory }, ...options });
      const load = nexa.loadModel('m', { memoryGuard: { footprint: MiB, ...own } });
      load.catch(() => {});
      for (let turn = 0; turn < 5; turn++) await settled();
      nexa.guard.close();
      locks?.unlock(lock);
      await expect(load).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' });
      expect(sdk.calls).toEqual([]);
      expect(readdirSync(directory)).toEqual(['lock']);
    },
  );
});
