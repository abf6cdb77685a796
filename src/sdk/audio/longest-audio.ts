/** How much sound a model can take at once. It knows no sound. */
import { MAX_AUDIO_SECONDS } from '../../core/audio-bytes.ts';
import { MemoryGuardError } from '../../core/errors.ts';
import { countHeldSeconds } from '../../gguf/audio-tokens.ts';
import type { GgufFile } from '../../gguf/read-gguf.ts';

/** The longest sound of which a context of so many tokens may hold all; at most an hour. */
export function getLongestAudio(projector: GgufFile | undefined, contextSize: number): number {
  if (projector === undefined) return 0;
  return Math.min(MAX_AUDIO_SECONDS, countHeldSeconds(projector, contextSize));
}

/** How long sounds may last together, and the option that decides it. */
export interface AudioLimit {
  readonly longestSeconds: number;
  /** Absent if no option makes it longer. */
  readonly option?: 'contextSize' | 'maxAudioSeconds';
}

/** The smaller of what the context holds and what the caller allows. Either may be left out. */
export function limitAudio(longestAudioSeconds = MAX_AUDIO_SECONDS, maxAudioSeconds = MAX_AUDIO_SECONDS): AudioLimit {
  if (maxAudioSeconds < longestAudioSeconds) return { longestSeconds: maxAudioSeconds, option: 'maxAudioSeconds' };
  if (longestAudioSeconds >= MAX_AUDIO_SECONDS) return { longestSeconds: MAX_AUDIO_SECONDS };
  return { longestSeconds: longestAudioSeconds, option: 'contextSize' };
}

/**
 * Refuses sounds that are too long together.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function refuseLongAudio(
  seconds: readonly number[],
  { longestSeconds, option }: AudioLimit = limitAudio(),
): void {
  const sum = seconds.reduce((total, each) => total + each, 0);
  if (sum <= longestSeconds) return;
  const what = option === undefined ? '' : `load the model with a larger \`${option}\`, or `;
  const message = `Expected \`audio\` to last ${longestSeconds} s at most in one text, got ${Math.ceil(sum)} s; ${what}cut it.`;
  throw new MemoryGuardError('ERR_INVALID_OPTION', message);
}
