/** Knows which values of a vocabulary in a header end the process of llama.cpp's builds, row by row. It must not know architectures. */
import {
  type Bounds,
  type HeaderRule,
  type RuledFile,
  type RuledHeader,
  refuseBrokenRules,
  typed,
} from './header-rule.ts';
import { modelFileError, quote } from './model-file.ts';
import type { Vocabulary } from './vocabulary.ts';

const TOKENS = 'tokenizer.ggml.tokens';
/** The largest vocabularies have 262,144. */
const MOST_TOKENS = 2 ** 21;
const ADVICE = 'download the file again';

/** How many tokens the special tokens need that the older builds take for each kind of tokenizer, whether the vocabulary has them or not. */
const LEAST_TOKENS: Readonly<Record<string, number>> = { gpt2: 12, llama: 3, bert: 104, t5: 3, plamo2: 4 };

/** Keys below `tokenizer.ggml`. */
const VOCABULARY_RULES: readonly HeaderRule[] = [
  typed('model', ['string']),
  typed('pre', ['string']),
  typed('tokens', ['string[]'], { least: boundTokens }),
  typed('token_type', ['i32[]', 'u32[]']),
  typed('scores', ['f32[]']),
  typed('merges', ['string[]']),
  typed('suppress_tokens', ['i32[]', 'u32[]']),
  typed('precompiled_charsmap', ['i8[]', 'u8[]']),
];

/**
 * Refuses a vocabulary over whose header an engine would end the process.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`
 */
export function refuseUnsoundVocabulary(file: RuledFile): void {
  refuseBrokenRules(file, 'tokenizer.ggml', VOCABULARY_RULES);
  const count = Object(file.metadata.get(TOKENS)).length ?? 0;
  if (count <= MOST_TOKENS) return;
  throw modelFileError(file.path, `have at most ${MOST_TOKENS} tokens in ${TOKENS}`, String(count), ADVICE);
}

/**
 * Refuses a vocabulary that has a token twice, or none but empty ones.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE`
 */
export function refuseUnsoundTokens({ path }: Pick<RuledFile, 'path'>, vocabulary: Vocabulary): void {
  const id = vocabulary.findRepeatedToken();
  if (id !== undefined) {
    const found = `${quote(vocabulary.token(id).toString('utf8'))} twice, the second time as ${id}`;
    throw modelFileError(path, `have each token once in ${TOKENS}`, found, ADVICE);
  }
  for (let each = 0; each < vocabulary.size; each++) if (vocabulary.token(each).length > 0) return;
  throw modelFileError(path, `have a token in ${TOKENS}`, `${vocabulary.size} empty ones`, ADVICE);
}

function boundTokens({ file }: RuledHeader): Bounds {
  return { least: LEAST_TOKENS[String(file.metadata.get('tokenizer.ggml.model'))] ?? 1 };
}
