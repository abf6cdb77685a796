import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GiB, KiB, MiB } from '../../src/core/bytes.ts';
import {
  type ProcessMemory,
  readAnonymousBytes,
  readGrowth,
  readProcessMemory,
} from '../../src/sensors/process-memory.ts';
import { copyFixture, getFixture } from '../support/fixtures.ts';
import { mac, telling } from '../support/system-call-figures.ts';

const STATUS = 'proc/self/status';

describe('readProcessMemory', () => {
  it('counts anonymous memory without the files that are mapped', () => {
    // RssAnon 38940 kB beside RssFile; VmSwap 0.
    expect(readProcessMemory({ root: getFixture('v2-leaf') })?.anonymousBytes).toBe(38_940 * KiB);
  });

  it('counts what was swapped out', () => {
    const root = copyFixture('v2-leaf');
    writeFileSync(join(root, STATUS), 'RssAnon:\t    1000 kB\nVmSwap:\t     500 kB\n');
    expect(readProcessMemory({ root })?.anonymousBytes).toBe(1500 * KiB);
  });

  it('does not know if the kernel does not tell', () => {
    expect(readProcessMemory({ root: getFixture('gvisor') })).toBeUndefined();
  });

  it.each(['', 'VmSwap:\t 5 kB\n', 'RssAnon:\t none\nVmSwap:\t 5 kB\n'])('does not take a number out of %j', (text) => {
    const root = copyFixture('v2-leaf');
    writeFileSync(join(root, STATUS), text);
    expect(() => readProcessMemory({ root })).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });

  it('refuses if the file cannot be read', () => {
    const root = copyFixture('v2-leaf');
    rmSync(join(root, STATUS));
    expect(() => readProcessMemory({ root })).toThrow('ENOENT');
    mkdirSync(join(root, STATUS));
    expect(() => readProcessMemory({ root })).toThrow('EISDIR');
  });
});

describe.skipIf(process.platform !== 'linux')('this process', () => {
  it('grows by what it touches', () => {
    const before = readProcessMemory() as ProcessMemory;
    const held = Buffer.allocUnsafeSlow(64 * MiB).fill(1);
    const after = readProcessMemory() as ProcessMemory;
    expect(after.anonymousBytes - before.anonymousBytes).toBeGreaterThan(60 * MiB);
    expect(after.anonymousBytes - before.anonymousBytes).toBeLessThan(72 * MiB);
    // JavaScript explains it: no native growth.
    expect(after.heapBytes - before.heapBytes).toBeGreaterThan(60 * MiB);
    expect(held.length).toBe(64 * MiB);
  });

  it('has grown by what JavaScript does not explain', () => {
    const { anonymousBytes, heapBytes } = readProcessMemory() as ProcessMemory;
    expect(Math.abs((readGrowth() as number) - (anonymousBytes - heapBytes))).toBeLessThan(16 * MiB);
  });
});

describe('the growth of this process on other systems', () => {
  it('is the footprint on macOS, less what JavaScript explains', () => {
    const { readMachine } = telling(() => mac({ footprintBytes: 4 * GiB }));
    expect(readAnonymousBytes('darwin', readMachine)).toBe(4 * GiB);
    const growth = readGrowth('darwin', readMachine)!;
    expect(growth).toBeGreaterThan(3 * GiB);
    expect(growth).toBeLessThan(4 * GiB);
  });

  it('is unknown if the task or the addon does not tell', () => {
    const mute = telling(() => mac({ footprintBytes: Number.NaN }));
    expect(readGrowth('darwin', mute.readMachine)).toBeUndefined();
    expect(readGrowth('darwin', () => 'task_info failed with 4')).toBeUndefined();
    expect(readGrowth('darwin')).toBeUndefined();
    expect(readGrowth('win32')).toBeUndefined();
  });
});
