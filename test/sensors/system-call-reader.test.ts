/** Systems without kernel files, on this one: the figures are told by the test, everything behind them is real. */
import { describe, expect, it, vi } from 'vitest';
import type { Addon } from '../../src/addon/addon.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { openReader } from '../../src/sensors/open-reader.ts';
import { watchPressure } from '../../src/sensors/pressure-watch.ts';
import { readAnonymousBytes, readGrowth } from '../../src/sensors/process-memory.ts';
import { mac, pc } from '../support/system-call-figures.ts';

/** An addon that tells these figures. */
const telling = (figures: () => Float64Array, failed?: () => string | undefined) =>
  ({
    readMachine: (target: Float64Array) => {
      target.set(figures());
      return failed?.();
    },
  }) as unknown as Addon;

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

  it('refuses where a call failed, and reads again when it works', () => {
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

  it.each([
    ['no addon', 'darwin', undefined, 'native'],
    ['an addon that can not tell', 'darwin', {}, 'native'],
    ['a system that nobody knows', 'aix', telling(() => mac()), 'native'],
    ['the wish for it', 'darwin', telling(() => mac()), 'node'],
  ] as const)('is node:os with %s, and says so', (_, platform, addon, prefer) => {
    const reader = openReader({ prefer }, platform, () => addon as Addon | undefined);
    expect(reader.snapshot()).toMatchObject({ source: 'node', precise: false });
  });
});

describe('the growth of this process', () => {
  it('is the footprint on macOS, less what JavaScript explains', () => {
    const { readMachine } = telling(() => mac({ footprintBytes: 4 * GiB }));
    expect(readAnonymousBytes('darwin', readMachine)).toBe(4 * GiB);
    const growth = readGrowth('darwin', readMachine) as number;
    expect(growth).toBeGreaterThan(3 * GiB);
    expect(growth).toBeLessThan(4 * GiB);
  });

  it('is unknown where the task or the addon does not tell', () => {
    const mute = telling(() => mac({ footprintBytes: Number.NaN }));
    expect(readGrowth('darwin', mute.readMachine)).toBeUndefined();
    expect(readGrowth('darwin', () => 'task_info failed with 4')).toBeUndefined();
    expect(readGrowth('darwin')).toBeUndefined();
    expect(readGrowth('win32')).toBeUndefined();
  });
});

describe('the notices of pressure', () => {
  class PressureWatch {
    static last: PressureWatch | undefined;
    readonly changed: () => void;
    open = true;

    constructor(changed: () => void) {
      this.changed = changed;
      PressureWatch.last = this;
    }

    close(): void {
      this.open = false;
    }
  }

  it('wake, until nobody wants them any more', () => {
    const changed = vi.fn();
    const stop = watchPressure(changed, { PressureWatch }, true);
    PressureWatch.last?.changed();
    expect(changed).toHaveBeenCalledTimes(1);
    stop();
    expect(PressureWatch.last?.open).toBe(false);
  });

  it('are not asked for in a worker, without an addon, or where the system can not be asked', () => {
    PressureWatch.last = undefined;
    watchPressure(() => {}, { PressureWatch }, false)();
    watchPressure(() => {}, {}, true)();
    watchPressure(() => {})();
    class Broken {
      constructor() {
        throw new Error('the system can not be asked');
      }
      close(): void {}
    }
    watchPressure(() => {}, { PressureWatch: Broken }, true)();
    expect(PressureWatch.last).toBeUndefined();
  });
});
