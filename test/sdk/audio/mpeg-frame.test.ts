import { describe, expect, test } from 'vitest';
import { readMpegFrame, readMpegTag } from '../../../src/sdk/audio/mpeg-frame.ts';
import { makeFrames, makeTagFrame } from '../../support/sounds.ts';

const readHeader = (hex: string) => readMpegFrame(Buffer.from(hex, 'hex'), 0);

describe('the header of a frame', () => {
  test.each([
    ['fffb9064', 'MPEG 1, layer III, 128 kbit/s, 44.1 kHz', 1152, 44_100, 417],
    ['fffb9264', 'the same, padded', 1152, 44_100, 418],
    ['fffbe464', 'MPEG 1, layer III, 320 kbit/s, 48 kHz', 1152, 48_000, 960],
    ['fff390c4', 'MPEG 2, layer III, 80 kbit/s, 22.05 kHz, one channel', 576, 22_050, 261],
    ['ffe318c4', 'MPEG 2.5, layer III, 8 kbit/s, 8 kHz, one channel', 576, 8000, 72],
    ['fffdc464', 'MPEG 1, layer II, 256 kbit/s, 48 kHz', 1152, 48_000, 768],
    ['fff5e864', 'MPEG 2, layer II, 160 kbit/s, 16 kHz', 1152, 16_000, 1440],
    ['ffff9064', 'MPEG 1, layer I, 288 kbit/s, 44.1 kHz', 384, 44_100, 312],
    ['ffff9264', 'the same, padded', 384, 44_100, 316],
    ['fffb0064', 'the free format', 1152, 44_100, 0],
  ])('%s is %s', (hex, _what, samples, sampleRate, bytes) => {
    expect(readHeader(hex)).toMatchObject({ samples, sampleRate, bytes });
  });

  test('tells one channel from two', () => {
    expect([readHeader('fffb9064')?.channels, readHeader('fffb90c4')?.channels]).toEqual([2, 1]);
  });

  test.each([
    ['other bit rates, modes and paddings are of one kind', 'fffb9064', 'fffbe2c4', true],
    ['so are frames with a checksum', 'fffb9064', 'fffa9064', true],
    ['another rate is not', 'fffb9064', 'fffb9464', false],
    ['another layer is not', 'fffb9064', 'fffd9064', false],
    ['another version is not', 'fffb9064', 'fff39064', false],
    ['the free format is not', 'fffb9064', 'fffb0064', false],
  ])('%s', (_what, one, other, same) => {
    expect(readHeader(one)?.kind === readHeader(other)?.kind).toBe(same);
  });

  test.each([
    ['7ffb9064', 'no set bits'],
    ['ffdb9064', 'a bit that is not set'],
    ['ffe59064', 'MPEG 2.5 has layer III only'],
    ['ffeb9064', 'no version'],
    ['fff99064', 'no layer'],
    ['fffbf064', 'no bit rate'],
    ['fffb9c64', 'no rate'],
    ['fffb90', 'three bytes'],
  ])('%s is none: %s', (hex) => {
    expect(readHeader(hex)).toBeUndefined();
  });
});

describe('the tag of a first frame', () => {
  const readTag = (frame: Buffer) => readMpegTag(frame, 0, readMpegFrame(frame, 0)!);

  test('claims frames', () => {
    expect(readTag(makeTagFrame(1000))).toEqual({ samples: 1_152_000, leftSamples: 1_152_000 });
  });

  test('takes off delay and padding, and what every decoder is late by', () => {
    expect(readTag(makeTagFrame(1000, { delay: 576, padding: 1000 }))).toEqual({
      samples: 1_152_000,
      leftSamples: 1_152_000 - 576 - 529 - (1000 - 529),
    });
  });

  test('takes off nothing that is not there', () => {
    expect(readTag(makeTagFrame(1, { delay: 4095, padding: 0 }))?.leftSamples).toBe(1152);
  });

  test('is counted in 32 bits by the decoder', () => {
    expect(readTag(makeTagFrame(2 ** 25))).toEqual({ samples: 2 ** 25 * 1152, leftSamples: 0 });
  });

  test('stands behind a checksum and less side information in one channel', () => {
    const mono = makeFrames({ header: 'fffa90c4', count: 1 });
    makeTagFrame(7).copy(mono, 4 + 2 + 17, 36, 48);
    expect(readTag(mono)?.samples).toBe(7 * 1152);
  });

  test.each([
    ['sound', makeFrames({ count: 1 })],
    ['no number of frames', flags(makeTagFrame(9), 0)],
    ['a number that stands for none', makeTagFrame(0xffffffff)],
    ['layer II', Buffer.concat([Buffer.from('fffd9064', 'hex'), makeTagFrame(9).subarray(4)])],
    ['bytes that are cut off', makeTagFrame(9).subarray(0, 100)],
  ])('is none: %s', (_what, frame) => {
    expect(readTag(frame)).toBeUndefined();
  });
});

function flags(frame: Buffer, value: number): Buffer {
  frame.writeUInt32BE(value, 40);
  return frame;
}
