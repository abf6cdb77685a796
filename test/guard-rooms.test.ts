/** The guard over the real machine with a fake SDK, and what is collected before a refusal. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultAdapter } from '../src/adapters/default-adapter.ts';
import { GiB, MiB } from '../src/core/bytes.ts';
import { MemoryGuardError } from '../src/core/errors.ts';
import { readGuardOptions } from '../src/guard-options.ts';
import { GuardRooms } from '../src/guard-rooms.ts';
import { InjectedMachine } from '../src/machine/injected-machine.ts';
import { withMemoryGuard } from '../src/with-memory-guard.ts';
import { FakeMachine, FakeSDK, recordEvents, settled } from './support/fake-sdk.ts';
import { ManualClock } from './support/manual-clock.ts';

describe('a guard over the real machine', () => {
  const guarded = (during: () => unknown = () => undefined) => {
    const sdk = new FakeSDK();
    sdk.during = during;
    // The ledger has a directory of its own: other tests must not see that the whole machine is promised.
    const directory = join(mkdtempSync(join(tmpdir(), 'nexa-guard-machine-')), 'ledger');
    onTestFinished(() => rmSync(join(directory, '..'), { recursive: true, force: true }));
    const nexa = withMemoryGuard(sdk, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ledger: { directory } });
    return { nexa, guard: nexa.guard, events: recordEvents(nexa.guard) };
  };

  /** Makes 64 MiB of garbage. */
  const litter = async () => (() => new WeakRef(Buffer.alloc(64 * MiB, 1).buffer))();

  /** Says whether garbage is gone after a load was refused for want of so many bytes. */
  const goneAfter = async (missingBytes: number) => {
    const { nexa, guard } = guarded();
    const garbage = await litter();
    await settled();
    const footprint = guard.headroomBytes() + missingBytes;
    await nexa.loadModel('m', { memoryGuard: { footprint } }).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    });
    guard.close();
    return garbage.deref() === undefined;
  };

  it('garbage is collected if it could turn a refusal', async () => {
    expect(await goneAfter(16 * MiB)).toBe(true);
  });

  it('garbage is left if it is too little', async () => {
    const gone: boolean[] = [];
    // V8 may collect on its own at any moment, but hardly at five of them.
    for (let attempt = 0; attempt < 5 && !gone.includes(false); attempt++) gone.push(await goneAfter(2 ** 44));
    expect(gone).toContain(false);
  });

  it('shows where the ledger is and what it holds, of its own process if it counts alone', async () => {
    const { nexa, guard } = guarded();
    const model = await nexa.loadModel('m', { memoryGuard: { footprint: MiB } });
    const entries = [{ pid: process.pid, label: 'm', anonymousBytes: MiB }];
    expect(guard.ledger.entries()).toMatchObject(entries);
    if (guard.ledger.kind === 'shared') expect(guard.ledger.directory).toMatch(/nexa-guard-machine-\w+\/ledger$/);
    const alone = withMemoryGuard(new FakeSDK(), { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ledger: 'process' });
    const other = await alone.loadModel('m', { memoryGuard: { footprint: MiB } });
    expect(alone.guard.ledger).toMatchObject({ kind: 'process' });
    expect(alone.guard.ledger.entries()).toMatchObject(entries);
    await Promise.all([model.dispose(), other.dispose()]);
    guard.close();
    alone.guard.close();
  });

  it.runIf(process.getuid)('says once why other processes are not counted', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'nexa-guard-machine-')), 'file');
    onTestFinished(() => rmSync(join(file, '..'), { recursive: true, force: true }));
    writeFileSync(file, '');
    const make = () => {
      const nexa = withMemoryGuard(new FakeSDK(), {
        minFreeRatioAfterLoad: 0,
        minFreeBytes: 0,
        ledger: { directory: file },
        onLedgerFailure: 'alone',
      });
      onTestFinished(() => nexa.guard.close());
      return { nexa, events: recordEvents(nexa.guard) };
    };
    const { nexa, events } = make();
    const models = [1, 2].map(() => nexa.loadModel('m', { memoryGuard: { footprint: MiB } }));
    await Promise.all(models);
    expect(events.filter(({ type }) => type === 'degraded')).toMatchObject([
      { reason: 'ledger-failed', message: expect.stringMatching(/is no directory|are not seen/) },
    ]);
  });

  it.runIf(process.platform === 'linux')(
    'drops the page cache of a model’s files where that is asked for',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'nexa-guard-machine-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const file = join(folder, 'm.gguf');
      writeFileSync(file, Buffer.alloc(MiB));
      const nexa = withMemoryGuard(new FakeSDK(), {
        minFreeRatioAfterLoad: 0,
        minFreeBytes: 0,
        ledger: 'process',
        dropPageCache: true,
        adapter: { listFiles: () => [file] },
      });
      const events = recordEvents(nexa.guard);
      const model = await nexa.loadModel('m', { memoryGuard: { footprint: MiB } });
      await model.dispose();
      await expect.poll(() => events.at(-1)?.type, { timeout: 5000 }).toBe('unloaded');
      nexa.guard.close();
    },
  );

  it.runIf(process.platform === 'linux')('calls nothing a model’s that the heap explains', async () => {
    let held: Buffer | undefined;
    const { nexa, guard, events } = guarded(() => {
      held = Buffer.alloc(64 * MiB, 1);
    });
    const model = await nexa.loadModel('m', { memoryGuard: { footprint: 0 } });
    expect(held?.length).toBe(64 * MiB);
    expect(events.filter(({ type }) => type === 'degraded')).toEqual([]);
    await model.dispose();
    guard.close();
  });

  // This is the last test, since it takes a descriptor from the reader.
});

