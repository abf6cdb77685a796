/** Chooses among candidates in order of quality and records every verdict. Pure: it admits nobody by itself. */
import { withoutPrototype } from '../core/copy-options.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { KvCacheType, LoadNeed, LoadParts } from '../core/types.ts';
import {
  judgeRules,
  type MemorySituation,
  type Reserves,
  type RuleVerdict,
  shortfallBytes,
} from './admission-rules.ts';
import { type MinFree, minFreeBytesOf } from './reserves.ts';

/** One way to load the model, with what it and the models that are loaded already ask to keep free. */
export interface Candidate extends MinFree {
  /** Absent if the model has no ladder: it is loaded as it is or not at all. */
  readonly quantization?: QuantizationName;
  /** The quantization is what the file's header says: no name leads to it, so the SDK is not told of it. */
  readonly unnamed?: true;
  /** Tokens; absent if the need doesn't depend on them. */
  readonly contextSize?: number;
  /** True if nobody wrote that number and the SDK can't be told one: it is assumed to make so much. */
  readonly contextAssumed?: boolean;
  readonly kvCacheType?: KvCacheType;
  /** The file that is loaded; absent if it isn't known. */
  readonly modelPath?: string;
  readonly need: LoadNeed;
  /** Bytes of its files that loaded models keep mapped, so that `need` is without them. Absent if that is nothing. */
  readonly heldBytes?: number;
  /** The need that was given, or that the documented table has, if more was measured since. */
  readonly outgrownNeed?: LoadNeed;
  /** Anonymous bytes beside the need that are kept for its first context, until that is made. */
  readonly roomBytes?: number;
  /** The documented table has a row for it. */
  readonly documented?: boolean;
  /** The need part by part, to be compared with what is taken; absent if neither a file nor a published shape tells. */
  readonly predicted?: LoadParts;
  /** What the need may be wrong by, in words. */
  readonly notes?: readonly string[];
  /** Under which what such a load really takes is kept. */
  readonly calibrationKey?: string;
  /** The same with a smaller context; absent if the need doesn't depend on it. */
  readonly smaller?: SmallerContexts;
}

/** The same candidate with smaller contexts. */
export interface SmallerContexts {
  /** The least that the caller allows: the candidate's own if the context is exact. */
  readonly leastContextSize: number;
  readonly at: (contextSize: number) => Candidate;
}

/** A candidate with everything that was held against it. */
export interface CandidateVerdict extends Omit<Candidate, 'smaller' | 'minFreeByTotal' | 'documented'> {
  /** What must stay free beside it. */
  readonly minFreeBytes: number;
  readonly admitted: boolean;
  readonly rules: readonly RuleVerdict[];
  readonly shortfallBytes: number;
}

/** Contexts are chosen in steps of the cells that llama.cpp pads to. */
const CONTEXT_STEP = 256;

/**
 * The asked candidate and the steps below it, in the given order, without the steps that need as much as a better one or more: a
 * load never goes down to what takes more than what was refused. Fewer bits can need more if the runtime repacks the weights into
 * a second copy, and Q4_1 has more bits than the IQ4_XS above it.
 *
 * Mapped and anonymous bytes are compared together, each step's least. A step that needs less of them but more anonymous ones stays:
 * 17 GiB of a mapped F16 may not fit where 5 GiB of a Q4_0 and 4 GiB of its repacked copy do. If the better one was refused for its
 * anonymous bytes alone, then such a step fails by the same rule, since each is judged by every rule.
 */
export function keepSavingSteps(candidates: readonly Candidate[]): readonly Candidate[] {
  let smallest = Number.POSITIVE_INFINITY;
  return candidates.filter(({ need, smaller }) => {
    const least = neededBytes(smaller ? smaller.at(smaller.leastContextSize).need : need);
    const saves = least < smallest;
    if (saves) smallest = least;
    return saves;
  });
}

/** Every candidate judged; the first admitted one is the choice. */
export function judgeCandidates(
  candidates: readonly Candidate[],
  situation: MemorySituation,
  minFreeRatioAfterLoad: Reserves['minFreeRatioAfterLoad'],
): readonly CandidateVerdict[] {
  const judgeOne = judgeIn(situation, minFreeRatioAfterLoad);
  return Object.freeze(candidates.flatMap((candidate) => judgeContexts(candidate, judgeOne)));
}

/** The first candidate, in their order, that fits with a smaller context than its caller allows; with the largest such one. */
export function findSmallerContext(
  candidates: readonly Candidate[],
  situation: MemorySituation,
  minFreeRatioAfterLoad: Reserves['minFreeRatioAfterLoad'],
): CandidateVerdict | undefined {
  const judgeOne = judgeIn(situation, minFreeRatioAfterLoad);
  for (const { smaller } of candidates) {
    if (smaller === undefined || smaller.leastContextSize <= CONTEXT_STEP) continue;
    const least = judgeOne(smaller.at(CONTEXT_STEP));
    if (least.admitted) return largestThatFits(smaller.at, least, smaller.leastContextSize, judgeOne);
  }
  return undefined;
}

type JudgeOne = (candidate: Candidate) => CandidateVerdict;

function judgeIn(situation: MemorySituation, minFreeRatioAfterLoad: Reserves['minFreeRatioAfterLoad']): JudgeOne {
  return (given) => {
    const { smaller: _smaller, minFreeByTotal: _resolved, documented, ...candidate } = given;
    const minFreeBytes = minFreeBytesOf(given, situation.totalBytes);
    const rules = judgeRules(
      candidate.need,
      situation,
      { minFreeBytes, minFreeRatioAfterLoad, documented },
      candidate.roomBytes,
    );
    const admitted = rules.every((rule) => rule.passed);
    return Object.freeze(
      withoutPrototype({ ...candidate, minFreeBytes, admitted, rules, shortfallBytes: shortfallBytes(rules) }),
    );
  };
}

/** The largest context, and if that is refused the largest one that is not, else the least one. */
function judgeContexts(candidate: Candidate, judgeOne: JudgeOne): readonly CandidateVerdict[] {
  const { contextSize, smaller } = candidate;
  const largest = judgeOne(candidate);
  if (largest.admitted || contextSize === undefined || !smaller || smaller.leastContextSize === contextSize) {
    return [largest];
  }
  const least = judgeOne(smaller.at(smaller.leastContextSize));
  return [largest, least.admitted ? largestThatFits(smaller.at, least, contextSize, judgeOne) : least];
}

/** Between one that fits and a size that doesn't. */
function largestThatFits(
  at: SmallerContexts['at'],
  least: CandidateVerdict,
  refusedSize: number,
  judgeOne: JudgeOne,
): CandidateVerdict {
  let best = least;
  let [fits, refused] = [least.contextSize!, refusedSize];
  for (;;) {
    const middle = Math.ceil((fits + refused) / 2 / CONTEXT_STEP) * CONTEXT_STEP;
    const next = middle < refused ? middle : middle - CONTEXT_STEP;
    if (next <= fits) return best;
    const verdict = judgeOne(at(next));
    if (verdict.admitted) [fits, best] = [next, verdict];
    else refused = next;
  }
}
