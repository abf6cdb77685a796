import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { CalibrationOption } from '../../src/footprint/calibration-option.ts';
import { RealMachine } from '../../src/machine/real-machine.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { settled } from '../support/fake-sdk.ts';

function openReal(swap = false): RealMachine {
  const machine = new RealMachine({ swap, clock: systemClock });
  onTestFinished(() => machine.close());
  return machine;
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-real-machine-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const NEED = { mappedBytes: 0, anonymousBytes: 5, basis: 'given' } as const;

describe('the real machine', () => {
  it('is this one', () => {
    const { totalBytes, availableBytes, source } = openReal().reader.snapshot();
    expect(totalBytes).toBeGreaterThan(64 * MiB);
    expect(availableBytes).toBeLessThanOrEqual(totalBytes);
    expect(source).not.toBe('injected');
  });

  it.runIf(process.platform === 'linux')('counts free swap only if that is asked for', () => {
    const swapOf = (swap: boolean) => openReal(swap).reader.snapshot().scopes[0]?.swapBytes;
    expect(swapOf(false)).toBeUndefined();
    expect(swapOf(true)).toBeTypeOf('number');
  });

  it('counts this process alone, or with all that meet in a directory', async () => {
    const failed = vi.fn();
    const alone = openReal().openLedger('process', failed);
    expect(alone.shared).toBeUndefined();
    alone.close();
    expect(failed).not.toHaveBeenCalled();
    const directory = join(makeFolder(), 'ledger');
    const among = openReal().openLedger({ directory }, failed);
    onTestFinished(() => among.close());
    // Without the addon there are no locks, and that is told.
    if (among.shared) {
      expect(among.shared.directory).toBe(directory);
      const reservation = among.ledger.reserve('m', NEED, { clockMs: 0, epochMs: 0 });
      await among.shared.inSection(
        () => undefined,
        () => undefined,
      );
      among.shared.publish([], among.ledger.describeHoldings(0));
      expect(among.shared.peers()).toEqual([]);
      among.ledger.release(reservation);
    } else expect(failed).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });

  it.runIf(process.platform === 'linux')('looks at a process of a model', () => {
    const probe = openReal().probeProcess({ pid: process.pid, shared: false, ended: new Promise<never>(() => {}) });
    const { rss } = process.memoryUsage();
    expect(probe?.readBytes()).toBeGreaterThan(rss / 4);
    expect(probe?.readBytes()).toBeLessThan(rss * 2);
    probe?.close();
  });

  it('is one for all guards of a thread: they share a ledger', () => {
    const [one, other] = [openReal().openLedger('process', () => {}), openReal().openLedger('process', () => {})];
    const reservation = one.ledger.reserve('m', NEED, { clockMs: 0, epochMs: 0 });
    expect(other.ledger.size).toBe(1);
    one.ledger.release(reservation);
    for (const ledger of [one, other]) ledger.close();
  });

  it('keeps what loads take in the user’s cache, and tells what can’t be kept', async () => {
    const cache = makeFolder();
    const observation = { load: 'a', mappedBytes: 1, anonymousAfterLoadBytes: 2, full: false, heard: false };
    vi.stubEnv('XDG_CACHE_HOME', cache);
    onTestFinished(() => void vi.unstubAllEnvs());
    const failed = vi.fn();
    const keep = (option: CalibrationOption) => openReal().openCalibration(option, failed)?.record('key', observation);
    const count = (directory: string) => readdirSync(join(directory, 'observations-1')).length;
    await keep('shared');
    expect(count(join(cache, 'nexa-memory-guard'))).toBe(1);
    await keep({ directory: join(cache, 'own') });
    expect([count(join(cache, 'own')), count(join(cache, 'nexa-memory-guard'))]).toEqual([1, 1]);
    expect(openReal().openCalibration('off', failed)).toBeUndefined();
    expect(failed).not.toHaveBeenCalled();
    writeFileSync(join(cache, 'file'), '');
    vi.stubEnv('XDG_CACHE_HOME', join(cache, 'file'));
    await keep('shared');
    expect(failed).toHaveBeenCalledWith(expect.stringContaining("can't be kept"), expect.anything());
  });

  /** Whether garbage is gone once the machine was asked for so much. */
  const isGoneAfter = async (missingBytes: number, collects: boolean) => {
    const garbage = makeGarbage();
    await settled();
    expect(openReal().collectGarbage(missingBytes)).toBe(collects);
    return garbage.deref() === undefined;
  };

  it('collects garbage if the heap may hold as much as is missing', async () => {
    expect(await isGoneAfter(MiB, true)).toBe(true);
  });

  it('collects no garbage if the heap holds less than is missing', async () => {
    const gone: boolean[] = [];
    // V8 may collect on its own at any moment, but hardly at five of them.
    for (let attempt = 0; attempt < 5 && !gone.includes(false); attempt++) gone.push(await isGoneAfter(2 ** 44, false));
    expect(gone).toContain(false);
  });

  it.runIf(process.platform === 'linux')('tells anonymous memory that JavaScript doesn’t explain', () => {
    const machine = openReal();
    const before = machine.readGrowthBytes()!;
    const held = Buffer.alloc(64 * MiB, 1); // explained by the heap
    expect(machine.readGrowthBytes()! - before).toBeLessThan(32 * MiB);
    expect(held).toHaveLength(64 * MiB);
  });

  it.runIf(process.platform === 'linux')('finds no new mapping if nothing was mapped, and hears of no failure', () => {
    const failed = vi.fn();
    const findNewMappings = openReal().noteMappings(failed);
    const file = join(makeFolder(), 'm.gguf');
    writeFileSync(file, Buffer.alloc(MiB));
    closeSync(openSync(file, 'r')); // read, and mapped by nobody
    expect(findNewMappings([file])).toEqual([]);
    expect(failed).not.toHaveBeenCalled();
  });

  it('meters a load, if the system and the addon can', async () => {
    const meter = openReal().meterLoad('native');
    expect(meter !== undefined).toBe(loadAddon()?.LoadMeter !== undefined);
    await meter?.look();
    meter?.close();
  });

  it.runIf(loadAddon()?.LoadMeter)('is where a guarded load pays for what it touches', async () => {
    const worker = new Worker(
      "require('node:worker_threads').parentPort.on('message', (bytes) => { globalThis.held = Buffer.alloc(bytes, 1); require('node:worker_threads').parentPort.postMessage(0); })",
      { eval: true, execArgv: [] },
    );
    onTestFinished(async () => void (await worker.terminate()));
    const loadModel = async (_name: string, _options: object) => {
      worker.postMessage(48 * MiB);
      await once(worker, 'message');
      return { dispose() {} };
    };
    const { loadModel: load, guard } = withMemoryGuard({ loadModel }, { ledger: 'process', minFreeRatioAfterLoad: 0 });
    const model = await load('m', { memoryGuard: { footprint: 48 * MiB } });
    expect(guard.snapshot().availableBytes - guard.headroomBytes()).toBeLessThan(24 * MiB);
    await model.dispose();
    guard.close();
  });

  it('gives memory back after a model is gone, and asks for its files only then', async () => {
    const garbage = makeGarbage();
    await settled();
    const files = vi.fn(() => {
      expect(garbage.deref()).toBeUndefined();
      return [];
    });
    const released = openReal().releaseMemory(files);
    expect(files).not.toHaveBeenCalled();
    await released;
    expect(files).toHaveBeenCalledOnce();
  });
});

function makeGarbage(): WeakRef<object> {
  return new WeakRef(Buffer.alloc(16 * MiB, 1).buffer);
}
