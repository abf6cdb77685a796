/** The quantizations between which the guard chooses: the ladder of all file types, and those of the documented table. It knows no model and no size. */
import { describe, MemoryGuardError } from './errors.ts';
import type { Quantization } from './types.ts';

/**
 * Every file type that llama.cpp writes today, with its number in `enum llama_ftype` of `llama.h`. More bits come first; of
 * equal bits the K or I type, whose blocks lose less. The four at the end are for models that were trained with two or three
 * values for each weight, and of any other model they are the smallest there is.
 */
const STEPS = [
  ['F32', 0],
  ['BF16', 32],
  ['F16', 1],
  ['Q8_0', 7],
  ['Q6_K', 18],
  ['Q5_K_M', 17],
  ['Q5_K_S', 16],
  ['Q5_1', 9],
  ['Q5_0', 8],
  ['Q4_K_M', 15],
  ['Q4_K_S', 14],
  ['IQ4_NL', 25],
  ['NVFP4', 39],
  ['MXFP4', 38],
  ['IQ4_XS', 30],
  ['Q4_1', 3],
  ['Q4_0', 2],
  ['Q3_K_L', 13],
  ['Q3_K_M', 12],
  ['IQ3_M', 27],
  ['IQ3_S', 26],
  ['Q3_K_S', 11],
  ['IQ3_XS', 22],
  ['IQ3_XXS', 23],
  ['Q2_K', 10],
  ['Q2_K_S', 21],
  ['IQ2_M', 29],
  ['IQ2_S', 28],
  ['IQ2_XS', 20],
  ['IQ2_XXS', 19],
  ['IQ1_M', 31],
  ['IQ1_S', 24],
  ['Q2_0', 41],
  ['TQ2_0', 37],
  ['TQ1_0', 36],
  ['Q1_0', 40],
] as const;

/** A file type of llama.cpp, as one step of the ladder: from `F32` over `Q4_K_M` down to `Q1_0`. */
export type LadderStep = (typeof STEPS)[number][0];

/** A step of the ladder, or the name that a caller gave to one of its own candidates, such as 'fp16'. */
export type QuantizationName = LadderStep | (string & {});

/** The ladder, best quality first: a load goes down from where it begins. */
export const LADDER: readonly LadderStep[] = Object.freeze(STEPS.map(([step]) => step));

/** The documented end of the ladder: a load goes no further down unless the user says so. */
export const DEFAULT_FLOOR: LadderStep = 'Q4_0';

/** The quantizations of the documented table, best quality first. */
export const QUANTIZATIONS: readonly Quantization[] = Object.freeze(['Q5_K_M', 'Q4_K_M', 'Q4_0']);

/** The documented default. */
export const DEFAULT_QUANTIZATION: Quantization = 'Q4_K_M';

/** Whether the documented table has a row for it. */
export function isQuantization(value: unknown): value is Quantization {
  return (QUANTIZATIONS as readonly unknown[]).includes(value);
}

export function isLadderStep(value: unknown): value is LadderStep {
  return (LADDER as readonly unknown[]).includes(value);
}

/** Whether the first one has less quality than the second one. */
export function isBelow(step: LadderStep, other: LadderStep): boolean {
  return LADDER.indexOf(step) > LADDER.indexOf(other);
}

/** llama.cpp sets this bit if a file doesn't say its type and it was guessed from the tensors. */
const GUESSED = 1024;

/** The step of a header's `general.file_type`; `undefined` for a number that llama.cpp has no type for any more. */
export function findStepByFileType(fileType: number | undefined): LadderStep | undefined {
  return STEPS.find(([, id]) => id === fileType || id + GUESSED === fileType)?.[0];
}

/**
 * Returns a quantization of the documented table.
 *
 * @throws MemoryGuardError `ERR_UNKNOWN_QUANTIZATION`
 */
export function checkQuantization(value: unknown): Quantization {
  if (isQuantization(value)) return value;
  throw unknownQuantization(value, 'quantization', QUANTIZATIONS);
}

/**
 * Returns a step of the ladder.
 *
 * @throws MemoryGuardError `ERR_UNKNOWN_QUANTIZATION`
 */
export function checkLadderStep(value: unknown, name: string): LadderStep {
  if (isLadderStep(value)) return value;
  throw unknownQuantization(value, name, LADDER);
}

function unknownQuantization(value: unknown, name: string, known: readonly string[]): MemoryGuardError {
  const message = `Expected \`${name}\` to be one of ${known.join(', ')}, got ${describe(value)}.`;
  return new MemoryGuardError('ERR_UNKNOWN_QUANTIZATION', message);
}
