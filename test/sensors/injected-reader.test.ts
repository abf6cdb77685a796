import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import type { SensorReading } from '../../src/core/types.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';

const reading = (sensor: () => unknown) => new InjectedReader(sensor as () => SensorReading);

describe('a replaced sensor', () => {
  it('gives its own numbers, and never counts as the machine', () => {
    const reader = reading(() => ({ totalBytes: 16 * GiB, availableBytes: 3 * GiB }));
    expect(reader.source).toBe('injected');
    expect(reader.measure()).toEqual({ totalBytes: 16 * GiB, availableBytes: 3 * GiB, hostBinds: false });
    reader.close();
  });

  it('gives a whole snapshot, frozen, with itself as the only scope', () => {
    const before = performance.timeOrigin + performance.now();
    const snapshot = reading(() => ({ totalBytes: 16, availableBytes: 3 })).snapshot();
    const scope = {
      kind: 'injected',
      path: 'sensor',
      limitBytes: 16,
      usedBytes: 13,
      reclaimableBytes: 0,
      availableBytes: 3,
    };
    expect(snapshot).toMatchObject({
      totalBytes: 16,
      availableBytes: 3,
      limitedBy: scope,
      scopes: [scope],
      source: 'injected',
      precise: true,
      ancestorsHidden: false,
    });
    expect(snapshot.takenAtMs).toBeGreaterThanOrEqual(before);
    for (const part of [snapshot, snapshot.scopes, snapshot.limitedBy]) expect(Object.isFrozen(part)).toBe(true);
  });

  it('allows what it said last', () => {
    let totalBytes = 100;
    const reader = new InjectedReader(() => ({ totalBytes, availableBytes: 50 }));
    expect(reader.limits()).toEqual([]);
    for (totalBytes of [100, 70]) {
      reader.measure();
      expect(reader.limits()).toEqual([{ kind: 'injected', path: 'sensor', limitBytes: totalBytes }]);
    }
  });

  it('is asked at every reading', () => {
    let availableBytes = 5;
    const reader = reading(() => ({ totalBytes: 10, availableBytes: availableBytes-- }));
    expect([reader.measure(), reader.snapshot(), reader.measure()].map((each) => each.availableBytes)).toEqual([
      5, 4, 3,
    ]);
  });

  it('may say that nothing or more than everything is available', () => {
    expect(reading(() => ({ totalBytes: 10, availableBytes: 0 })).measure().availableBytes).toBe(0);
    expect(reading(() => ({ totalBytes: 10, availableBytes: 12 })).snapshot().limitedBy.usedBytes).toBe(0);
  });

  it.each([
    ['NaN', { totalBytes: 1, availableBytes: Number.NaN }, '`availableBytes`'],
    ['no total', { totalBytes: 0, availableBytes: 1 }, '`totalBytes`'],
    ['a negative size', { totalBytes: 1, availableBytes: -1 }, '`availableBytes`'],
    ['an infinite size', { totalBytes: Number.POSITIVE_INFINITY, availableBytes: 1 }, '`totalBytes`'],
    ['a text', { totalBytes: '16 GiB', availableBytes: 1 }, '`totalBytes`'],
    ['a BigInt', { totalBytes: 1n, availableBytes: 1 }, '`totalBytes`'],
    ['a missing field', { totalBytes: 1 }, '`availableBytes`'],
    ['nothing', undefined, '`totalBytes`'],
    ['null', null, '`totalBytes`'],
    ['a promise', Promise.resolve({ totalBytes: 1, availableBytes: 1 }), '`totalBytes`'],
  ])('that gives %s is an error, never zero', (_what, value, named) => {
    const reader = reading(() => value);
    for (const read of [() => reader.measure(), () => reader.snapshot()]) {
      expect(read).toThrow(expect.objectContaining({ code: 'ERR_SENSOR', message: expect.stringContaining(named) }));
    }
  });

  it('that throws is an error with its cause', () => {
    const cause = new Error('no machine');
    const reader = reading(() => {
      throw cause;
    });
    expect(() => reader.measure()).toThrow(
      expect.objectContaining({ code: 'ERR_SENSOR', cause, message: expect.stringContaining('Error: no machine') }),
    );
  });

  it('whose reading throws or changes when it is looked at can neither break nor fool the check', () => {
    const thrower = reading(() => ({
      totalBytes: 1,
      get availableBytes(): number {
        throw new Error('lazy');
      },
    }));
    expect(() => thrower.measure()).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
    let looks = 0;
    const changing = reading(() => ({
      totalBytes: 10,
      get availableBytes() {
        looks += 1;
        return looks === 1 ? 5 : Number.NaN;
      },
    }));
    expect(changing.measure().availableBytes).toBe(5);
    expect(looks).toBe(1);
  });
});
