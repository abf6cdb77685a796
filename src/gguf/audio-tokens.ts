/** Knows how many tokens an engine makes of a second of sound, by the type of the projector. It must not know sounds. */
import type { GgufFile } from './read-gguf.ts';

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

/** The seconds of the longest sound of which a context of so many tokens may hold all. */
export function countHeldSeconds(projector: Pick<GgufFile, 'metadata'>, contextSize: number): number {
  return Math.floor(contextSize / getTokensPerSecond(projector)) + WINDOW_SECONDS;
}

function getTokensPerSecond({ metadata }: Pick<GgufFile, 'metadata'>): number {
  const type = String(metadata.get('clip.audio.projector_type') ?? metadata.get('clip.projector_type'));
  const factor = metadata.get('clip.audio.projector.stack_factor');
  const stacked = STACKED[type];
  if (stacked !== undefined && typeof factor === 'number' && factor >= 1) return stacked / factor;
  return FIXED[type] ?? LEAST_TOKENS_PER_SECOND;
}
