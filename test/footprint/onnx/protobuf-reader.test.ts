import { expect, it } from 'vitest';
import { type ProtobufReader, runWalk, type Walk } from '../../../src/footprint/onnx/protobuf-reader.ts';

const walk = <T>(bytes: readonly number[], steps: (reader: ProtobufReader) => Walk<T>, sizeBytes = bytes.length) =>
  runWalk(
    {
      path: 'p',
      sizeBytes,
      // One byte at a time, as a slow disk may.
      async read(into, position) {
        if (position >= bytes.length) return 0;
        into[0] = bytes[position]!;
        return 1;
      },
    },
    steps,
  );

it('reads numbers of each length, and negative ones', async () => {
  const number = (bytes: readonly number[]) => walk(bytes, (reader) => reader.number(bytes.length));
  expect(await number([5])).toBe(5);
  expect(await number([0xac, 0x02])).toBe(300);
  expect(await number([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])).toBe(-1);
  await expect(number([0x80])).rejects.toThrow(/the end of its message/);
});

it('passes over fields of every kind without reading them', async () => {
  const bytes = [0x08, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 2, 9, 9, 0x25, 1, 2, 3, 4];
  const lengths = await walk(bytes, function* (reader) {
    const found: number[] = [];
    while (yield* reader.next(bytes.length)) found.push(yield* reader.skip(bytes.length));
    return found;
  });
  expect(lengths).toEqual([1, 8, 3, 4]);
});

it('leaves out a text that is longer than allowed', async () => {
  const bytes = [0x0a, 3, 97, 98, 99];
  const text = (most: number) =>
    walk(bytes, function* (reader) {
      yield* reader.next(bytes.length);
      return yield* reader.text(bytes.length, most);
    });
  expect(await text(3)).toBe('abc');
  expect(await text(2)).toBeUndefined();
});

it('refuses a file that ends before it says', async () => {
  await expect(
    walk([0x08], (reader) => reader.number(9), 9).then(() => walk([], (reader) => reader.number(9), 9)),
  ).rejects.toThrow(/the end of the file/);
});
