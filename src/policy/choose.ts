/** Chooses among candidates in order of quality and records every verdict. Pure: it admits nobody by itself. */
import type { Need, Quantization } from '../types.ts';
import { judge, type Reserves, type RuleVerdict, type Situation, shortfallBytes } from './admit.ts';

/** One way to load the model. */
export interface Candidate {
  /** Absent where the model has no ladder: it is loaded as it is or not at all. */
  readonly quantization?: Quantization;
  readonly need: Need;
  readonly minFreeBytes: number;
}

/** A candidate with everything that was held against it. */
export interface CandidateVerdict extends Candidate {
  readonly admitted: boolean;
  readonly rules: readonly RuleVerdict[];
  readonly shortfallBytes: number;
}

/**
 * The asked candidate and the steps below it, in the given order, without the steps that don't save memory here.
 * A quantization with fewer bits can need more where the runtime repacks its weights.
 */
export function stepsThatSave(candidates: readonly Candidate[]): readonly Candidate[] {
  let smallest = Number.POSITIVE_INFINITY;
  return candidates.filter(({ need }) => {
    const saves = need.mappedBytes + need.anonymousBytes < smallest;
    if (saves) smallest = need.mappedBytes + need.anonymousBytes;
    return saves;
  });
}

/** Every candidate judged; the first admitted one is the choice. */
export function judgeAll(
  candidates: readonly Candidate[],
  situation: Situation,
  minFreeRatioAfterLoad: Reserves['minFreeRatioAfterLoad'],
): readonly CandidateVerdict[] {
  return Object.freeze(
    candidates.map((candidate) => {
      const rules = judge(candidate.need, situation, { minFreeBytes: candidate.minFreeBytes, minFreeRatioAfterLoad });
      return Object.freeze({
        ...candidate,
        admitted: rules.every((rule) => rule.passed),
        rules,
        shortfallBytes: shortfallBytes(rules),
      });
    }),
  );
}
