/** From what a program asks for to what the library understands, where zero means "your default". Pure. */

import type { NativeSampling } from '../../addon/nexa-binding.ts';
import type { RuntimeGenerate } from '../runtime.ts';

/** As good as zero, without being the library's word for its default. */
const NEARLY_ZERO = 1e-6;
const INT32_MAX = 2 ** 31 - 1;

export function samplingOf(request: RuntimeGenerate): NativeSampling {
  const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, grammar, seed } =
    request;
  return {
    // Zero is 0.8 here; what always takes the likeliest token is a choice of one.
    ...(temperature !== undefined && temperature > 0 && { temperature }),
    ...((topK !== undefined || temperature === 0) && { topK: temperature === 0 ? 1 : (topK as number) }),
    ...(topP !== undefined && { topP: topP || NEARLY_ZERO }),
    ...(minP !== undefined && { minP: minP || NEARLY_ZERO }),
    ...(repetitionPenalty !== undefined && { repetitionPenalty }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(grammar !== undefined && { grammar }),
    // 0 may be random, so it stands for the last one, and the same seed gives the same text.
    ...(seed !== undefined && { seed: seed || INT32_MAX }),
  };
}
