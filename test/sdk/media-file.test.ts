import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkAudioFile, checkImageFile } from '../../src/sdk/media-file.ts';
import { writeTone } from '../../tools/synthetic-model.mjs';

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

/** A FLAC's mark and STREAMINFO: 16 kHz and this many samples. */
function flac(samples: number): Buffer {
  const head = Buffer.alloc(42);
  head.write('fLaC');
  head.writeUInt32BE(0x80000022, 4);
  head.writeUIntBE((16_000 << 4) | 0, 18, 3);
  head.writeUInt32BE(samples, 22);
  return head;
}

describe('checkAudioFile', () => {
  test.each([
    ['a WAV', () => wav(0.5)],
    ['a WAV that is cut off', () => wav(0.5).subarray(0, 5001)],
    [
      'a WAV whose sound lies behind what is looked at',
      () => Buffer.concat([riff(['LIST', 8000]), Buffer.alloc(9000)]),
    ],
    ['an MP3 with a tag', () => Buffer.from('ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00', 'latin1')],
    ['an MP3 without a tag', () => Buffer.from('fffb9064000f', 'hex')],
    ['a FLAC', () => flac(16_000)],
    ['a FLAC that does not say how long it is', () => flac(0)],
  ])('accepts %s', async (_what, content) => {
    const path = file('heard', content());
    await expect(checkAudioFile(path)).resolves.toBe(path);
  });

  test('answers with an absolute path', async () => {
    const path = file('heard.wav', wav(0.1));
    await expect(checkAudioFile(relative(process.cwd(), path))).resolves.toBe(path);
  });

  test.each([
    ['text', () => Buffer.from('hello world'), 'the first bytes 68656c6c6f20776f'],
    ['another RIFF', () => Buffer.from('RIFF\x10\x00\x00\x00AVI LIST', 'latin1'), 'the first bytes 52494646'],
    ['set bits that are no MPEG frame', () => Buffer.alloc(100, 0xf9), 'the first bytes f9f9'],
    ['one byte', () => Buffer.from([0xff]), 'the first bytes ff'],
    ['an empty file', () => Buffer.alloc(0), 'an empty file'],
    ['a WAV of one sample, over which the engine ends the process', () => wav(1 / 16_000), 'only 0.0000625 s of sound'],
    ['a WAV without a sample', () => wav(0), 'only 0 s of sound'],
    ['a WAV that ends with its header', () => wav(1).subarray(0, 44), 'only 0 s of sound'],
    ['a FLAC of one sample', () => flac(1), 'only 0.0000625 s of sound'],
  ])('refuses %s', async (_what, content, found) => {
    const path = file('unheard', content());
    await expect(checkAudioFile(path)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining(
        `Expected \`audio\` to be a WAV, MP3 or FLAC file, got ${JSON.stringify(path)}: ${found}`,
      ),
    });
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
});

describe('checkImageFile', () => {
  test.each([
    ['a PNG', '89504e470d0a1a0a0000'],
    ['a JPEG', 'ffd8ffe000104a464946'],
    ['a BMP', '424d3600000000000000'],
    ['a GIF of 1987', '47494638376101000100'],
    ['a GIF of 1989', '47494638396101000100'],
    ['one byte more than its mark', 'ffd8ff00'],
  ])('accepts %s', async (_what, hex) => {
    const path = file('seen', Buffer.from(hex, 'hex'));
    await expect(checkImageFile(path)).resolves.toBe(path);
    await expect(checkImageFile(relative(process.cwd(), path))).resolves.toBe(path);
  });

  test.each([
    ['a WAV', () => wav(0.1), 'the first bytes 52494646'],
    ['a GIF of another year', () => Buffer.from('GIF88a'), 'the first bytes 474946383861'],
    ['a PNG that is cut off in its mark', () => Buffer.from('89504e47', 'hex'), 'the first bytes 89504e47.'],
    ['an empty file', () => Buffer.alloc(0), 'an empty file'],
  ])('refuses %s', async (_what, content, found) => {
    const path = file('unseen', content());
    await expect(checkImageFile(path)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining(
        `Expected \`images\` to be PNG, JPEG, BMP or GIF files, got ${JSON.stringify(path)}: ${found}`,
      ),
    });
  });
});

function riff([name, length]: [string, number]): Buffer {
  const head = Buffer.alloc(20);
  head.write('RIFF', 0, 'latin1');
  head.write('WAVE', 8, 'latin1');
  head.write(name, 12, 'latin1');
  head.writeUInt32LE(length, 16);
  return head;
}
