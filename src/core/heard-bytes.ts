/** What whisper.cpp takes for one transcription beside its loaded model, by its source. It knows no file and no adapter. */
import { MiB } from './bytes.ts';
import type { LoadParts } from './types.ts';

/** What one transcription is given. */
export interface HeardSound {
  /** 16,000 for a second. */
  readonly samples: number;
  /** Into how many parts the sound is cut, each with buffers of its own. */
  readonly processors: number;
  /** How many texts are decoded side by side. */
  readonly decoders: number;
}

/** Samples in 32 bits, a padded copy of them, and 128 mel bands for each 160 of them. Before these, the samples stand there twice. */
const SAMPLE_BYTES = 4 + 4 + (128 * 4) / 160;
/** The same for the 30 s of silence behind every sound, without the first copy, and one window's mel bands. */
const SILENCE_BYTES = 6 * MiB;
/** With which `laterBytes` of a footprint reckons: five decoders, two to spare, less the one that is there. */
const DECODERS = 5;
const LATER_CACHES = 6;

/** At most. `predicted` is what the model takes. */
export function countHeardBytes(sound: HeardSound, predicted?: LoadParts): number {
  const { samples, processors, decoders } = sound;
  const { anonymousAfterCallBytes = 0, laterBytes = 0 } = predicted ?? {};
  const extraCaches = LATER_CACHES + Math.max(0, decoders - DECODERS);
  const statesBytes = (processors - 1) * anonymousAfterCallBytes;
  return Math.ceil(samples * SAMPLE_BYTES + SILENCE_BYTES + (laterBytes / LATER_CACHES) * extraCaches + statesBytes);
}
