/** Systems without kernel files, on this one: the figures are told by the test, everything behind them is real. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { openReader } from '../../src/sensors/open-reader.ts';
import { mac, pc, telling } from '../support/system-call-figures.ts';

describe('the reader of a system without kernel files', () => {
  it.each([
    ['darwin', mac, 6.5 * GiB],
    ['win32', pc, 5 * GiB],
  ] as const)('reads %s through the addon, precisely', (platform, figures, availableBytes) => {
    const reader = openReader({}, platform, () => telling(figures));
    expect(reader.source).toBe('native');
    expect(reader.measure().availableBytes).toBe(availableBytes);
    expect(reader.snapshot()).toMatchObject({
      availableBytes,
      source: 'native',
      precise: true,
      ancestorsHidden: false,
    });
  });

  it('names the scopes that processes share', () => {
    const reader = openReader({}, 'win32', () => telling(() => pc({ jobLimitBytes: GiB, jobUsedBytes: MiB })));
    expect(reader.scopeKeys?.()).toEqual(['host', 'commit', undefined]);
    reader.snapshot();
    expect(reader.scopeKeys?.()).toEqual(['host', 'commit', undefined]);
  });

  it('lists what each scope allows, as the last reading found it', () => {
    const reader = openReader({}, 'win32', () => telling(() => pc({ jobLimitBytes: GiB, jobUsedBytes: MiB })));
    expect(reader.limits?.()).toEqual([]);
    const { scopes } = reader.snapshot();
    expect(reader.limits?.()).toEqual(scopes.map(({ kind, path, limitBytes }) => ({ kind, path, limitBytes })));
    expect(reader.limits?.().at(-1)).toMatchObject({ kind: 'job', limitBytes: GiB });
  });

  it('refuses if a call failed, and reads again when it works', () => {
    let failed: string | undefined = 'host_statistics64 failed with 5';
    const reader = openReader({}, 'darwin', () =>
      telling(
        () => mac(),
        () => failed,
      ),
    );
    expect(() => reader.measure()).toThrow('but host_statistics64 failed with 5');
    failed = undefined;
    expect(reader.measure().totalBytes).toBe(16 * GiB);
  });

  it('refuses after it was closed', () => {
    const reader = openReader({}, 'win32', () => telling(() => pc()));
    reader.close();
    expect(() => reader.snapshot()).toThrow('closed');
  });
});
