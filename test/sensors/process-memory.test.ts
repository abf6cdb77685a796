import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KiB, MiB } from '../../src/core/bytes.ts';
import { type ProcessMemory, readGrowth, readProcessMemory } from '../../src/sensors/process-memory.ts';
import { copyOf, fixture } from '../support/fixtures.ts';

const STATUS = 'proc/self/status';

describe('readProcessMemory', () => {
  it('counts anonymous memory without the files that are mapped', () => {
    // RssAnon 38940 kB beside RssFile; VmSwap 0.
    expect(readProcessMemory({ root: fixture('v2-leaf') })?.anonymousBytes).toBe(38_940 * KiB);
  });

  it('counts what was swapped out', () => {
    const root = copyOf('v2-leaf');
    writeFileSync(join(root, STATUS), 'RssAnon:\t    1000 kB\nVmSwap:\t     500 kB\n');
    expect(readProcessMemory({ root })?.anonymousBytes).toBe(1500 * KiB);
  });

  it('does not know where the kernel does not tell', () => {
    expect(readProcessMemory({ root: fixture('gvisor') })).toBeUndefined();
  });

  it.each(['', 'VmSwap:\t 5 kB\n', 'RssAnon:\t none\nVmSwap:\t 5 kB\n'])('does not take a number out of %j', (text) => {
    const root = copyOf('v2-leaf');
    writeFileSync(join(root, STATUS), text);
    expect(() => readProcessMemory({ root })).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });

  it('refuses where the file cannot be read', () => {
    const root = copyOf('v2-leaf');
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

it('does not know the growth on other systems', () => {
  expect(readGrowth('darwin')).toBeUndefined();
});
