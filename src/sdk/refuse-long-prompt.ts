/**
 * Refuses prompts that can't fit before an engine reads them: one of megabytes takes an engine minutes, or more memory than its model was
 * promised. What is only somewhat too long is left to the engine, since only its tokenizer knows. It knows no engine.
 */
import { countFewestTokens } from '../gguf/fewest-tokens.ts';
import { readGguf } from '../gguf/read-gguf.ts';
import { readVocabulary } from '../gguf/vocabulary.ts';
import { contextFull } from './context-full.ts';

/** Ordinary text has 3 to 5 characters for a token. Shorter prompts are not looked at. */
const USUAL_LENGTH_OF_TOKEN = 4;
/** The longest tokens of vocabularies are 128 blanks. */
const LONGEST_TOKEN = 256;

/** Where a prompt is to fit. */
export interface PromptPlace {
  readonly modelPath: string;
  /** Tokens. */
  readonly contextSize: number;
  readonly hasMedia: boolean;
}

/** Whether a prompt has so many characters that it hardly fits. */
export function isSuspect(characters: number, contextSize: number): boolean {
  return characters > USUAL_LENGTH_OF_TOKEN * contextSize;
}

/**
 * Refuses so many characters that they can't fit, whatever the vocabulary is.
 *
 * @throws MemoryGuardError `ERR_CONTEXT_FULL`
 */
export function refuseHopelessText(
  characters: number,
  { contextSize, hasMedia }: Pick<PromptPlace, 'contextSize' | 'hasMedia'>,
): void {
  const tokens = Math.ceil(characters / LONGEST_TOKEN);
  if (tokens > contextSize) throw contextFull({ tokens, isLeast: true, contextSize, hasMedia });
}

/** Rejects with `ERR_CONTEXT_FULL` for a text that takes more tokens than the context has, whatever a tokenizer does. */
export async function refuseLongPrompt(text: string, { modelPath, contextSize, hasMedia }: PromptPlace): Promise<void> {
  // Blanks count nothing below.
  refuseHopelessText(text.length, { contextSize, hasMedia });
  const vocabulary = await readVocabulary(await readGguf(modelPath));
  const fewest = vocabulary ? countFewestTokens(text, vocabulary, contextSize) : 0;
  if (fewest > contextSize) throw contextFull({ tokens: fewest, isLeast: true, contextSize, hasMedia });
}

/** The end of a prompt whose start may be dropped: all that can be in a context of so many tokens. */
export function cutPrompt(text: string, contextSize: number): string {
  return text.slice(-LONGEST_TOKEN * contextSize);
}
