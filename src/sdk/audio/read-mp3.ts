/** How long an MP3 is at most, by its frames, as the engine's decoder finds them (dr_mp3 in miniaudio). It decodes nothing. */
import { type MpegFrame, readMpegFrame, readMpegTag } from './mpeg-frame.ts';
import type { OpenedFile } from './opened-file.ts';
import type { Sound } from './sound.ts';

/** Bytes that are looked at in one go. */
const PIECE_BYTES = 2 ** 18;
/** The longest frame has 1729 bytes (MPEG 1, layer II, 384 kbit/s at 32 kHz); the tag in one ends before byte 200. */
const OVERLAP_BYTES = 4096;
/** The decoder looks so far for the next header of the free format, which names no length. */
const FREE_FORMAT_BYTES = 2304;
/** Random bytes look like such a header once in 110,000 bytes, so the largest file that is accepted has 2,500. */
const MAX_FREE_FORMAT_HEADERS = 10_000;
const MAX_TAGS = 100;

/**
 * Every header counts that is followed by one of the same kind, wherever it stands. The decoder takes no other, so this is a bound in a
 * damaged file too; in a sound one it is exact. A tag in a frame claims a number of frames, and the decoder believes it.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for a file in which the decoder finds nothing, or something whose length is not known.
 */
export async function readMp3(file: OpenedFile): Promise<Sound> {
  await refuseTagsInFront(file);
  await refuseTagBehind(file);
  const frames = new Frames(file);
  for (let at = 0; at < file.sizeBytes; at += PIECE_BYTES) {
    const piece = await file.read(at, PIECE_BYTES + OVERLAP_BYTES);
    frames.add(piece, at + piece.length >= file.sizeBytes);
  }
  return frames.sum();
}

class Frames {
  readonly #file: OpenedFile;
  #samples = 0;
  #claimedSamples = 0;
  #leastSamples = Number.POSITIVE_INFINITY;
  #lowestRate = Number.POSITIVE_INFINITY;
  #channels = 1;
  #freeFormatHeaders = 0;

  constructor(file: OpenedFile) {
    this.#file = file;
  }

  add(piece: Buffer, isLast: boolean): void {
    const end = isLast ? piece.length : PIECE_BYTES;
    for (let at = piece.indexOf(0xff); at !== -1 && at < end; at = piece.indexOf(0xff, at + 1)) {
      const frame = readMpegFrame(piece, at);
      if (frame === undefined) continue;
      if (frame.bytes === 0) this.#refuseFreeFormat(piece, at, frame, isLast);
      else if (isFollowed(piece, at, frame, isLast)) this.#count(piece, at, frame);
    }
  }

  /** The decoder counts the samples of all frames at the rate of its first one. */
  sum(): Sound {
    if (this.#samples === 0) throw this.#file.refusal('no frames of an MP3');
    const sampleRate = this.#lowestRate;
    return {
      mostSeconds: Math.max(this.#samples, this.#claimedSamples) / sampleRate,
      leastSeconds: Math.min(this.#samples, this.#leastSamples) / sampleRate,
      channels: this.#channels,
      sampleRate,
    };
  }

  #count(piece: Buffer, at: number, frame: MpegFrame): void {
    this.#samples += frame.samples;
    this.#lowestRate = Math.min(this.#lowestRate, frame.sampleRate);
    this.#channels = Math.max(this.#channels, frame.channels);
    const tag = readMpegTag(piece, at, frame);
    if (tag === undefined) return;
    this.#claimedSamples = Math.max(this.#claimedSamples, tag.samples);
    this.#leastSamples = Math.min(this.#leastSamples, tag.leftSamples);
  }

  /** The decoder takes the free format if three headers follow each other at the same distance. */
  #refuseFreeFormat(piece: Buffer, at: number, first: MpegFrame, isLast: boolean): void {
    this.#freeFormatHeaders++;
    for (let distance = 4; distance < FREE_FORMAT_BYTES; distance++) {
      const second = readMpegFrame(piece, at + distance);
      if (second?.kind !== first.kind) continue;
      const third = at + 2 * distance - first.paddingBytes + second.paddingBytes;
      if (readMpegFrame(piece, third)?.kind === first.kind || (isLast && third + 4 > piece.length)) {
        throw this.#file.refusal('an MP3 of the free format');
      }
    }
    if (this.#freeFormatHeaders > MAX_FREE_FORMAT_HEADERS) throw this.#file.refusal('an MP3 of the free format');
  }
}

/** By a header of its kind, by the end, or by a tag, which the decoder takes off the end. */
function isFollowed(piece: Buffer, at: number, frame: MpegFrame, isLast: boolean): boolean {
  const next = at + frame.bytes;
  if (readMpegFrame(piece, next)?.kind === frame.kind) return true;
  if (isLast && next <= piece.length && next + 4 > piece.length) return true;
  return /^(TAG|APE)$/.test(piece.toString('latin1', next, next + 3));
}

/** `ID3`, 3 bytes, flags (16: 10 more bytes at the end), length in four times 7 bits. The decoder of FLAC looks behind such tags, and is wrong there. */
async function refuseTagsInFront(file: OpenedFile): Promise<void> {
  let at = 0;
  for (let tag = 0; tag < MAX_TAGS; tag++) {
    const head = await file.read(at, 10);
    const name = head.toString('latin1', 0, 4);
    if (name === 'fLaC' || name === 'OggS') throw file.refusal('a FLAC behind an ID3 tag');
    if (!name.startsWith('ID3') || head.length < 10) return;
    const length = head.subarray(6).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
    at += 10 + length + ((head.readUInt8(5) & 16) !== 0 ? 10 : 0);
    if (at >= file.sizeBytes) throw file.refusal(`an ID3 tag of ${length} bytes that the file does not have`);
  }
  throw file.refusal(`more than ${MAX_TAGS} ID3 tags`);
}

/** `TAG` stands 128 bytes before the end, `APETAGEX` 32 before that or the end; its length follows. An older decoder reads past the file for a wrong one. */
async function refuseTagBehind(file: OpenedFile): Promise<void> {
  const id3 = await file.read(Math.max(0, file.sizeBytes - 128), 3);
  const end = file.sizeBytes > 128 && id3.toString('latin1') === 'TAG' ? file.sizeBytes - 128 : file.sizeBytes;
  if (end <= 32) return;
  const foot = await file.read(end - 32, 32);
  if (foot.toString('latin1', 0, 8) !== 'APETAGEX') return;
  const length = foot.readUInt32LE(24);
  if (32 + length >= end) throw file.refusal(`an APE tag of ${length} bytes that the file does not have`);
}
