import { describe, expect, test } from 'vitest';
import { HashIndex } from '../../src/gguf/hash-index.ts';

function finder(index: HashIndex): (text: string) => number {
  return (text) => {
    const bytes = new TextEncoder().encode(text);
    return index.find(new DataView(bytes.buffer), 0, bytes.length);
  };
}

describe('strings by their hashes', () => {
  test.each<[string, (index: number) => string]>([
    ['numbers', (index) => `${index}`],
    ['tensors of layers', (index) => `blk.${index % 64}.part_${Math.floor(index / 64)}.weight`],
    ['repetitions', (index) => 'ab'.repeat(index % 100) + index.toString(36)],
    ['one letter in a long text', (index) => `${'-'.repeat(100)}${index}${'-'.repeat(100)}`],
  ])('are told apart, and found again while the table grows: %s', (_, textOf) => {
    const index = new HashIndex();
    const find = finder(index);
    for (let at = 0; at < 50_000; at++) {
      index.reserve(at + 1);
      if (find(textOf(at)) !== -1) expect(textOf(at)).toBe('new');
      index.add(at % 65_535);
    }
    expect(index.length).toBe(50_000);
    for (let at = 0; at < 50_000; at++) if (find(textOf(at)) !== at % 65_535) expect(textOf(at)).toBe('found');
    expect(find('never added')).toBe(-1);
  });

  test('may be empty or as short as one byte', () => {
    const index = new HashIndex();
    const find = finder(index);
    index.reserve(4);
    for (const [number, text] of ['', 'a', 'b', 'ab'].entries()) {
      expect(find(text)).toBe(-1);
      index.add(number);
    }
    expect(['', 'a', 'b', 'ab', 'ba', 'aa'].map(find)).toEqual([0, 1, 2, 3, -1, -1]);
  });

  test('cost what is said', () => {
    expect([0, 1, 12, 47, 48].map((strings) => HashIndex.countBytes(strings))).toEqual([20, 40, 320, 640, 1280]);
  });
});
