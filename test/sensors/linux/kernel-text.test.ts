import { describe, expect, it } from 'vitest';
import {
  encodeKeys,
  GARBAGE,
  parseDecimal,
  parseNumberFile,
  scanKeys,
} from '../../../src/sensors/linux/kernel-text.ts';

const INFINITY = Number.POSITIVE_INFINITY;
const decimal = (text: string, from = 0) => parseDecimal(Buffer.from(text), from, text.length);
const numberFile = (text: string) => parseNumberFile(Buffer.from(text), text.length);

describe('parseDecimal', () => {
  it.each([
    ['0', 0],
    ['536870912\n', 536_870_912],
    ['3060 kB\n', 3060],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['007', 7],
  ])('reads %j', (text, value) => {
    expect(decimal(text)).toBe(value);
  });

  it('takes what no kernel counts for "no limit", up to the largest number that one prints', () => {
    expect(decimal('4611686018427380000')).toBeLessThan(INFINITY);
    expect(decimal('4611686018427387904')).toBe(INFINITY);
    expect(decimal('9223372036854771712')).toBe(INFINITY);
    expect(decimal('18446744073709551615')).toBe(INFINITY);
    expect(decimal('99999999999999999999')).toBe(GARBAGE);
  });

  it.each(['', 'kB', '-1', '12x', '1,5', '0x20', '1\t2'])('does not take a number out of %j', (text) => {
    expect(decimal(text)).toBe(GARBAGE);
  });

  it('reads no byte behind the length', () => {
    expect(parseDecimal(Buffer.from('123456'), 0, 3)).toBe(123);
    expect(parseDecimal(Buffer.from('123456'), 3, 3)).toBe(GARBAGE);
  });
});

describe('parseNumberFile', () => {
  it.each([
    ['536870912\n', 536_870_912],
    ['536870912', 536_870_912],
    ['max\n', INFINITY],
    ['max', INFINITY],
  ])('reads %j', (text, value) => {
    expect(numberFile(text)).toBe(value);
  });

  it.each(['', '\n', 'max\n\n', 'maximal\n', 'ma\n', '12 34\n', '12\n34', ' 12\n'])(
    'does not take a number out of %j',
    (text) => {
      expect(numberFile(text)).toBe(GARBAGE);
    },
  );
});

describe('scanKeys', () => {
  const KEYS = encodeKeys('anon ', 'file ', 'slab ');

  function scan(text: string, count = 3): number[] {
    const values = new Float64Array(3).fill(-7);
    scanKeys(Buffer.from(text), text.length, KEYS, count, values);
    return [...values];
  }

  it('finds keys in the order given, with other lines between them', () => {
    expect(scan('anon 1\nkernel 9\nfile 2\nslab 3\n')).toEqual([1, 2, 3]);
  });

  it('finds them in any order', () => {
    expect(scan('slab 3\nfile 2\nanon 1\n')).toEqual([1, 2, 3]);
  });

  it('finds only as many as are wanted', () => {
    expect(scan('anon 1\nfile 2\nslab 3\n', 2)).toEqual([1, 2, -7]);
  });

  it('tells a line that is missing from one without a number', () => {
    expect(scan('anon 1\nslab x\n')).toEqual([1, Number.NaN, GARBAGE]);
  });

  it('does not take a longer name or the middle of a line for a key', () => {
    expect(scan('anonymous 1\nthp anon 2\nfile_mapped 3\nslab 4')).toEqual([Number.NaN, Number.NaN, 4]);
  });

  it('passes over blanks and tabs before the number', () => {
    expect(scan('anon  \t 1 kB\nfile 2\nslab 3')).toEqual([1, 2, 3]);
  });

  it('reads no byte behind the length, which another file may have left', () => {
    const values = new Float64Array(3);
    scanKeys(Buffer.from('anon 1\nfile 2\nslab 3\n'), 9, KEYS, 3, values);
    expect([...values]).toEqual([1, Number.NaN, Number.NaN]);
  });
});
