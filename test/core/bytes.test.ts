import { describe, expect, it } from 'vitest';
import { formatBytes, formatLeftBytes, GiB, KiB, MiB, parseBytes } from '../../src/core/bytes.ts';

describe('parsing a size', () => {
  it.each([
    [0, 0],
    [1, 1],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['12 B', 12],
    ['1 KiB', KiB],
    ['512 MiB', 512 * MiB],
    ['512MiB', 512 * MiB],
    ['  512 mib  ', 512 * MiB],
    ['1.5 GiB', 1.5 * GiB],
    ['2 TiB', 2 ** 41],
    ['1 kB', 1e3],
    ['1.5 GB', 1.5e9],
    ['3 MB', 3e6],
    ['2 TB', 2e12],
    ['0 B', 0],
  ])('takes %j as %d bytes', (value, bytes) => {
    expect(parseBytes(value)).toBe(bytes);
  });

  it('rounds a part of a byte in a text up', () => {
    expect(parseBytes('4.2 GiB')).toBe(Math.ceil(4.2 * GiB));
    expect(parseBytes('0.1 B')).toBe(1);
  });

  it.each([
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.MAX_SAFE_INTEGER + 1,
    '1 potato',
    '12',
    'MiB',
    '',
    '-1 MiB',
    '1e3 MiB',
    '1 ib',
    '1,5 GiB',
    '9007199254740993 B',
    '9000000 TiB',
    '1 MiB and more',
    null,
    undefined,
    true,
    12n,
    {},
    [512],
  ])('does not take %s', (value) => {
    expect(parseBytes(value)).toBeUndefined();
  });
});

describe('printing a size', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [KiB, '1.0 KiB'],
    [320.75 * MiB, '320.8 MiB'],
    [7 * GiB, '7.0 GiB'],
    [-512 * MiB, '-512.0 MiB'],
    [-3, '-3 B'],
    [4096 * GiB, '4096.0 GiB'],
    [Number.POSITIVE_INFINITY, 'unlimited'],
    [Number.NEGATIVE_INFINITY, '-unlimited'],
  ])('shows %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('gives what the parser takes back', () => {
    for (const bytes of [0, 7, KiB, 3 * MiB, 42 * GiB]) expect(parseBytes(formatBytes(bytes))).toBe(bytes);
  });
});

describe('printing what is left', () => {
  it('says how much is lacking if it is less than nothing', () => {
    expect(formatLeftBytes(2 * MiB)).toBe('2.0 MiB');
    expect(formatLeftBytes(0)).toBe('0 B');
    expect(formatLeftBytes(-2 * MiB)).toBe('nothing (2.0 MiB is lacking already)');
  });
});
