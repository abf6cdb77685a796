/** From the sampling that a program asks for to that of the library, for which a zero means its own default. It calls nothing. */

import type { NativeSampling } from '../../addon/nexa-binding.ts';
import { INT32_MAX } from '../../core/validate.ts';
import type { RuntimeGenerate } from '../runtime.ts';

/** As good as zero, and not taken for the library's default. */
const NEARLY_ZERO = 1e-6;

export function toNativeSampling(request: RuntimeGenerate): NativeSampling {
  const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, grammar, seed } =
    request;
  return {
    // A temperature of zero would be 0.8 here; a choice of one token always takes the likeliest.
    ...(temperature !== undefined && temperature > 0 && { temperature }),
    ...((topK !== undefined || temperature === 0) && { topK: temperature === 0 ? 1 : topK! }),
    ...(topP !== undefined && { topP: topP || NEARLY_ZERO }),
    ...(minP !== undefined && { minP: minP || NEARLY_ZERO }),
    ...(repetitionPenalty !== undefined && { repetitionPenalty }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(grammar !== undefined && { grammar }),
    // A seed of zero may be random in the library; the largest one stands for it, so that the same seed gives the same text.
    ...(seed !== undefined && { seed: seed || INT32_MAX }),
  };
}
