import { describe, expect, it } from 'vitest';
import type { Addon } from '../../src/addon/addon.ts';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { type OpenReaderOptions, openReader } from '../../src/sensors/open-reader.ts';
import { mac, telling } from '../support/system-call-figures.ts';

describe('openReader', () => {
  it('takes the addon if there is one', () => {
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

  it.each([
    ['no addon', 'darwin', undefined, 'native'],
    ['an addon that can not tell', 'darwin', {}, 'native'],
    ['a system that nobody knows', 'aix', telling(() => mac()), 'native'],
    ['the wish for it', 'darwin', telling(() => mac()), 'node'],
  ] as const)('asks node:os with %s, and says so', (_, platform, addon, prefer) => {
    const reader = openReader({ prefer }, platform, () => addon as Addon | undefined);
    expect(reader.snapshot()).toMatchObject({ source: 'node', precise: false });
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
