/** What engines take for a sound while they decode and encode it: measured constants. It knows no engine and no file. */
import { MiB } from './bytes.ts';

/** No sound may be longer. */
export const MAX_AUDIO_SECONDS = 3600;
/** If nobody says how long it may be: as long as its sound and a file as a CD has it take no more than the documented 100 MB. */
export const DEFAULT_AUDIO_SECONDS = 300;
/** No file may be larger: engines read it whole. */
export const MAX_AUDIO_FILE_BYTES = 256 * MiB;

/**
 * Above the loaded model, with the SDK's library of both generations: 13 MiB for a minute, 24 for 111 s and 618 for an hour in files of 16,000 samples
 * per second in 16 bits, which are 1.8, 3.4 and 110 MiB; 696 for an hour in 256 MiB.
 */
const BASE_BYTES = 6 * MiB;
const SECOND_BYTES = 148_000;
/** 44,100 samples of two channels in 16 bits. */
const USUAL_FILE_BYTES = 176_400;

/** What sounds of so many seconds together take at most. `fileBytes` is the size of their files; if it isn't known, they are such as a CD has them. */
export function countAudioBytes(seconds: number, fileBytes?: number): number {
  if (seconds <= 0) return 0;
  const readBytes = fileBytes ?? Math.min(MAX_AUDIO_FILE_BYTES, seconds * USUAL_FILE_BYTES);
  return Math.ceil(BASE_BYTES + seconds * SECOND_BYTES + readBytes);
}
