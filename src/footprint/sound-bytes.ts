/** Knows what the longest sound takes that a load may hear, by the header of its projector. It must not read files. */
import { countAudioBytes } from '../core/audio-bytes.ts';
import { countHeldSeconds } from '../gguf/audio-tokens.ts';
import type { GgufFile } from '../gguf/read-gguf.ts';

/** What decides how long a sound may be. */
export interface SoundSettings {
  readonly part: string;
  readonly contextSize: number;
  /** How many seconds of sound one text may have. */
  readonly audioSeconds?: number;
}

/** Counts what decoding it takes, if there is an encoder that hears. Contexts that are loaded apart have none. */
export function countSoundBytes(
  projector: Pick<GgufFile, 'metadata'> | undefined,
  { part, contextSize, audioSeconds = 0 }: SoundSettings,
): number {
  if (part !== 'all' || projector?.metadata.get('clip.has_audio_encoder') !== true) return 0;
  return countAudioBytes(Math.min(audioSeconds, countHeldSeconds(projector, contextSize)));
}
