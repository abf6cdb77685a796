import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkAudioFile, checkImageFile } from '../../src/sdk/media-file.ts';
import { createRandom } from '../../tools/random.mjs';
import { writeTone } from '../../tools/synthetic-model.mjs';
import { makeFlac, makeFrames, makeId3, makeTagFrame, makeWav } from '../support/sounds.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-audio-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function wav(seconds: number): Buffer {
  const path = join(folder, 'made.wav');
  writeTone(path, seconds);
  return readFileSync(path);
}

describe('checkAudioFile', () => {
  test.each([
    ['a WAV', () => wav(0.5), 0.5],
    ['a WAV that is cut off', () => wav(0.5).subarray(0, 5044), 2500 / 16_000],
    ['a WAV of a hundredth of a second', () => wav(0.01), 0.01],
    ['a WAV of 32 channels', () => makeWav({ channels: 32 }), 1],
    ['a WAV of 1,000 Hz', () => makeWav({ rate: 1000 }), 1],
    ['a WAV of 384,000 Hz', () => makeWav({ rate: 384_000, bits: 8 }), 1],
    ['an MP3 with a tag', () => Buffer.concat([makeId3(100), makeFrames()]), (40 * 1152) / 44_100],
    ['an MP3 without a tag', () => makeFrames(), (40 * 1152) / 44_100],
    ['a FLAC', () => makeFlac(), 1],
    ['a FLAC of 8 channels', () => makeFlac({ channels: 8 }), 1],
  ])('accepts %s', async (_what, content, seconds) => {
    const path = file('heard', content());
    await expect(checkAudioFile(path)).resolves.toEqual({ path, seconds });
  });

  test('answers with an absolute path', async () => {
    const path = file('heard.wav', wav(0.1));
    await expect(checkAudioFile(relative(process.cwd(), path))).resolves.toMatchObject({ path });
  });

  test.each([
    ['text', () => Buffer.from('hello world'), 'the first bytes 68656c6c6f20776f'],
    ['another RIFF', () => Buffer.from('RIFF\x10\x00\x00\x00AVI LIST', 'latin1'), 'the first bytes 52494646'],
    ['set bits that are no MPEG frame', () => Buffer.alloc(100, 0xf9), 'the first bytes f9f9'],
    ['one byte', () => Buffer.from([0xff]), 'the first bytes ff'],
    ['a WAV of one sample, over which the engine ends the process', () => wav(1 / 16_000), 'only 0.0000625 s of sound'],
    ['a WAV without a sample', () => wav(0), 'only 0 s of sound'],
    ['a WAV that ends with its header', () => wav(1).subarray(0, 44), 'only 0 s of sound'],
    ['a FLAC of one sample', () => makeFlac({ samples: 1 }), 'only 0.0000625 s of sound'],
    [
      'an MP3 of which a tag leaves one sample',
      () => Buffer.concat([makeTagFrame(1, { delay: 600, padding: 551 }), makeFrames()]),
      'only 0.0000227 s of sound',
    ],
  ])('refuses %s', async (_what, content, found) => {
    const path = file('unheard', content());
    await expect(checkAudioFile(path)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(
        new RegExp(
          `^Expected \`audio\` to be a WAV, MP3 or FLAC file, got ${JSON.stringify(path)}: ${found}.*; convert it to a WAV`,
        ),
      ),
    });
  });

  test.each([
    ['33 channels', () => makeWav({ channels: 33 }), '`audio` to have 1 to 32 channels', '33'],
    ['999 Hz', () => makeWav({ rate: 999 }), '`audio` to have 1000 to 384000 samples per second', '999'],
    ['384,001 Hz', () => makeFlac({ rate: 384_001 }), '`audio` to have 1000 to 384000 samples per second', '384001'],
  ])('refuses %s', async (_what, content, expected, found) => {
    const path = file('unheard', content());
    await expect(checkAudioFile(path)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: `Expected ${expected}, got ${JSON.stringify(path)}: ${found}; convert it to a WAV, for example with one channel at 16,000 Hz.`,
    });
  });

  test('refuses a file that would fill the memory, although it is empty on the disk', async () => {
    const path = file('large', wav(1));
    truncateSync(path, 256 * 2 ** 20);
    await expect(checkAudioFile(path)).resolves.toMatchObject({ seconds: 1 });
    truncateSync(path, 256 * 2 ** 20 + 1);
    await expect(checkAudioFile(path)).rejects.toThrow('Expected `audio` to have 256 MiB at most, got');
    truncateSync(path, 0);
    await expect(checkAudioFile(path)).rejects.toThrow('large": an empty file.');
  });

  test('refuses what is no file, without waiting for it', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    mkdirSync(join(folder, 'sub'));
    for (const path of [pipe, join(folder, 'sub')]) {
      await expect(checkAudioFile(path)).rejects.toThrow(`got ${JSON.stringify(path)}: no regular file`);
    }
    await expect(checkAudioFile(join(folder, 'gone.wav'))).rejects.toThrow('gone.wav": no file there.');
    await expect(checkAudioFile(join(folder, 'heard', 'x.wav'))).rejects.toThrow('no way to read it (ENOTDIR)');
  });

  test('has an answer or its own error for every damaged head', async () => {
    const random = createRandom(20);
    const heads = [
      makeWav({ data: Buffer.alloc(200), before: Buffer.from('LIST\x04\0\0\0abcd', 'latin1') }),
      makeWav({ data: Buffer.alloc(200), extended: true, tag: 3, bits: 32 }),
      makeWav({ data: Buffer.alloc(200), tag: 2, bits: 4, blockBytes: 64 }),
      makeFlac({ blocks: Buffer.from('\x01\0\0\x04abcd\x84\0\0\0', 'latin1') }),
      Buffer.concat([makeId3(20), makeTagFrame(9, { delay: 600, padding: 600 }), makeFrames({ count: 2 })]),
    ];
    const answers = { accepted: 0, refused: 0 };
    for (let round = 0; round < 1000; round++) {
      const damaged = Buffer.from(heads[round % heads.length]!);
      for (let change = 0; change <= round % 4; change++) {
        const at = Math.floor(random() * Math.min(80, damaged.length));
        damaged[at] = [0, 0xff, 0x80, Math.floor(random() * 256)][Math.floor(random() * 4)]!;
      }
      const path = file('damaged', damaged.subarray(0, round % 7 === 0 ? Math.floor(random() * 80) + 1 : undefined));
      await checkAudioFile(path).then(
        ({ seconds }) => {
          expect(seconds).toBeGreaterThanOrEqual(0.01);
          answers.accepted++;
        },
        (error) => {
          expect(error).toMatchObject({
            code: 'ERR_INVALID_OPTION',
            message: expect.stringMatching(/^Expected `audio` to .*\.$/),
          });
          answers.refused++;
        },
      );
    }
    expect(answers.accepted).toBeGreaterThan(100);
    expect(answers.refused).toBeGreaterThan(100);
  });
});

