/** What a WAV's chunks say of its sound, as the engine's decoder understands them (dr_wav in miniaudio). It decodes nothing. */
import type { OpenedFile } from './opened-file.ts';
import type { Sound } from './sound.ts';

/** A file of that many chunks was made to be slow; the ones of recorders have a dozen. */
const MAX_CHUNKS = 1000;

const PCM = 1;
const MS_ADPCM = 2;
const FLOAT = 3;
const A_LAW = 6;
const MU_LAW = 7;
const IMA_ADPCM = 17;
/** The tag stands at 24 then, as the first two bytes of a GUID. */
const EXTENSIBLE = 0xfffe;

/** Bits of a sample by tag; PCM has any that fill whole bytes. */
const BITS: Readonly<Record<number, readonly number[]>> = {
  [MS_ADPCM]: [4],
  [FLOAT]: [32, 64],
  [A_LAW]: [8],
  [MU_LAW]: [8],
  [IMA_ADPCM]: [4],
};

/** Bytes of one channel at the start of a block of ADPCM. */
const BLOCK_HEAD_BYTES: Readonly<Record<number, number>> = { [MS_ADPCM]: 6, [IMA_ADPCM]: 4 };

interface WavFormat {
  readonly tag: number;
  readonly channels: number;
  readonly sampleRate: number;
  readonly blockBytes: number;
  readonly bits: number;
}

/**
 * RIFF chunks from 12 on: name, length as u32, bytes, padded to even. The last `fmt ` before `data` counts; `data` may claim more bytes
 * than the file has. The decoder takes a file that it does not understand for an MP3, so nothing may be left to it.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for a format that the decoder does not have.
 */
export async function readWav(file: OpenedFile): Promise<Sound> {
  let format: WavFormat | undefined;
  let at = 12;
  for (let chunk = 0; chunk < MAX_CHUNKS; chunk++) {
    const head = await file.read(at, 8);
    if (head.length < 8) throw file.refusal('a WAV without sound');
    const name = head.toString('latin1', 0, 4);
    const length = head.readUInt32LE(4);
    if (name === 'data') {
      if (format === undefined) throw file.refusal('a WAV that names no format before its sound');
      const seconds = countFrames(file, format, Math.min(length, file.sizeBytes - at - 8)) / format.sampleRate;
      return { mostSeconds: seconds, leastSeconds: seconds, channels: format.channels, sampleRate: format.sampleRate };
    }
    if (name === 'fmt ') format = readFormat(file, await file.read(at + 8, Math.min(length, 40)));
    at += 8 + length + (length % 2);
  }
  throw file.refusal(`a WAV whose sound lies behind ${MAX_CHUNKS} chunks`);
}

/** `fmt `: tag u16, channels u16, samples per second u32, bytes per second u32, bytes of a block u16, bits u16, length of the rest u16. */
function readFormat(file: OpenedFile, bytes: Buffer): WavFormat {
  if (bytes.length < 16) throw file.refusal(`a format of ${bytes.length} bytes`);
  const [tag, channels] = [bytes.readUInt16LE(0), bytes.readUInt16LE(2)];
  const [sampleRate, blockBytes, bits] = [bytes.readUInt32LE(4), bytes.readUInt16LE(12), bytes.readUInt16LE(14)];
  const inner = tag === EXTENSIBLE ? readExtension(bytes) : tag;
  const format = { tag: inner ?? tag, channels, sampleRate, blockBytes, bits };
  if (inner === undefined || !(inner === PCM || inner in BITS)) {
    throw file.refusal(`the format ${inner ?? tag}`, {
      expected: '`audio` to be PCM, floating point, A-law, µ-law or ADPCM if it is a WAV',
    });
  }
  if (channels === 0 || sampleRate === 0 || blockBytes === 0) {
    throw file.refusal(`a format with ${channels} channels, ${sampleRate} Hz and blocks of ${blockBytes} bytes`);
  }
  if (!hasKnownBits(format))
    throw file.refusal(`samples of ${bits} bits in blocks of ${blockBytes} bytes (format ${format.tag})`);
  return format;
}

function readExtension(bytes: Buffer): number | undefined {
  return bytes.length === 40 && bytes.readUInt16LE(16) === 22 ? bytes.readUInt16LE(24) : undefined;
}

function hasKnownBits(format: WavFormat): boolean {
  const { tag, channels, bits } = format;
  if (tag in BLOCK_HEAD_BYTES && channels > 2) return false;
  if (tag !== PCM) return BITS[tag]!.includes(bits);
  const sampleBytes = getFrameBytes(format) / channels;
  return bits > 0 && bits <= 64 && Number.isInteger(sampleBytes) && sampleBytes >= 1 && sampleBytes <= 8;
}

/** Bytes of one sample of every channel. The decoder believes the bits, and the block if they fill no whole bytes. */
function getFrameBytes({ bits, channels, blockBytes }: WavFormat): number {
  return bits % 8 === 0 ? (bits * channels) / 8 : blockBytes;
}

function countFrames(file: OpenedFile, format: WavFormat, bytes: number): number {
  const { tag, channels, blockBytes } = format;
  const headBytes = BLOCK_HEAD_BYTES[tag];
  if (headBytes === undefined) return Math.floor(bytes / getFrameBytes(format));
  const blocks = Math.ceil(bytes / blockBytes);
  const soundBytes = bytes - blocks * headBytes * channels;
  // The decoder counts without a sign.
  if (soundBytes < 0) throw file.refusal(`${blocks} blocks of ADPCM in ${bytes} bytes`);
  return Math.ceil((soundBytes * 2) / channels) + (tag === IMA_ADPCM ? blocks : 0);
}
