import { describe, expect, test } from 'vitest';
import { readWav } from '../../../src/sdk/audio/read-wav.ts';
import { lookAtBytes } from '../../support/look-at-bytes.ts';
import { makeChunk, makeWav } from '../../support/sounds.ts';

const read = (content: Buffer) => lookAtBytes(content, readWav);
const seconds = async (content: Buffer) => (await read(content)).mostSeconds;

test('tells seconds, channels and rate', async () => {
  await expect(read(makeWav({ rate: 8000, channels: 2 }))).resolves.toEqual({
    mostSeconds: 1,
    leastSeconds: 1,
    channels: 2,
    sampleRate: 8000,
  });
});

describe('the length', () => {
  test.each([0, 1, 0x7fffffff, 0xffffffff])('is what the file has if it claims %d bytes', async (claimedBytes) => {
    const data = Buffer.alloc(3200);
    expect(await seconds(makeWav({ data, claimedBytes }))).toBe(Math.floor(Math.min(claimedBytes, 3200) / 2) / 16_000);
  });

  test('follows the bits and not the bytes per second or the block, which may lie', async () => {
    const lying = makeWav({ blockBytes: 999 });
    lying.writeUInt32LE(1, 28);
    expect(await seconds(lying)).toBe(1);
  });

  test('follows the block if the bits fill no whole bytes', async () => {
    expect(await seconds(makeWav({ bits: 12, blockBytes: 2, data: Buffer.alloc(32_000) }))).toBe(1);
  });

  test.each([
    [2, 256, 30_000, ((30_000 - 118 * 6) * 2) / 16_000],
    [17, 256, 30_000, ((30_000 - 118 * 4) * 2 + 118) / 16_000],
  ])('is that of the decoder for ADPCM (format %d)', async (tag, blockBytes, bytes, expected) => {
    expect(await seconds(makeWav({ tag, bits: 4, blockBytes, data: Buffer.alloc(bytes) }))).toBe(expected);
  });
});

describe('chunks', () => {
  const sound = (before: Buffer) => makeWav({ before });

  test('may stand before the format, also those of an odd length and of many kilobytes', async () => {
    expect(await seconds(sound(makeChunk('LIST', Buffer.alloc(9001))))).toBe(1);
    expect(
      await seconds(sound(Buffer.concat(Array.from({ length: 900 }, () => makeChunk('junk', Buffer.alloc(1)))))),
    ).toBe(1);
  });

  test('are a thousand at most', async () => {
    const many = Buffer.concat(Array.from({ length: 1000 }, () => makeChunk('junk', Buffer.alloc(0))));
    await expect(read(sound(many))).rejects.toThrow('a WAV whose sound lies behind 1000 chunks; convert it.');
  });

  test('the last format counts', async () => {
    const format = makeWav({ rate: 999 }).subarray(12, 36);
    expect(await seconds(sound(format))).toBe(1);
  });

  test.each([
    ['no sound', makeWav().subarray(0, 36), 'a WAV without sound'],
    ['a chunk that leads behind the end', sound(makeChunk('LIST', Buffer.alloc(2), 2 ** 31)), 'a WAV without sound'],
    [
      'a sound before its format',
      sound(makeChunk('data', Buffer.alloc(8))),
      'a WAV that names no format before its sound',
    ],
    ['a format of 8 bytes', sound(makeChunk('fmt ', Buffer.alloc(8))), 'a format of 8 bytes'],
  ])('with %s are refused', async (_what, content, found) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining(`: ${found}; convert it.`),
    });
  });
});

describe('a format', () => {
  test.each([
    { bits: 8 },
    { bits: 16 },
    { bits: 24 },
    { bits: 32 },
    { bits: 64 },
    { bits: 20, blockBytes: 3 },
    { tag: 3, bits: 32 },
    { tag: 3, bits: 64 },
    { tag: 6, bits: 8 },
    { tag: 7, bits: 8 },
    { tag: 1, extended: true },
    { tag: 3, bits: 32, extended: true },
    { tag: 2, bits: 4, channels: 2, blockBytes: 64 },
  ])('is known: %j', async (options) => {
    await expect(read(makeWav(options))).resolves.toMatchObject({ sampleRate: 16_000 });
  });

  const UNKNOWN = 'Expected `audio` to be PCM, floating point, A-law, µ-law or ADPCM if it is a WAV, got';
  test.each([
    [{ tag: 85 }, UNKNOWN, 'the format 85'],
    [{ tag: 0 }, UNKNOWN, 'the format 0'],
    [{ tag: 85, extended: true }, UNKNOWN, 'the format 85'],
    [{ tag: 0xfffe }, UNKNOWN, 'the format 65534'],
    [{ bits: 0, blockBytes: 2 }, 'Expected', 'samples of 0 bits'],
    [{ bits: 72 }, 'Expected', 'samples of 72 bits'],
    [{ bits: 12, blockBytes: 9 }, 'Expected', 'samples of 12 bits in blocks of 9 bytes'],
    [{ bits: 12, channels: 2, blockBytes: 3 }, 'Expected', 'samples of 12 bits in blocks of 3 bytes'],
    [{ tag: 3, bits: 16 }, 'Expected', 'samples of 16 bits in blocks of 2 bytes (format 3)'],
    [{ tag: 6, bits: 16 }, 'Expected', 'samples of 16 bits'],
    [
      { tag: 2, bits: 4, channels: 3, blockBytes: 64 },
      'Expected',
      'samples of 4 bits in blocks of 64 bytes (format 2)',
    ],
    [{ tag: 2, bits: 4, blockBytes: 1, data: Buffer.alloc(3000) }, 'Expected', '3000 blocks of ADPCM in 3000 bytes'],
    [{ tag: 17, bits: 4, blockBytes: 1, data: Buffer.alloc(3000) }, 'Expected', '3000 blocks of ADPCM in 3000 bytes'],
    [{ channels: 0 }, 'Expected', 'a format with 0 channels'],
    [{ rate: 0 }, 'Expected', 'a format with 1 channels, 0 Hz'],
    [{ blockBytes: 0 }, 'Expected', 'a format with 1 channels, 16000 Hz and blocks of 0 bytes'],
  ])('is refused: %j', async (options, expected, found) => {
    const { message } = await read(makeWav(options)).catch((error) => error);
    expect(message).toContain(expected);
    expect(message).toContain(`: ${found}`);
  });
});
