/** Sound files byte by byte: WAV with any format, FLAC and MP3 whose frames decoders accept, and what headers may claim. */

export interface WavOptions {
  readonly rate?: number;
  readonly channels?: number;
  readonly bits?: number;
  /** 1 is PCM. */
  readonly tag?: number;
  readonly blockBytes?: number;
  /** What the chunk `data` says its length is. */
  readonly claimedBytes?: number;
  readonly data?: Buffer;
  /** Whether the format is the one with 40 bytes, in which the tag stands behind. */
  readonly extended?: boolean;
  /** Chunks before the format. */
  readonly before?: Buffer;
}

export function makeChunk(name: string, body: Buffer, length = body.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32LE(length, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}

/** One second unless `data` says otherwise. */
export function makeWav(options: WavOptions = {}): Buffer {
  const { rate = 16_000, channels = 1, bits = 16, tag = 1, extended = false } = options;
  const frameBytes = Math.ceil((channels * bits) / 8);
  const { data = Buffer.alloc(Math.min(rate * frameBytes, 2 ** 22)), before = Buffer.alloc(0) } = options;
  const format = Buffer.alloc(extended ? 40 : 16);
  format.writeUInt16LE(extended ? 0xfffe : tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE((rate * frameBytes) >>> 0, 8);
  format.writeUInt16LE(options.blockBytes ?? frameBytes, 12);
  format.writeUInt16LE(bits, 14);
  if (extended) {
    format.writeUInt16LE(22, 16);
    format.writeUInt16LE(tag, 24);
  }
  const body = Buffer.concat([before, makeChunk('fmt ', format), makeChunk('data', data, options.claimedBytes)]);
  return Buffer.concat([makeChunk('RIFF', Buffer.from('WAVE')).subarray(0, 12), body]);
}

export interface FlacOptions {
  readonly rate?: number;
  readonly channels?: number;
  readonly bits?: number;
  readonly samples?: number;
  /** Blocks behind STREAMINFO, of which the last must say so. */
  readonly blocks?: Buffer;
}

/** A mark and STREAMINFO; the sound behind it is of no concern here. */
export function makeFlac({
  rate = 16_000,
  channels = 1,
  bits = 16,
  samples = 16_000,
  blocks,
}: FlacOptions = {}): Buffer {
  const head = Buffer.alloc(42);
  head.write('fLaC');
  head.writeUInt32BE(blocks === undefined ? 0x80000022 : 0x00000022, 4);
  const facts = (BigInt(rate) << 44n) | (BigInt(channels - 1) << 41n) | (BigInt(bits - 1) << 36n) | BigInt(samples);
  head.writeBigUInt64BE(facts, 18);
  return blocks === undefined ? head : Buffer.concat([head, blocks]);
}

export interface FrameOptions {
  /** MPEG 1, layer III, 128 kbit/s, 44.1 kHz, two channels. */
  readonly header?: string;
  readonly bytes?: number;
  readonly count?: number;
}

/** Frames of silence: 1152 samples and 417 bytes each. */
export function makeFrames({ header = 'fffb9064', bytes = 417, count = 40 }: FrameOptions = {}): Buffer {
  const frame = Buffer.alloc(bytes);
  Buffer.from(header, 'hex').copy(frame);
  return Buffer.concat(Array.from({ length: count }, () => frame));
}

/** The frame in which encoders say how many follow, and what to take off at both ends. */
export function makeTagFrame(frames: number, trim?: { readonly delay: number; readonly padding: number }): Buffer {
  const frame = makeFrames({ count: 1 });
  frame.write('Xing', 36);
  frame.writeUInt32BE(1, 40);
  frame.writeUInt32BE(frames, 44);
  if (trim !== undefined) {
    frame.write('LAME3.100', 48);
    frame.writeUIntBE((trim.delay << 12) | trim.padding, 69, 3);
  }
  return frame;
}

export function makeId3(length: number, options: { readonly body?: Buffer; readonly flags?: number } = {}): Buffer {
  const { body = Buffer.alloc(length), flags = 0 } = options;
  const bits = [21, 14, 7, 0].map((shift) => (length >> shift) & 0x7f);
  return Buffer.concat([Buffer.from('ID3'), Buffer.from([4, 0, flags, ...bits]), body]);
}

/** A tag's last 32 bytes. */
export function makeApeFoot(length: number): Buffer {
  const foot = Buffer.alloc(32);
  foot.write('APETAGEX');
  foot.writeUInt32LE(length, 24);
  return foot;
}
