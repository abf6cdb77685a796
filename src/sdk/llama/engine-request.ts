/** What the engine is asked for one text, and its measurements, by its own names. Pure. */
import type { ChatTurn } from '../chat-messages.ts';
import type { Profile, RuntimeGenerate } from '../runtime.ts';
import type { Completion, EngineMessage } from './llama-engine.ts';

/** Stands for an audio file in the engine's prompt. */
export const MEDIA_MARKER = '<__media__>';

/** A text of the conversation that looks like a medium. */
export function markedText(turns: readonly ChatTurn[]): string | undefined {
  const texts = turns.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])));
  return texts.find((text) => text.includes(MEDIA_MARKER));
}

export function messageOf({ role, parts }: ChatTurn): EngineMessage {
  const content = parts.map((part) =>
    part.type === 'text' ? part : ({ type: 'input_audio', input_audio: { format: 'wav', url: part.path } } as const),
  );
  return { role, content };
}

export function profileOf(timings: NonNullable<Completion['timings']>): Profile {
  return {
    promptMs: timings.prompt_ms,
    promptTokensPerSecond: timings.prompt_per_second,
    decodeMs: timings.predicted_ms,
    tokensPerSecond: timings.predicted_per_second,
  };
}

export function engineRequest(
  request: RuntimeGenerate,
  chat: { prompt: string; additional_stops?: readonly string[] },
): object {
  const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, grammar, seed } =
    request;
  return {
    prompt: chat.prompt,
    media_paths: request.audioPaths,
    n_predict: request.maxTokens,
    stop: [...request.stop, ...(chat.additional_stops ?? [])],
    ...(temperature !== undefined && { temperature }),
    // At temperature 0 this engine still draws; only one candidate leaves nothing to draw.
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