describe('checkImageFile', () => {
  test.each([
    ['a PNG', '89504e470d0a1a0a0000000d49484452000000280000001e0802'],
    ['a JPEG', 'ffd8ffe000044a46ffc00011080028001e03'],
    [
      'a progressive JPEG, with fill bytes, a table and a restart before its frame',
      'ffd8ffffd0ffc400030affc20011080028001e03',
    ],
    ['a BMP', '424d36000000000000003600000028000000280000001e000000'],
    ['a BMP from the top', '424d3600000000000000360000002800000028000000e2ffffff'],
    ['a BMP of old', '424d3600000000000000360000000c00000028001e0001001800'],
    ['a GIF of 1987', '47494638376128001e00'],
    ['a GIF of 1989', '47494638396128001e00'],
  ])('accepts %s of 40 × 30, and not where less is allowed', async (_what, hex) => {
    const path = file('seen', Buffer.from(hex, 'hex'));
    await expect(checkImageFile(path, 1200)).resolves.toBe(path);
    await expect(checkImageFile(relative(process.cwd(), path), 1200)).resolves.toBe(path);
    await expect(checkImageFile(path, 1199)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(
        /^Expected `images` to have 1199 pixels at most, got ".*seen": (40 × 30|30 × 40); make it smaller, or load the model with a larger `maxImagePixels`\.$/,
      ),
    });
  });

  test.each([
    ['a PNG that is cut off', '89504e470d0a1a0a0000'],
    ['a PNG without a width', '89504e470d0a1a0a0000000d49484452000000000000001e0802'],
    ['a JPEG that ends before its frame', 'ffd8ffe000044a46'],
    ['a JPEG of segments that lead nowhere', 'ffd8ffe000044a460000000000000000'],
    ['a JPEG of markers alone', `ffd8${'ff'.repeat(8192)}`],
    ['a BMP that is cut off', '424d36000000000000'],
    ['a GIF that is cut off', '474946383961'],
  ])('refuses %s', async (_what, hex) => {
    await expect(checkImageFile(file('unsized', Buffer.from(hex, 'hex')), 1200)).rejects.toThrow(
      'no width and height in its header; convert it to PNG.',
    );
  });

  test.each([
    ['a WAV', () => wav(0.1), 'the first bytes 52494646'],
    ['a GIF of another year', () => Buffer.from('GIF88a'), 'the first bytes 474946383861'],
    [
      'a PNG that is cut off in its mark',
      () => Buffer.from('89504e47', 'hex'),
      'the first bytes 89504e47; convert it to PNG.',
    ],
    ['an empty file', () => Buffer.alloc(0), 'an empty file'],
  ])('refuses %s', async (_what, content, found) => {
    const path = file('unseen', content());
    await expect(checkImageFile(path, 1200)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining(
        `Expected \`images\` to be PNG, JPEG, BMP or GIF files, got ${JSON.stringify(path)}: ${found}`,
      ),
    });
  });
});
