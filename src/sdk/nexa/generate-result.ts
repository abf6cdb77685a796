/** What came back of a text, in this package's words: bytes become characters, reasons and times are translated. It calls nothing. */

import type { NativeResult } from '../../addon/nexa-binding.ts';
import type { FinishReason, GenerateProfile } from '../runtime.ts';

/** Joins characters that tokens cut apart. Bytes that are no UTF-8 become U+FFFD. */
export class Utf8Text {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #onText: (text: string) => void;
  text = '';

  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  push(bytes: Uint8Array): void {
    this.#give(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Gives what is left of a character whose end never came. */
  end(): void {
    this.#give(this.#decoder.decode());
  }

  #give(text: string): void {
    if (text === '') return;
    this.text += text;
    this.#onText(text);
  }
}

export function readFinishReason(result: NativeResult, maxTokens: number): FinishReason {
  if (result.matched) return 'stop';
  if (result.stopped) return 'stopped';
  if (result.contextFull) return 'context';
  const full = result.generatedTokens >= maxTokens;
  switch (result.stopReason) {
    case 'eos':
      return 'end';
    case 'length':
      // A version that has no other word for a full context.
      return full ? 'length' : 'context';
    case 'stop_sequence':
      return 'stop';
    case 'context_length':
      return 'context';
    case 'user':
      return 'stopped';
    default:
      return full ? 'length' : 'end';
  }
}

/** Times of the library are microseconds. */
export function readProfile(result: NativeResult): GenerateProfile {
  const { promptUs, promptTokens, reusedTokens, decodeUs, generatedTokens, mediaUs, audioUs } = result;
  const { draftTokens, acceptedDraftTokens, stopReason } = result;
  return {
    firstTokenMs: result.firstTokenUs / 1000,
    promptMs: promptUs / 1000,
    ...(promptUs > 0 && { promptTokensPerSecond: ((promptTokens - reusedTokens) / promptUs) * 1e6 }),
    decodeMs: decodeUs / 1000,
    ...(decodeUs > 0 && { tokensPerSecond: (generatedTokens / decodeUs) * 1e6 }),
    ...(mediaUs !== undefined && { mediaMs: mediaUs / 1000 }),
    ...(audioUs !== undefined && { audioMs: audioUs / 1000 }),
    ...(draftTokens !== undefined && { draftTokens }),
    ...(acceptedDraftTokens !== undefined && { acceptedDraftTokens }),
    ...(stopReason !== '' && { stopReason }),
  };
}
