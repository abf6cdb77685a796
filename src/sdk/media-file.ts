/** Whether a file can be heard, by its kind and first bytes; it decodes nothing and knows no engine. */
import { readHead } from './file-head.ts';

/** The chunks before a WAV's sound lie here; one that has more of them is left to the engine. */
const HEAD_BYTES = 4096;

/** The engine ends the process over a sound of one sample (an assertion in mtmd.cpp); nothing this short says anything. */
const LEAST_SECONDS = 0.01;

/** The absolute path of a WAV, MP3 or FLAC file; rejects with `ERR_INVALID_OPTION` for everything else. */
export async function checkAudioFile(path: string): Promise<string> {
  const expected = '`audio` to be a WAV, MP3 or FLAC file';
  const [{ path: absolute, head, sizeBytes }, refuse] = await readHead(path, HEAD_BYTES, expected);
  if (!isAudio(head)) throw refuse(`the first bytes ${head.toString('hex', 0, 8)}`);
  const seconds = wavSeconds(head, sizeBytes) ?? flacSeconds(head);
  if (seconds !== undefined && seconds < LEAST_SECONDS) throw refuse(`only ${seconds} s of sound`);
  return absolute;
}

function isAudio(head: Buffer): boolean {
  const mark = head.toString('latin1', 0, 12);
  // An MPEG frame begins with eleven set bits and a layer that isn't 0, where no ID3 tag stands before it.
  const mpeg = head.length >= 2 && head.readUInt16BE(0) >= 0xffe0 && (head.readUInt8(1) & 0x06) !== 0;
  return /^RIFF....WAVE/s.test(mark) || mark.startsWith('fLaC') || mark.startsWith('ID3') || mpeg;
}

/** RIFF chunks: name, length as u32, bytes, padded to even. `fmt ` has bytes per second at 8; `data` may claim more than is there. */
function wavSeconds(head: Buffer, fileBytes: number): number | undefined {
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

/** STREAMINFO comes first: at 18 a rate of 20 bits, then 8 bits, then the samples in 36 bits, 0 where unknown. */
function flacSeconds(head: Buffer): number | undefined {
  if (!head.toString('latin1', 0, 4).startsWith('fLaC') || head.length < 26) return undefined;
  const rate = head.readUIntBE(18, 3) >> 4;
  const samples = (head.readUInt8(21) & 0x0f) * 2 ** 32 + head.readUInt32BE(22);
  return rate > 0 && samples > 0 ? samples / rate : undefined;
}
