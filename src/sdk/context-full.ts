/** The error for a prompt that the context has no room for. It knows no engine. */
import { MemoryGuardError } from '../core/errors.ts';

/** What is known of a prompt that is too long. */
export interface LongPrompt {
  /** `undefined` if the engine doesn't tell. */
  readonly tokens: number | undefined;
  /** Whether it is only known that they are not fewer. */
  readonly isLeast?: boolean;
  readonly contextSize: number;
  /** Whether audio or images may have taken part of it. */
  readonly hasMedia: boolean;
}

/** An `ERR_CONTEXT_FULL`. */
export function contextFull(
  { tokens, isLeast = false, contextSize, hasMedia }: LongPrompt,
  options?: ErrorOptions,
): MemoryGuardError {
  const prompt = `The prompt${hasMedia ? ' with its media' : ''}`;
  const found =
    tokens === undefined
      ? `is longer than the context of ${contextSize} tokens`
      : `takes ${isLeast ? 'at least ' : ''}${tokens} tokens, but the context has ${contextSize}`;
  const advice = hasMedia ? 'shorten it' : 'shorten it, pass `truncate: true`,';
  const message = `${prompt} ${found}; ${advice} or load the model with a larger \`contextSize\`.`;
  return new MemoryGuardError('ERR_CONTEXT_FULL', message, options);
}