describe('a machine that tells of pressure', () => {
  const MODEL = { memoryGuard: { footprint: 1 * MiB } };

  /** The replaced machine, with the notices of a system that gives any. */
  class TellingMachine extends InjectedMachine {
    changed: (() => void) | undefined;

    override watchPressure(changed?: () => void): () => void {
      this.changed = changed;
      return () => {
        this.changed = undefined;
      };
    }
  }

  it('has memory read at once, and nobody listens to it after the guard is closed', async () => {
    const memory = new FakeMachine(8 * GiB);
    const machine = new TellingMachine(memory.sensor);
    const settings = readGuardOptions({ sensor: memory.sensor, clock: new ManualClock(), minFreeRatioAfterLoad: 0 });
    const rooms = new GuardRooms(settings, machine);
    const told: string[] = [];
    rooms.events.on('critical', ({ type }) => told.push(type));
    await rooms.loader.load({ sdk: {}, adapter: defaultAdapter }, () => ({ dispose() {} }), ['m', MODEL]);
    memory.availableBytes = 1 * MiB;
    expect(told).toEqual([]);
    machine.changed?.();
    expect(told).toEqual(['critical']);
    rooms.close();
    expect(machine.changed).toBeUndefined();
  });
});

describe('a guard whose machine should have a shared ledger and has none', () => {
  class LonelyMachine extends InjectedMachine {
    closed = false;
    readonly asked: unknown[] = [];

    override openLedger(...[, , onFailure]: readonly unknown[]) {
      this.asked.push(onFailure);
      if (onFailure === 'refuse') throw new MemoryGuardError('ERR_LEDGER', 'No addon.');
      return super.openLedger();
    }

    override close(): void {
      this.closed = true;
    }
  }
  const lonely = () => new LonelyMachine(() => ({ totalBytes: 16 * GiB, availableBytes: 12 * GiB }));

  it('is not made, and leaves nothing open', () => {
    const machine = lonely();
    expect(() => new GuardRooms(readGuardOptions({}), machine)).toThrow(
      expect.objectContaining({ code: 'ERR_LEDGER' }),
    );
    expect(machine.closed).toBe(true);
  });

  it('is made if it may go on alone, or only observes', () => {
    const machine = lonely();
    for (const options of [{ onLedgerFailure: 'alone' }, { mode: 'observe' }])
      new GuardRooms(readGuardOptions(options), machine).close();
    expect(machine.asked).toEqual(['alone', 'alone']);
  });
});
