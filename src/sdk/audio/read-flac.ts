/** What a FLAC's first block says of its sound, as the engine's decoder understands it (dr_flac in miniaudio). It decodes nothing. */
import type { OpenedFile } from './opened-file.ts';
import type { Sound } from './sound.ts';

/** A file of that many blocks was made to be slow; encoders write five. */
const MAX_BLOCKS = 1000;

/** STREAMINFO has the type 0 and 34 bytes. */
const STREAMINFO = 34;
const STREAMINFO_END = 42;

/**
 * `fLaC`, then blocks: a bit that says whether it is the last one, the type in 7 bits, the length in 24 bits. STREAMINFO is the first: from
 * byte 18 of the file on the samples per second in 20 bits, the channels less one in 3, the bits less one in 5, the samples in 36.
 * The decoder takes a file that it does not understand for an MP3, so nothing may be left to it.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for a file that the decoder does not understand.
 */
export async function readFlac(file: OpenedFile): Promise<Sound> {
  const head = await file.read(0, STREAMINFO_END);
  if (head.length < STREAMINFO_END || (head.readUInt32BE(4) & 0x7fffffff) !== STREAMINFO) {
    throw file.refusal('a FLAC that does not begin with STREAMINFO');
  }
  await walkBlocks(file, head.readUInt8(4) >= 0x80);
  const sampleRate = head.readUIntBE(18, 3) >> 4;
  const channels = ((head.readUInt8(20) >> 1) & 7) + 1;
  const bits = (((head.readUInt8(20) & 1) << 4) | (head.readUInt8(21) >> 4)) + 1;
  const samples = (head.readUInt8(21) & 0x0f) * 2 ** 32 + head.readUInt32BE(22);
  if (sampleRate === 0 || bits < 4) throw file.refusal(`a FLAC of ${bits} bits at ${sampleRate} Hz`);
  // The decoder asks for as many samples as stand here, and fails over none.
  if (samples === 0) throw file.refusal('a FLAC that does not say how long it is');
  const seconds = samples / sampleRate;
  return { mostSeconds: seconds, leastSeconds: seconds, channels, sampleRate };
}

/** All blocks must lie in the file, or the decoder does not open it. */
async function walkBlocks(file: OpenedFile, isLast: boolean): Promise<void> {
  let [at, ended] = [STREAMINFO_END, isLast];
  for (let block = 0; !ended; block++) {
    const head = await file.read(at, 4);
    if (head.length < 4 || block === MAX_BLOCKS)
      throw file.refusal(`a FLAC whose blocks do not end in ${block} of them`);
    ended = head.readUInt8(0) >= 0x80;
    at += 4 + head.readUIntBE(1, 3);
  }
  if (at > file.sizeBytes) throw file.refusal('a FLAC that is cut off before its sound');
}
