/** How much sound a model can take at once. It knows what the engine makes of a second by the type of the projector, and no sound. */
import { MemoryGuardError } from '../../core/errors.ts';
import type { GgufFile } from '../../gguf/read-gguf.ts';

/** One hour takes up to 620 MiB in the engine: 64 kB/s for the sound, three times, and 51 kB/s for its spectrum, twice. */
export const MAX_AUDIO_SECONDS = 3600;

/** The engine cuts sound into windows and may leave the last one out. */
const WINDOW_SECONDS = 30;

/** Frames of a spectrum per second that are stacked before they become tokens, divided by the header's `clip.audio.projector.stack_factor`. */
const STACKED: Readonly<Record<string, number>> = { ultravox: 50, meralion: 50, glma: 50, voxtral: 25 };
/** Tokens per second. */
const FIXED: Readonly<Record<string, number>> = {
  qwen2a: 25,
  musicflamingo: 25,
  gemma4a: 25,
  qwen3a: 13,
  lfm2a: 12.5,
};
/** The fewest of a type that is known: of ultravox with its usual factor of 8. */
const LEAST_TOKENS_PER_SECOND = 6;

/** The longest sound of which a context of so many tokens may hold all; at most an hour. */
export function getLongestAudio(projector: GgufFile | undefined, contextSize: number): number {
  if (projector === undefined) return 0;
  return Math.min(MAX_AUDIO_SECONDS, Math.floor(contextSize / getTokensPerSecond(projector)) + WINDOW_SECONDS);
}

/**
 * Refuses sounds that are too long together.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function refuseLongAudio(seconds: readonly number[], longestSeconds = MAX_AUDIO_SECONDS): void {
  const sum = seconds.reduce((total, each) => total + each, 0);
  if (sum <= longestSeconds) return;
  const what = longestSeconds === MAX_AUDIO_SECONDS ? '' : 'load the model with a larger `contextSize`, or ';
  const message = `Expected \`audio\` to last ${longestSeconds} s at most in one text, got ${Math.ceil(sum)} s; ${what}cut it.`;
  throw new MemoryGuardError('ERR_INVALID_OPTION', message);
}

function getTokensPerSecond({ metadata }: GgufFile): number {
  const type = String(metadata.get('clip.audio.projector_type') ?? metadata.get('clip.projector_type'));
  const factor = metadata.get('clip.audio.projector.stack_factor');
  const stacked = STACKED[type];
  if (stacked !== undefined && typeof factor === 'number' && factor >= 1) return stacked / factor;
  return FIXED[type] ?? LEAST_TOKENS_PER_SECOND;
}
