import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import {
  comparedTotalBytes,
  hostBinds,
  machineClass,
  nominalTotalBytes,
  recommendQuantization,
} from '../../src/policy/recommend-quantization.ts';

describe('the recommendation', () => {
  it.each([
    [32, 8, 'Q5_K_M'],
    [32, 7.99, 'Q4_K_M'],
    [31.99, 16, 'Q4_K_M'],
    [64, 5, 'Q4_0'],
    [64, 5.01, 'Q4_K_M'],
    [8, 8, 'Q4_0'],
    [8.01, 5.01, 'Q4_K_M'],
    [16, 5, 'Q4_0'],
    [16, 8, 'Q4_K_M'],
  ] as const)('for %d GiB with %d GiB available is the documented one', (total, available, expected) => {
    expect(recommendQuantization(total * GiB, available * GiB)).toBe(expected);
  });
});

describe('the nominal size of a machine', () => {
  it.each([
    [31.2, 32],
    [7.7, 8],
    [15.5, 16],
    [23.5, 24],
    [32, 32],
    [5.5, 6],
  ])('of one that shows %d GiB is %d GiB', (shown, sold) => {
    expect(nominalTotalBytes(shown * GiB)).toBe(sold * GiB);
  });

  it.each([28.7, 20, 3.5, 13, 2000])('is what it shows if no machine is sold that size: %d GiB', (shown) => {
    expect(nominalTotalBytes(shown * GiB)).toBe(shown * GiB);
  });

  it('counts only if the machine itself binds, never for a limit of a group', () => {
    expect(comparedTotalBytes({ totalBytes: 31.2 * GiB, availableBytes: 1, hostBinds: true })).toBe(32 * GiB);
    expect(comparedTotalBytes({ totalBytes: 31.2 * GiB, availableBytes: 1, hostBinds: false })).toBe(31.2 * GiB);
  });
});

describe('the class of a machine', () => {
  it.each([
    [7.99, 'below minimum'],
    [8, 'minimum'],
    [15.99, 'minimum'],
    [16, 'recommended'],
    [31.99, 'recommended'],
    [32, 'high performance'],
  ] as const)('with %d GiB is the documented one', (total, expected) => {
    expect(machineClass(total * GiB)).toBe(expected);
  });
});

describe('the machine itself binds', () => {
  const scope = (kind: 'host' | 'cgroup-v2', limits: { limitBytes?: number; highBytes?: number }) => {
    return { kind, path: kind, usedBytes: 0, reclaimableBytes: 0, availableBytes: 0, ...limits };
  };
  const host = scope('host', { limitBytes: 8 * GiB });

  it('without a lower limit', () => {
    expect(hostBinds({ totalBytes: 8 * GiB, scopes: [host, scope('cgroup-v2', {})] })).toBe(true);
    expect(hostBinds({ totalBytes: 8 * GiB, scopes: [host, scope('cgroup-v2', { limitBytes: 9 * GiB })] })).toBe(true);
  });

  it('not with one, nor if a group has the very same', () => {
    expect(hostBinds({ totalBytes: 4 * GiB, scopes: [host, scope('cgroup-v2', { limitBytes: 4 * GiB })] })).toBe(false);
    expect(hostBinds({ totalBytes: 8 * GiB, scopes: [host, scope('cgroup-v2', { limitBytes: 8 * GiB })] })).toBe(false);
    expect(hostBinds({ totalBytes: 8 * GiB, scopes: [host, scope('cgroup-v2', { highBytes: 8 * GiB })] })).toBe(false);
  });
});
