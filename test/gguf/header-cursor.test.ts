/** Numbers, texts and lengths through a buffer that is shorter than the header. */
import { describe, expect, test } from 'vitest';
import { HeaderCursor, MAX_HEADER_BYTES, takeBudget } from '../../src/gguf/header-cursor.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { string, u32, u64 } from '../support/gguf-writer.ts';
import { memorySource } from '../support/memory-source.ts';

const BUFFER_BYTES = 100;
const cursorOver = (bytes: Buffer, sizeBytes?: number) =>
  new HeaderCursor(memorySource(bytes, sizeBytes), Buffer.alloc(BUFFER_BYTES));

describe('a cursor', () => {
  test('reads numbers of 64 bits exactly up to 2^53 and rounded beyond', async () => {
    const cursor = cursorOver(Buffer.concat([u32(7), u64(2 ** 53), u64(2n ** 60n + 1n)]));
    await cursor.fill(20, 'numbers');
    expect([cursor.readU32(), cursor.readU64(), cursor.readU64()]).toEqual([7, 2 ** 53, 2 ** 60]);
    expect([cursor.position, cursor.holds(1)]).toEqual([20, false]);
  });

  test('keeps what was not read yet when it fills its buffer again', async () => {
    const cursor = cursorOver(Buffer.concat([Buffer.alloc(90), Buffer.from('a text of twenty bytes')]));
    await cursor.fill(BUFFER_BYTES, 'the first bytes');
    cursor.consume(90);
    await cursor.fill(22, 'a text');
    expect(cursor.readText(22)).toBe('a text of twenty bytes');
    expect(cursor.position).toBe(112);
  });

  test('shows bytes without moving over them', async () => {
    const cursor = cursorOver(Buffer.from('GGUF'));
    await cursor.fill(4, 'the mark');
    expect([cursor.peek(2).toString(), cursor.peek(99).toString(), cursor.position]).toEqual(['GG', 'GGUF', 0]);
  });

  test('moves over strings that are short, long, longer than the buffer and empty', async () => {
    const texts = ['a', 'x'.repeat(95), '', 'y'.repeat(1000), 'z'.repeat(101), ''];
    const cursor = cursorOver(Buffer.concat([...texts.map(string), u32(9)]));
    await cursor.skipStrings(texts.length, 'texts');
    await cursor.fill(4, 'what follows');
    expect(cursor.readU32()).toBe(9);
  });

  test('refuses to move beyond the end of the file, and names what it was for', async () => {
    const cursor = cursorOver(Buffer.concat([string('abc'), u64(50)]));
    expect(await expectRefusal(cursor.skipStrings(2, () => 'two texts'))).toMatch(
      /hold 58 bytes for two texts at offset 11, found its end after 8 bytes; the header is cut off/,
    );
    cursor.skip(8, 'the length');
    expect(() => cursor.skip(1, 'a byte')).toThrow(/1 bytes for a byte at offset 19/);
  });

  test('refuses a header that is longer than any', () => {
    const cursor = cursorOver(Buffer.alloc(8), 2 * MAX_HEADER_BYTES);
    cursor.requireInFile(MAX_HEADER_BYTES, 'as much as is allowed');
    expect(() => cursor.requireInFile(MAX_HEADER_BYTES + 1, 'too much')).toThrow(/a header of at most 134217728 bytes/);
  });

  test('brings in what there is if that is less than was asked for, and then says so', async () => {
    const cursor = cursorOver(Buffer.alloc(10));
    await cursor.fillUpTo(24, 'a description');
    cursor.requireInBuffer(10, 'all of it');
    expect(() => cursor.requireInBuffer(11, 'a description')).toThrow(/11 bytes for a description at offset 0/);
  });
});

test('a budget is taken from until too little would be left, and then not at all', () => {
  const budget = { leftBytes: 100 };
  expect([takeBudget(budget, 40), takeBudget(budget, 40, 30), takeBudget(budget, 30, 30)]).toEqual([true, false, true]);
  expect(budget.leftBytes).toBe(30);
});
