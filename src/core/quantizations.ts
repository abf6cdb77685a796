/** The quantizations between which the guard chooses. It knows no model and no size. */
import { describe, MemoryGuardError } from './errors.ts';
import type { Quantization } from './types.ts';

/** The ladder, best quality first: the guard goes down from where a load begins. */
export const QUANTIZATIONS: readonly Quantization[] = Object.freeze(['Q5_K_M', 'Q4_K_M', 'Q4_0']);

/** The documented default. */
export const DEFAULT_QUANTIZATION: Quantization = 'Q4_K_M';

export function isQuantization(value: unknown): value is Quantization {
  return (QUANTIZATIONS as readonly unknown[]).includes(value);
}

/**
 * Returns a quantization of the ladder.
 *
 * @throws MemoryGuardError `ERR_UNKNOWN_QUANTIZATION`
 */
export function checkQuantization(value: unknown): Quantization {
  if (isQuantization(value)) return value;
  throw new MemoryGuardError(
    'ERR_UNKNOWN_QUANTIZATION',
    `Expected \`quantization\` to be one of ${QUANTIZATIONS.join(', ')}, got ${describe(value)}.`,
  );
}
