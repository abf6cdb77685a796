/** Numbers of a header, in their ranges and with what stands in for them. */
import { describe, expect, test } from 'vitest';
import type { GgufValue } from '../../src/gguf/gguf-metadata.ts';
import { HeaderKeys } from '../../src/gguf/header-keys.ts';

const keysOf = (values: Record<string, GgufValue>) =>
  new HeaderKeys({ path: 'm.gguf', metadata: new Map(Object.entries(values)) }, 'llama');

const keys = keysOf({
  'llama.block_count': 4,
  'llama.heads': [8, 4, 2, 2],
  'llama.half': 1.5,
  'llama.parallel': true,
  'llama.sliding': [true, false],
  'qwen2.block_count': 5,
});

describe('the keys of a header', () => {
  test('are those behind the prefix', () => {
    expect(keys.readNumber('block_count')).toBe(4);
    expect([keys.has('block_count'), keys.has('qwen2.block_count')]).toEqual([true, false]);
    expect([keys.isTrue('parallel'), keys.isTrue('block_count')]).toEqual([true, false]);
  });

  test('are whole numbers in a range, both ends included', () => {
    expect(keys.readNumber('block_count', { least: 4, most: 4 })).toBe(4);
    for (const range of [{ least: 5 }, { most: 3 }]) {
      expect(() => keys.readNumber('block_count', range)).toThrow(
        /a whole number from .* in llama\.block_count, found 4;/,
      );
    }
    expect(() => keys.readNumber('half')).toThrow(/found 1\.5/);
    expect(() => keys.readNumber('parallel')).toThrow(/found true/);
  });

  test('have a fallback if they are absent, not if they are wrong', () => {
    expect(keys.readNumber('absent', { fallback: 7 })).toBe(7);
    expect(() => keys.readNumber('absent')).toThrow(/found nothing/);
    expect(() => keys.readNumber('half', { fallback: 7 })).toThrow(/found 1\.5/);
  });

  test('may be a list of which the first counts, if that is asked for', () => {
    expect(keys.readFirstNumber('heads')).toBe(8);
    expect(keys.readFirstNumber('block_count')).toBe(4);
    expect(() => keys.readNumber('heads')).toThrow(/found 8,4,2,2/);
  });

  test('are lists if that is asked for, with 0 and 1 for truth values', () => {
    expect(keys.findList('heads', {})).toEqual([8, 4, 2, 2]);
    expect(keys.findList('sliding', { least: 0 })).toEqual([1, 0]);
    expect([keys.findList('block_count', {}), keys.findList('absent', {})]).toEqual([undefined, undefined]);
    expect(() => keys.findList('heads', { most: 4 })).toThrow(/found 8;/);
    expect(keys.readPerLayer('sliding', 2, { least: 0 })).toEqual([1, 0]);
  });

  test('give each layer its number, or all layers the same', () => {
    expect(keys.readPerLayer('heads', 3, {})).toEqual([8, 4, 2]);
    expect(keys.readPerLayer('block_count', 3, {})).toEqual([4, 4, 4]);
    expect(keys.readPerLayer('absent', 2, { fallback: [1, 2] })).toEqual([1, 2]);
    expect(() => keys.readPerLayer('heads', 5, {})).toThrow(/have 5 numbers in llama\.heads, found 4;/);
    expect(() => keys.readPerLayer('heads', 4, { least: 3 })).toThrow(/from 3 to .* found 2;/);
  });
});
