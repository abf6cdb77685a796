import { freemem, totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import { type OpenReaderOptions, openReader } from '../../src/sensors/open-reader.ts';
import { readMemory } from '../../src/sensors/read-memory.ts';
import { fixture } from '../support/fixtures.ts';

describe('openReader', () => {
  it('takes the addon where it is there', () => {
    expect(openReader({}, 'linux').source).toBe(loadAddon() === undefined ? 'procfs' : 'native');
  });

  it('takes what was preferred', () => {
    expect(openReader({ prefer: 'procfs' }, 'linux').source).toBe('procfs');
    expect(openReader({ prefer: 'node' }, 'linux').source).toBe('node');
  });

  it.each(['darwin', 'win32', 'freebsd'] as const)('asks node:os on %s, whatever was preferred', (platform) => {
    expect(openReader({}, platform).source).toBe('node');
    expect(openReader({ prefer: 'procfs' }, platform).source).toBe('node');
  });

  it.each<[string, unknown, string]>([
    ['an unknown key', { rot: '/' }, 'rot'],
    ['a relative root', { root: 'proc' }, 'root'],
    ['a root that is no text', { root: 5 }, 'root'],
    ['a swap that is no boolean', { swap: 'yes' }, 'swap'],
    ['an unknown reader', { prefer: 'wmi' }, 'prefer'],
    ['null', null, 'options'],
  ])('refuses %s', (_, options, name) => {
    expect(() => openReader(options as OpenReaderOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(`\`${name}\``) }),
    );
  });
});

describe('the node reader', () => {
  it('says what node:os says, and that it is not precise', () => {
    const reader = openReader({ prefer: 'node' });
    expect(reader.readFrom?.()).toEqual(['node:os']);
    const snapshot = reader.snapshot();
    expect(snapshot).toMatchObject({ source: 'node', precise: false, ancestorsHidden: false, totalBytes: totalmem() });
    expect(Math.abs(snapshot.availableBytes - freemem())).toBeLessThan(256 * MiB);
    expect(snapshot.scopes).toEqual([snapshot.limitedBy]);
    expect(snapshot.limitedBy).toMatchObject({ kind: 'host', limitBytes: totalmem(), reclaimableBytes: 0 });
    expect(Object.isFrozen(snapshot.scopes[0])).toBe(true);
  });

  it('measures the same', () => {
    const { totalBytes, availableBytes, hostBinds } = openReader({ prefer: 'node' }).measure();
    expect({ totalBytes, hostBinds }).toEqual({ totalBytes: totalmem(), hostBinds: true });
    expect(Math.abs(availableBytes - freemem())).toBeLessThan(256 * MiB);
  });

  it('refuses to read after it was closed', () => {
    const reader = openReader({ prefer: 'node' });
    reader.close();
    expect(() => reader.measure()).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });
});

describe.skipIf(process.platform !== 'linux')('readMemory', () => {
  it('reads a tree, with and without swap', () => {
    expect(readMemory({ root: fixture('v2-swap') }).availableBytes).toBe(132 * MiB);
    expect(readMemory({ root: fixture('v2-swap'), swap: true }).availableBytes).toBe(332 * MiB);
  });

  it('reads this machine', () => {
    expect(readMemory().scopes[0]?.limitBytes).toBe(totalmem());
  });

  it('reads more trees than it keeps open', () => {
    const names = ['v2-leaf', 'v1-leaf-limit', 'hybrid', 'v2-high', 'v2-swap', 'v2-dotdot', 'v2-leaf'];
    expect(names.map((name) => readMemory({ root: fixture(name) }).availableBytes / MiB)).toEqual([
      442, 462, 442, 242, 132, 434, 442,
    ]);
  });

  it('does not know the option `prefer`, or a misspelt one', () => {
    for (const options of [{ prefer: 'native' }, { Root: '/' }]) {
      expect(() => readMemory(options as object)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    }
  });
});
