import { describe, expect, test } from 'vitest';
import { readMp3 } from '../../../src/sdk/audio/read-mp3.ts';
import { lookAtBytes } from '../../support/look-at-bytes.ts';
import { makeApeFoot, makeFlac, makeFrames, makeId3, makeTagFrame } from '../../support/sounds.ts';

const read = (...parts: readonly Buffer[]) => lookAtBytes(Buffer.concat(parts), readMp3);
const FRAME_SECONDS = 1152 / 44_100;
const id3v1 = Buffer.concat([Buffer.from('TAG'), Buffer.alloc(125)]);

describe('the length', () => {
  test('is that of the frames', async () => {
    const seconds = expect.closeTo(40 * FRAME_SECONDS);
    await expect(read(makeFrames())).resolves.toEqual({
      mostSeconds: seconds,
      leastSeconds: seconds,
      channels: 2,
      sampleRate: 44_100,
    });
  });

  test('counts frames of other bit rates, and those of a large file once', async () => {
    const some = makeFrames({ header: 'fffbe064', bytes: 1044, count: 500 });
    const { mostSeconds } = await read(makeFrames({ count: 1500 }), some);
    expect(mostSeconds).toBeCloseTo(2000 * FRAME_SECONDS);
  });

  test.each([
    ['a tag in front', [makeId3(1000), makeFrames()]],
    ['two tags in front', [makeId3(10), makeId3(5, { flags: 16 }), Buffer.alloc(10), makeFrames()]],
    ['a tag behind', [makeFrames(), id3v1]],
    ['two tags behind', [makeFrames(), Buffer.from('APETAGEX'), Buffer.alloc(200), makeApeFoot(208), id3v1]],
    [
      'bytes that are nothing between the frames',
      [makeFrames({ count: 20 }), Buffer.alloc(700, 0xf0), makeFrames({ count: 20 })],
    ],
  ])('leaves out %s', async (_what, parts: readonly Buffer[]) => {
    const { mostSeconds } = await read(...parts);
    // The last frame before such bytes has no follower, and the decoder leaves it out too.
    expect(mostSeconds / FRAME_SECONDS).toBeGreaterThan(38.9);
    expect(mostSeconds / FRAME_SECONDS).toBeLessThan(40.1);
  });

  test('is what a tag claims, if that is more', async () => {
    await expect(read(makeTagFrame(2 ** 20), makeFrames())).resolves.toMatchObject({
      mostSeconds: expect.closeTo(2 ** 20 * FRAME_SECONDS),
      leastSeconds: expect.closeTo(41 * FRAME_SECONDS),
    });
    await expect(read(makeTagFrame(39), makeFrames())).resolves.toMatchObject({
      mostSeconds: expect.closeTo(41 * FRAME_SECONDS),
      leastSeconds: expect.closeTo(39 * FRAME_SECONDS),
    });
  });

  test('is counted at the lowest rate, since the decoder counts all at that of its first frame', async () => {
    const slow = makeFrames({ header: 'ffe318c4', bytes: 72, count: 10 });
    await expect(read(slow, makeFrames({ count: 100 }))).resolves.toMatchObject({
      mostSeconds: expect.closeTo((9 * 576 + 100 * 1152) / 8000),
      sampleRate: 8000,
    });
  });
});

describe('a file is refused', () => {
  test.each<[string, readonly Buffer[], string]>([
    ['without frames', [Buffer.from('fffb9064', 'hex'), Buffer.alloc(1000)], 'no frames of an MP3'],
    ['with one frame in front of nothing', [makeFrames({ count: 1 }), Buffer.alloc(1000)], 'no frames of an MP3'],
    ['of the free format', [makeFrames({ header: 'fffb0064', bytes: 100 })], 'an MP3 of the free format'],
    [
      'of which a part has the free format, whose frames may be four bytes long',
      [makeFrames(), makeFrames({ header: 'fffd0064', bytes: 4, count: 3 }), makeFrames()],
      'an MP3 of the free format',
    ],
    ['that is a FLAC behind a tag', [makeId3(7), makeFlac()], 'a FLAC behind an ID3 tag'],
    [
      'whose tag is longer than it',
      [makeId3(20_000, { body: makeFrames() })],
      'an ID3 tag of 20000 bytes that the file does not have',
    ],
    [
      'whose tag behind is longer than it, over which an older decoder ends the process',
      [makeFrames(), makeApeFoot(0xf0000000), id3v1],
      'an APE tag of 4026531840 bytes that the file does not have',
    ],
    ['with a tag behind a tag behind a tag', Array.from({ length: 101 }, () => makeId3(0)), 'more than 100 ID3 tags'],
  ])('%s', async (_what, parts, found) => {
    await expect(read(...parts)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(new RegExp(`: ${found}; convert it\\.$`)),
    });
  });

  test('and one whose headers of the free format follow each other at other distances is not', async () => {
    const odd = Buffer.concat([3000, 4100, 2800].map((bytes) => makeFrames({ header: 'fffb0064', bytes, count: 1 })));
    await expect(read(makeFrames(), odd, makeFrames())).resolves.toMatchObject({ sampleRate: 44_100 });
  });
});
