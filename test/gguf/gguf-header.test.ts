/** The frame of a header: version, alignment, and a file that ends too early. */
import { describe, expect, test } from 'vitest';
import { type GgufHeader, readHeader } from '../../src/gguf/gguf-header.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { type Entry, ggufBytes, smallModel } from '../support/gguf-writer.ts';
import { memorySource, readBytes, readState } from '../support/memory-source.ts';

const BASE: Entry[] = [['general.architecture', 'string', 'qwen2']];

describe('a version', () => {
  test.each<[string, Buffer, RegExp]>([
    ['big-endian', Buffer.from('4747554600000003', 'hex'), /little-endian GGUF file, found a big-endian one/],
    ['version 1', Buffer.from('4747554601000000', 'hex'), /version 2 or 3, found version 1; convert/],
    ['version 9', Buffer.from('4747554609000000', 'hex'), /found version 9; update this package/],
    ['version 0', Buffer.from('4747554600000000', 'hex'), /found version 0/],
  ])('is refused: %s', async (_, start, expected) => {
    expect(await expectRefusal(readBytes(Buffer.concat([start, Buffer.alloc(16)])))).toMatch(expected);
  });

  test.each([2, 3])('is accepted: %d', async (version) => {
    expect((await readBytes(ggufBytes({ entries: BASE, version }).bytes)).version).toBe(version);
  });
});

describe('a truncated file', () => {
  test('is refused at every length, and says how many bytes of data are missing', async () => {
    const { bytes, headerBytes } = ggufBytes(smallModel({ vocabulary: 20, layers: 1 }));
    expect((await readBytes(bytes)).tensors).toHaveLength(5);
    for (let length = 0; length < headerBytes; length += 7) await expectRefusal(readBytes(bytes.subarray(0, length)));
    for (const missing of [1, 100, 4000]) {
      const message = await expectRefusal(readBytes(bytes.subarray(0, bytes.length - missing)));
      expect(message).toMatch(new RegExp(`so ${missing} bytes.* missing; finish the download`));
      expect(message).toContain(`be ${bytes.length} bytes`);
    }
  });

  test('names the entry that the header ends in', async () => {
    const { bytes } = ggufBytes({ entries: BASE });
    expect(await expectRefusal(readBytes(bytes.subarray(0, 40)))).toMatch(
      /for a metadata key at offset 32, found its end after 8/,
    );
    expect(await expectRefusal(readBytes(bytes.subarray(0, 10)))).toMatch(/24 bytes for the first counts/);
  });

  test('is refused if it ends before the length that it had when it was opened', async () => {
    const { bytes } = ggufBytes(smallModel());
    expect(await expectRefusal(readBytes(bytes.subarray(0, 300), bytes.length))).toMatch(
      /its end already at 300; wait until/,
    );
  });
});

describe('an alignment', () => {
  test.each<[string, Entry]>([
    ['0', ['general.alignment', 'u32', 0]],
    ['48', ['general.alignment', 'u32', 48]],
    ['2147483648', ['general.alignment', 'u32', 2 ** 31]],
    ['0.5', ['general.alignment', 'f32', 0.5]],
    ['no number', ['general.alignment', 'string', '32']],
  ])('is refused: %s', async (found, entry) => {
    const message = await expectRefusal(readBytes(ggufBytes({ entries: [...BASE, entry] }).bytes));
    expect(message).toContain(`a power of two up to 2097152, found ${found};`);
  });

  test.each([1, 4096, 2 ** 21])('is accepted: %d', async (alignment) => {
    const { bytes } = ggufBytes({ entries: [...BASE, ['general.alignment', 'u32', alignment]] });
    expect(await readBytes(bytes)).toMatchObject({
      alignment,
      dataOffset: Math.ceil(bytes.length / alignment) * alignment,
    });
  });
});

test('a header is the same through buffers of any length', async () => {
  const { bytes } = ggufBytes(smallModel({ vocabulary: 9000, layers: 60 }));
  const names = [0, 1, 30, 59].map((layer) => `blk.${layer}.attn_k.bias`);
  const facts = async (reading: Promise<GgufHeader>) => {
    const { tensors, ...header } = await reading;
    const { length, kinds, shards } = tensors;
    return { ...header, length, kinds, shards, found: names.map((name) => tensors.find(name)) };
  };
  const whole = await facts(readBytes(bytes));
  expect([whole.length, ...whole.found]).toEqual([182, ...whole.found.fill(whole.kinds[3])]);
  for (const chunkBytes of [65_543, 65_551, 100_003]) {
    expect(await facts(readBytes(bytes, bytes.length, readState(chunkBytes)))).toEqual(whole);
  }
  const slow = {
    ...memorySource(bytes),
    read: async (into: Uint8Array, at: number) => bytes.copy(into, 0, at, at + 977),
  };
  expect(await facts(readHeader(slow, readState()))).toEqual(whole);
});
