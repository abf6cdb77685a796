/** One contract for every machine that a guard can stand on: the real one and a replaced one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { InjectedMachine } from '../../src/machine/injected-machine.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { RealMachine } from '../../src/machine/real-machine.ts';

const MACHINES: readonly (readonly [string, () => Machine])[] = [
  ['the real machine', () => new RealMachine({ swap: false, clock: systemClock })],
  ['a replaced machine', () => new InjectedMachine(() => ({ totalBytes: 16 * GiB, availableBytes: 15 * GiB }))],
];

const NEED = { mappedBytes: 3, anonymousBytes: 5, basis: 'given' } as const;

describe.each(MACHINES)('%s', (_name, open) => {
  function opened(): Machine {
    const machine = open();
    onTestFinished(() => machine.close());
    return machine;
  }

  function openLedger() {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-machines-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return opened().openLedger({ directory: join(folder, 'ledger') }, () => {});
  }

  it('reads memory, and measures what a snapshot shows', () => {
    const { reader } = opened();
    const [measure, snapshot] = [reader.measure(), reader.snapshot()];
    expect(snapshot.source).toBe(reader.source);
    expect(measure.totalBytes).toBe(snapshot.totalBytes);
    expect(snapshot.scopes).toContain(snapshot.limitedBy);
    expect(Math.abs(measure.availableBytes - snapshot.availableBytes)).toBeLessThan(GiB);
  });

  it('opens a ledger that counts a reservation until it is released', () => {
    const { ledger, close } = openLedger();
    const reservation = ledger.reserve('m', NEED, { clockMs: 0, epochMs: 0 });
    expect(ledger.computeBurden()).toMatchObject({ promisedMappedBytes: 3, promisedAnonymousBytes: 5 });
    expect(ledger.release(reservation)).toBe(true);
    expect(ledger.computeBurden()).toMatchObject({ promisedMappedBytes: 0, promisedAnonymousBytes: 0 });
    close();
    expect(close).not.toThrow();
  });

  it('tells its growth in bytes, or that it is not known', () => {
    const bytes = opened().readGrowthBytes();
    if (bytes !== undefined) expect(Number.isFinite(bytes)).toBe(true);
  });

  it('does not collect garbage for more than the heap can hold', () => {
    expect(opened().collectGarbage(2 ** 50)).toBe(false);
  });

  it('calls nobody once the watch for pressure has ended', () => {
    const changed = vi.fn();
    const stop = opened().watchPressure(changed);
    stop();
    expect(stop).not.toThrow();
    expect(changed).not.toHaveBeenCalled();
  });

  it('tells what was mapped since, or that it is not known', () => {
    const failed = vi.fn();
    const found = opened().noteMappings(failed)([]);
    if (found !== undefined) expect(found.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(64 * MiB);
    expect(failed).not.toHaveBeenCalled();
  });

  it('looks at a process of this program’s, or says that it can’t', () => {
    const probe = opened().probeProcess({ pid: process.pid, shared: false, ended: new Promise<never>(() => {}) });
    const bytes = probe?.readBytes();
    if (bytes !== undefined) expect(bytes).toBeGreaterThan(MiB);
    expect(probe?.findKiller()).toBeUndefined();
    probe?.close();
  });

  it('knows a group whose processes the kernel ends all together by its path, if there is one', () => {
    expect(opened().findOomGroup() ?? '/').toMatch(/^\//);
  });

  it('gives memory back, and passes over files that are not there', async () => {
    await expect(opened().releaseMemory(() => ['/missing.gguf'])).resolves.toBeUndefined();
  });

  it('can be closed twice', () => {
    const machine = open();
    machine.close();
    expect(() => machine.close()).not.toThrow();
  });
});
