import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../../src/core/bytes.ts';
import { type DARWIN, getTaskFootprint, interpretDarwinFigures } from '../../../src/sensors/darwin/darwin-figures.ts';
import { measureRows, snapshotRows } from '../../../src/sensors/scope-rows.ts';
import { type Figures, mac } from '../../support/system-call-figures.ts';

const makeSnapshot = (figures: Float64Array) => {
  const { scopes, rows, pressure } = interpretDarwinFigures(figures);
  return snapshotRows(rows, { scopes, ancestorsHidden: false, swap: false }, 'native', 0, pressure);
};

describe("macOS' figures", () => {
  it('count free, inactive and purgeable pages, and speculative ones once', () => {
    const available = GiB + 5 * GiB + 512 * MiB;
    const { rows, scopes } = interpretDarwinFigures(mac());
    expect(measureRows(rows, scopes, false)).toEqual({
      totalBytes: 16 * GiB,
      availableBytes: available,
      hostBinds: true,
    });
    expect(makeSnapshot(mac())).toMatchObject({
      availableBytes: available,
      limitedBy: { kind: 'host', limitBytes: 16 * GiB, usedBytes: 15 * GiB, reclaimableBytes: 5632 * MiB },
      precise: true,
      pressure: 'normal',
    });
    expect(makeSnapshot(mac({ speculativePages: 0 })).availableBytes).toBe(available);
  });

  it('do not count active, wired or compressed pages', () => {
    const other = makeSnapshot(mac({ activePages: 1, wiredPages: 2, compressorPages: Number.NaN }));
    expect(other.availableBytes).toBe(makeSnapshot(mac()).availableBytes);
  });

  it('never exceed the machine, even if purgeable pages are inactive ones as well', () => {
    const half = (8 * GiB) / 16_384;
    const full = makeSnapshot(mac({ freePages: half, inactivePages: half, purgeablePages: half }));
    expect(full.availableBytes).toBe(16 * GiB);
  });

  it.each([
    [1, 'normal'],
    [2, 'warning'],
    [4, 'critical'],
    [Number.NaN, undefined],
    [3, undefined],
  ])('tell level %s as %s, apart from the bytes', (pressureLevel, pressure) => {
    expect(makeSnapshot(mac({ pressureLevel })).pressure).toBe(pressure);
  });

  it.each<[string, Figures<typeof DARWIN>]>([
    ['no total', { totalBytes: Number.NaN }],
    ['a total of nothing', { totalBytes: 0 }],
    ['pages of a wrong size', { pageBytes: 1 }],
    ['no free pages told', { freePages: Number.NaN }],
    // This was seen when the caller's structure was an older one.
    ['more speculative pages than memory', { speculativePages: 1.07e9 }],
    ['more inactive pages than memory', { inactivePages: 2 ** 40 }],
    ['a negative count', { purgeablePages: -1 }],
  ])('are refused with %s', (_, changed) => {
    expect(() => interpretDarwinFigures(mac(changed))).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });

  it('know the footprint of this task, or not', () => {
    expect(getTaskFootprint(mac())).toBe(80 * MiB);
    expect(getTaskFootprint(mac({ footprintBytes: Number.NaN }))).toBeUndefined();
  });
});
