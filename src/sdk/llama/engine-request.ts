/** What the engine is asked for one text, and its measurements, by the engine's own names. It calls nothing. */
import type { ChatTurn } from '../chat-messages.ts';
import type { GenerateProfile, RuntimeGenerate } from '../runtime.ts';
import type { Completion, EngineMessage, FormattedChat } from './llama-engine.ts';

/** Text that stands for an audio file in the engine's prompt. */
export const MEDIA_MARKER = '<__media__>';

/** A text of the conversation that the engine would take for audio; `undefined` if there is none. */
export function findMarkedText(turns: readonly ChatTurn[]): string | undefined {
  const texts = turns.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])));
  return texts.find((text) => text.includes(MEDIA_MARKER));
}

export function toEngineMessage({ role, parts }: ChatTurn): EngineMessage {
  const content = parts.map((part) =>
    part.type === 'text' ? part : ({ type: 'input_audio', input_audio: { format: 'wav', url: part.path } } as const),
  );
  return { role, content };
}

export function readProfile(timings: NonNullable<Completion['timings']>): GenerateProfile {
  return {
    promptMs: timings.prompt_ms,
    promptTokensPerSecond: timings.prompt_per_second,
    decodeMs: timings.predicted_ms,
    tokensPerSecond: timings.predicted_per_second,
  };
}

/** The options of the engine's `completion`. `chat` is what its template made of the conversation. */
export function makeCompletionOptions(
  request: RuntimeGenerate,
  chat: Pick<FormattedChat, 'prompt' | 'additional_stops'>,
): object {
  const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, grammar, seed } =
    request;
  return {
    prompt: chat.prompt,
    media_paths: request.audioPaths,
    n_predict: request.maxTokens,
    stop: [...request.stop, ...(chat.additional_stops ?? [])],
    ...(temperature !== undefined && { temperature }),
    // At temperature 0 this engine still draws at random; a single candidate leaves it no choice.
    ...((topK !== undefined || temperature === 0) && { top_k: temperature === 0 ? 1 : topK }),
    ...(topP !== undefined && { top_p: topP }),
    ...(minP !== undefined && { min_p: minP }),
    ...(repetitionPenalty !== undefined && { penalty_repeat: repetitionPenalty }),
    ...(presencePenalty !== undefined && { penalty_present: presencePenalty }),
    ...(frequencyPenalty !== undefined && { penalty_freq: frequencyPenalty }),
    ...(grammar !== undefined && { grammar }),
    ...(seed !== undefined && { seed }),
  };
}
