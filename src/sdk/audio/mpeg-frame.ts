/** The header of one MPEG audio frame, and the tag that the first frame of an MP3 may hold in place of sound. It knows no file. */

export interface MpegFrame {
  /** Samples of one channel. */
  readonly samples: number;
  readonly sampleRate: number;
  readonly channels: number;
  /** With its header; 0 in the free format, which names no length. */
  readonly bytes: number;
  /** Headers of one stream have the same kind: version, layer, rate, and whether it is the free format. */
  readonly kind: number;
  readonly paddingBytes: number;
}

/** What a tag says of the file. */
export interface MpegTag {
  /** Samples of one channel that it claims. */
  readonly samples: number;
  /** What the decoder leaves of them, which counts in 32 bits and takes off delay and padding. */
  readonly leftSamples: number;
}

/** kbit/s by the number in the header, from 1 to 14; by layer from III to I, for MPEG 1 and for the others. */
const BIT_RATES = {
  mpeg1: [
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  ],
  others: [
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  ],
} as const;
const SAMPLE_RATES = [44_100, 48_000, 32_000] as const;
const HEADER_BYTES = 4;
/** Samples that every decoder is late by. */
const DECODER_DELAY = 529;

/**
 * Four bytes: eleven set bits, version in 2 (0 is 2.5, 1 is none, 2 is 2, 3 is 1), layer in 2 (3 is I, 0 is none; version 2.5 has III only), 1 bit; bit rate in 4 (15 is
 * none), sample rate in 2 (3 is none), padding in 1, 1 bit; mode in 2 (3 is one channel), 6 bits. `undefined` if there is none at `at`.
 */
export function readMpegFrame(bytes: Buffer, at: number): MpegFrame | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes[at] !== 0xff) return undefined;
  const [second, third] = [bytes[at + 1]!, bytes[at + 2]!];
  const layer = (second >> 1) & 3;
  const [bitRate, rate] = [third >> 4, (third >> 2) & 3];
  const isVersion = second >= 0xf0 || (second & 0xfe) === 0xe2;
  if (!isVersion || layer === 0 || bitRate === 15 || rate === 3) return undefined;
  const isFirstVersion = (second & 8) !== 0;
  const sampleRate = SAMPLE_RATES[rate as 0 | 1 | 2] >> (isFirstVersion ? 0 : (second & 16) !== 0 ? 1 : 2);
  const samples = layer === 3 ? 384 : layer === 1 && !isFirstVersion ? 576 : 1152;
  const paddingBytes = (third & 2) === 0 ? 0 : layer === 3 ? 4 : 1;
  const kilobits = BIT_RATES[isFirstVersion ? 'mpeg1' : 'others'][layer - 1]![bitRate - 1] ?? 0;
  const length = Math.floor((samples * kilobits * 125) / sampleRate);
  const bodyBytes = layer === 3 ? length - (length % 4) : length;
  return {
    samples,
    sampleRate,
    channels: bytes[at + 3]! >= 0xc0 ? 1 : 2,
    bytes: bitRate === 0 ? 0 : bodyBytes + paddingBytes,
    kind: ((second & 0xfe) << 8) | (third & 0x0c) | (bitRate === 0 ? 1 : 0),
    paddingBytes,
  };
}

/**
 * Behind the side information of a frame of layer III: `Xing` or `Info`, flags u32; then, if their flags say so, the frames u32, the bytes
 * u32, 100 bytes, 4 bytes; and the encoder's name, behind which stand delay and padding in 12 bits each. `undefined` if the frame holds
 * none, or none that names the frames.
 */
export function readMpegTag(bytes: Buffer, at: number, frame: MpegFrame): MpegTag | undefined {
  const second = bytes[at + 1]!;
  if (((second >> 1) & 3) !== 1) return undefined;
  const isFirstVersion = (second & 8) !== 0;
  const sideBytes = isFirstVersion ? (frame.channels === 1 ? 17 : 32) : frame.channels === 1 ? 9 : 17;
  let from = at + HEADER_BYTES + ((second & 1) === 0 ? 2 : 0) + sideBytes;
  const name = bytes.toString('latin1', from, from + 4);
  if ((name !== 'Xing' && name !== 'Info') || from + 160 > bytes.length) return undefined;
  const flags = bytes[from + 7]!;
  const frames = bytes.readUInt32BE(from + 8);
  if ((flags & 1) === 0 || frames === 0xffffffff) return undefined;
  from += 12 + ((flags & 2) !== 0 ? 4 : 0) + ((flags & 4) !== 0 ? 100 : 0) + ((flags & 8) !== 0 ? 4 : 0);
  let leftSamples = Math.imul(frames, frame.samples) >>> 0;
  if (bytes[from] !== 0) {
    const both = bytes.readUIntBE(from + 21, 3);
    const delay = (both >> 12) + DECODER_DELAY;
    const padding = Math.max(0, (both & 0xfff) - DECODER_DELAY);
    if (leftSamples >= delay) leftSamples -= delay;
    if (leftSamples >= padding) leftSamples -= padding;
  }
  return { samples: frames * frame.samples, leftSamples };
}
