/** Whether a file can be heard or seen, by its first bytes and its kind. It decodes nothing and knows no engine. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MemoryGuardError } from '../core/errors.ts';

/** The chunks before a WAV's sound lie within so many bytes; a WAV that has more of them is left to the engine. */
const AUDIO_HEAD_BYTES = 4096;

/** The engine ends the process over a sound of one sample (an assertion in mtmd.cpp); nothing this short says anything. */
const MIN_SECONDS = 0.01;

/** First bytes of PNG, JPEG, BMP and the two kinds of GIF. */
const IMAGE_MARKS = ['89504e470d0a1a0a', 'ffd8ff', '424d', '474946383761', '474946383961'];
const IMAGE_HEAD_BYTES = 8;

interface FileHead {
  /** Absolute. */
  readonly path: string;
  readonly head: Buffer;
  readonly sizeBytes: number;
  /** The error that says what was found in the file instead of what was expected. */
  refusal(found: string): MemoryGuardError;
}

/** The absolute path of a WAV, MP3 or FLAC file; rejects with `ERR_INVALID_OPTION` for every other file. */
export async function checkAudioFile(path: string): Promise<string> {
  const file = await readHead(path, AUDIO_HEAD_BYTES, '`audio` to be a WAV, MP3 or FLAC file');
  const { head, sizeBytes } = file;
  if (!isAudio(head)) throw file.refusal(`the first bytes ${head.toString('hex', 0, 8)}`);
  const seconds = readWavSeconds(head, sizeBytes) ?? readFlacSeconds(head);
  if (seconds !== undefined && seconds < MIN_SECONDS) throw file.refusal(`only ${seconds} s of sound`);
  return file.path;
}

/** The absolute path of a PNG, JPEG, BMP or GIF file; rejects with `ERR_INVALID_OPTION` for every other file. */
export async function checkImageFile(path: string): Promise<string> {
  const file = await readHead(path, IMAGE_HEAD_BYTES, '`images` to be PNG, JPEG, BMP or GIF files');
  const hex = file.head.toString('hex');
  if (!IMAGE_MARKS.some((mark) => hex.startsWith(mark))) throw file.refusal(`the first bytes ${hex}`);
  return file.path;
}

/** The first bytes of a regular file that isn't empty; rejects with the refusal for everything else. */
async function readHead(path: string, bytes: number, expected: string): Promise<FileHead> {
  const absolute = resolve(path);
  const refusal = (found: string, options?: ErrorOptions) => {
    const message = `Expected ${expected}, got ${JSON.stringify(absolute)}: ${found}.`;
    return new MemoryGuardError('ERR_INVALID_OPTION', message, options);
  };
  // A named pipe without a writer would block an ordinary open.
  const file = await open(absolute, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((cause) => {
    throw refusal(cause.code === 'ENOENT' ? 'no file there' : `no way to read it (${cause.code})`, { cause });
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw refusal('no regular file');
    const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    if (bytesRead === 0) throw refusal('an empty file');
    return { path: absolute, head: buffer.subarray(0, bytesRead), sizeBytes: stats.size, refusal };
  } finally {
    await file.close();
  }
}

function isAudio(head: Buffer): boolean {
  const mark = head.toString('latin1', 0, 12);
  // An MPEG frame without an ID3 tag before it begins with eleven set bits and a layer that isn't 0.
  const mpeg = head.length >= 2 && head.readUInt16BE(0) >= 0xffe0 && (head.readUInt8(1) & 0x06) !== 0;
  return /^RIFF....WAVE/s.test(mark) || mark.startsWith('fLaC') || mark.startsWith('ID3') || mpeg;
}

/**
 * RIFF chunks: name, length as u32, bytes, padded to even. `fmt ` has the bytes per second at 8; `data` may claim more bytes than
 * the file has.
 */
function readWavSeconds(head: Buffer, fileBytes: number): number | undefined {
  if (!head.toString('latin1', 0, 4).startsWith('RIFF')) return undefined;
  let bytesPerSecond: number | undefined;
  for (let at = 12; at + 8 <= head.length; ) {
    const name = head.toString('latin1', at, at + 4);
    const length = head.readUInt32LE(at + 4);
    if (name === 'fmt ' && at + 20 <= head.length) bytesPerSecond = head.readUInt32LE(at + 16);
    if (name === 'data') return bytesPerSecond && Math.min(length, fileBytes - at - 8) / bytesPerSecond;
    at += 8 + length + (length % 2);
  }
  return undefined;
}

/** STREAMINFO comes first: at 18 the samples per second in 20 bits, then 8 bits, then the samples in 36 bits, 0 if unknown. */
function readFlacSeconds(head: Buffer): number | undefined {
  if (!head.toString('latin1', 0, 4).startsWith('fLaC') || head.length < 26) return undefined;
  const rate = head.readUIntBE(18, 3) >> 4;
  const samples = (head.readUInt8(21) & 0x0f) * 2 ** 32 + head.readUInt32BE(22);
  return rate > 0 && samples > 0 ? samples / rate : undefined;
}
