/** One load that is asked for: the steps it may take, and the decision that is told of it. Pure: it reads and reserves nothing. */

import type { Quantization } from '../core/types.ts';
import type { Decision } from '../events/guard-events.ts';
import type { WaitTicket } from '../ledger/ledger.ts';
import type { MemorySituation } from './admission-rules.ts';
import { type Candidate, type CandidateVerdict, keepSavingSteps } from './choose-candidate.ts';

/** One load to decide on; candidates in order of quality, the asked one first. */
export interface AdmissionRequest {
  readonly model: string;
  readonly askedQuantization?: Quantization;
  readonly candidates: readonly Candidate[];
  /** Whether candidates after the first may be taken. */
  readonly downgrade: boolean;
  /** Its place in the line: loads that wait before it keep what they wait for, all of them where it has none. */
  readonly ticket?: WaitTicket;
}

/** What the rules said of each step. */
export interface JudgedCandidates {
  readonly view: MemorySituation & { readonly waitingBytes: number };
  readonly verdicts: readonly CandidateVerdict[];
  readonly chosen: CandidateVerdict | undefined;
}

/** The candidates that may be taken and save memory, in their order. */
export function stepsOf({ candidates, downgrade }: AdmissionRequest): readonly Candidate[] {
  return keepSavingSteps(downgrade ? candidates : sameQuantization(candidates));
}

/** Without a downgrade the quantization stays; contexts and cache types are the caller's own ranges. */
function sameQuantization(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ quantization }) => quantization === candidates[0]?.quantization);
}

/** What would have to come free for the first of them to fit. */
export function leastMissing(verdicts: readonly CandidateVerdict[]): number {
  return Math.min(...verdicts.map((candidate) => candidate.shortfallBytes));
}

export function makeDecision(ask: AdmissionRequest, { view, verdicts, chosen }: JudgedCandidates): Decision {
  const { totalBytes, availableBytes, headroomBytes, waitingBytes } = view;
  return {
    verdict: !chosen ? 'refuse' : chosen.quantization === ask.askedQuantization ? 'admit' : 'downgrade',
    model: ask.model,
    ...(ask.askedQuantization && { askedQuantization: ask.askedQuantization }),
    ...(chosen?.quantization && { quantization: chosen.quantization }),
    ...(chosen?.contextSize !== undefined && { contextSize: chosen.contextSize }),
    ...(chosen?.kvCacheType !== undefined && { kvCacheType: chosen.kvCacheType }),
    ...(chosen && { need: chosen.need }),
    totalBytes,
    availableBytes,
    headroomBytes,
    ...(waitingBytes > 0 && { waitingBytes }),
    candidates: verdicts,
  };
}
