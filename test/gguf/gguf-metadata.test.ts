/** Absurd numbers in the metadata, and how much of it is kept. */
import { describe, expect, test } from 'vitest';
import type { GgufArraySummary } from '../../src/gguf/gguf-metadata.ts';
import { KEPT_BYTES } from '../../src/gguf/header-cursor.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { type Entry, entryBytes, ggufBytes, string, u32, u64 } from '../support/gguf-writer.ts';
import { readBytes } from '../support/memory-source.ts';

const BASE: Entry[] = [['general.architecture', 'string', 'qwen2']];
const withValue = (...value: Buffer[]) => {
  const { bytes } = ggufBytes({ entries: BASE, entryCount: 2 });
  return readBytes(Buffer.concat([bytes, ...value, Buffer.alloc(64)]));
};

describe('absurd numbers in the metadata', () => {
  const HUGE = 2n ** 60n;

  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      '2^60 tensors',
      () => readBytes(ggufBytes({ entries: BASE, tensorCount: HUGE }).bytes),
      /1152921504606847000 tensor desc/,
    ],
    [
      '2^60 entries',
      () => readBytes(ggufBytes({ entries: BASE, entryCount: HUGE }).bytes),
      /1152921504606847000 metadata/,
    ],
    ['2^64-1 entries', () => readBytes(ggufBytes({ entryCount: 2n ** 64n - 1n }).bytes), /metadata entries/],
    [
      'a key of 2^60 bytes',
      () => withValue(u64(HUGE)),
      /a metadata key of at most 65535 bytes, found one of 1152921504606847000/,
    ],
    ['a string of 2^60 bytes', () => withValue(string('k'), u32(8), u64(HUGE)), /for the value of 'k'/],
    [
      'an array of 2^60 numbers',
      () => withValue(string('k'), u32(9), u32(4), u64(HUGE)),
      /the 1152921504606847000 elements of 'k'/,
    ],
    ['an array of 2^60 strings', () => withValue(string('k'), u32(9), u32(8), u64(HUGE)), /elements of 'k'/],
    [
      '2^60 bytes in an array',
      () => withValue(string('k'), u32(9), u32(8), u64(2), u64(HUGE)),
      /1152921504606847000 bytes/,
    ],
    ['2^30 bytes in an array', () => withValue(string('k'), u32(9), u32(8), u64(2), u64(2 ** 30)), /1073741824 bytes/],
    ['10^6 bytes at an array end', () => withValue(string('k'), u32(9), u32(8), u64(1), u64(1e6)), /1000008 bytes/],
    [
      'an array of arrays',
      () => withValue(string('k'), u32(9), u32(9), u64(1)),
      /flat arrays, found an array of arrays in 'k'/,
    ],
    ['an unknown value type', () => withValue(string('k'), u32(13)), /value types below 13, found 13 for 'k'/],
    ['an unknown element type', () => withValue(string('k'), u32(9), u32(99)), /found 99 for 'k'/],
    ['an empty key', () => withValue(string(''), u32(4), u32(1)), /unique metadata keys, found an empty one/],
    ['a key twice', () => withValue(entryBytes(['general.architecture', 'u8', 1])), /'general\.architecture' twice/],
  ])('are refused: %s', async (_, read, expected) => {
    expect(await expectRefusal(read())).toMatch(expected);
  });
});

describe('what is kept of the metadata', () => {
  test('strings too long for the buffer are counted, not kept', async () => {
    const long = Buffer.alloc(20 * 2 ** 20, 'x').toString();
    const { bytes } = ggufBytes({
      entries: [...BASE, ['long', 'string', long], ['many', 'string[]', ['a', long, 'b', long]], ['after', 'u8', 7]],
    });
    const { metadata } = await readBytes(bytes);
    expect(metadata.get('long')).toMatchObject({ length: long.length, elementType: 'utf8' });
    expect(metadata.get('many')).toMatchObject({ length: 4, elementType: 'string' });
    expect(metadata.get('after')).toBe(7);
  });

  test('a value that is not kept can be found again in the file', async () => {
    const long = 'x'.repeat(2000);
    const entries: Entry[] = [...BASE, ['long', 'string', long], ['many', 'string[]', ['ab', 'c']]];
    const { bytes } = ggufBytes({ entries: [...entries, ['numbers', 'u8[]', new Array(600).fill(3)]] });
    const { metadata } = await readBytes(bytes);
    const at = (key: string) => (metadata.get(key) as GgufArraySummary).offset;
    expect(bytes.toString('utf8', at('long'), at('long') + 2000)).toBe(long);
    expect(bytes.subarray(at('many'), at('many') + 10)).toEqual(string('ab'));
    expect(bytes[at('numbers')]).toBe(3);
  });

  test('values beyond the budget become summaries, names beyond it are refused', async () => {
    const entries: Entry[] = Array.from({ length: 200 }, (_, index) => [`k${index}`, 'string', 'x'.repeat(1000)]);
    const { metadata } = await readBytes(ggufBytes({ entries }).bytes);
    const kept = [...metadata.values()].filter((value) => typeof value === 'string');
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length * 1000).toBeLessThan(KEPT_BYTES / 4);
    expect(metadata.get('k199')).toMatchObject({ length: 1000, elementType: 'utf8' });
    const names: Entry[] = Array.from({ length: 200 }, (_, index) => [`${index}${'x'.repeat(60_000)}`, 'u8', 1]);
    expect(await expectRefusal(readBytes(ggufBytes({ entries: names }).bytes))).toMatch(/usual size, found more than/);
  });

  test('numbers beyond the budget become summaries too', async () => {
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    const entries: Entry[] = Array.from({ length: 20 }, (_, index) => [`k${index}`, 'u32[]', numbers]);
    const { metadata } = await readBytes(ggufBytes({ entries }).bytes);
    expect(metadata.get('k0')).toEqual(numbers);
    expect(metadata.get('k19')).toMatchObject({ length: 500, elementType: 'u32' });
  });
});
