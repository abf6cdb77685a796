/** One load that asks to be admitted, and the decision that is told of it. Pure: it reads and reserves nothing. */
import { neededBytes } from '../core/needed-bytes.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { KvCacheType, LoadNeed } from '../core/types.ts';
import type { AdmissionRule, MemorySituation } from './admission-rules.ts';
import { type Candidate, type CandidateVerdict, keepSavingSteps } from './choose-candidate.ts';

/** One load to decide on. Candidates are in order of quality, the asked one first. */
export interface AdmissionRequest {
  readonly model: string;
  readonly askedQuantization?: QuantizationName;
  readonly candidates: readonly Candidate[];
  /** Whether a quantization below the first one may be taken. */
  readonly downgrade: boolean;
  /** The share of the total that is to stay available, in place of the gate's own: a call on a loaded model may take what was kept for it. */
  readonly minFreeRatio?: number;
}

/** What the rules said of each candidate. */
export interface JudgedCandidates {
  readonly view: MemorySituation & { readonly waitingBytes: number };
  readonly verdicts: readonly CandidateVerdict[];
  readonly chosen: CandidateVerdict | undefined;
}

/** What the guard decided about one load, with every number and every rule behind it. All sizes are bytes. */
export interface Decision {
  readonly verdict: 'admit' | 'downgrade' | 'refuse';
  readonly model: string;
  /** The quantization that was asked for, or recommended if none was asked for. Absent for a model without a ladder. */
  readonly askedQuantization?: QuantizationName;
  /** The quantization that is loaded. Absent if the load is refused or the model has no ladder. */
  readonly quantization?: QuantizationName;
  /** The file that is loaded. Absent if the load is refused or the file isn't known. */
  readonly modelPath?: string;
  /** Tokens of context that were chosen. Absent if the need doesn't depend on them. */
  readonly contextSize?: number;
  /** The type of the KV cache that was chosen. Absent if the runtime's own default is used. */
  readonly kvCacheType?: KvCacheType;
  /** What is reserved for the load. Absent if it is refused. */
  readonly need?: LoadNeed;
  /** The smallest limit over all scopes. */
  readonly totalBytes: number;
  /** What the system would call available. */
  readonly availableBytes: number;
  /** What this process can still take without evicting what loaded models need. */
  readonly headroomBytes: number;
  /** Bytes that are kept for the load that waits first, and taken off `headroomBytes`. Absent if none waits before this one. */
  readonly waitingBytes?: number;
  readonly candidates: readonly CandidateVerdict[];
  /** Which kind of refusal it is. Absent unless the load is refused, and if that can't be told. */
  readonly reason?: RefusalReason;
  /** What would help. Absent unless the load is refused. */
  readonly help?: RefusalHelp;
}

/**
 * `busy`: the load would fit if all that is held here now were given back, so that waiting or trying again may help. `too-large`: it doesn't fit
 * here with these options even then.
 */
export type RefusalReason = 'busy' | 'too-large';

/** What would let a refused load in, each by itself. */
export interface RefusalHelp {
  /** Bytes that must become free. Absent if even an empty machine would refuse the load. */
  readonly freeBytes?: number;
  /** Loaded models that together hold as much, the largest first. Empty if all of them don't. */
  readonly unload: readonly string[];
  /** A smaller context than was asked for that fits now. Absent if none does, or the need doesn't depend on it. */
  readonly context?: {
    readonly contextSize: number;
    readonly quantization?: QuantizationName;
    readonly kvCacheType?: KvCacheType;
  };
  /** The largest smaller quantization that fits, if the load may not go down to it. */
  readonly downgrade?: QuantizationName;
  /** The reserves with which it would fit: at the most so many bytes kept free, at the most such a share of the total. Absent if they don't refuse it. */
  readonly reserves?: {
    readonly minFreeBytes?: number;
    readonly minFreeRatioAfterLoad?: number;
    /** Their price: what would stay free beside the model. */
    readonly leavesBytes: number;
  };
  /** What `evict: 'idle'` would unload for it. Absent if it is set, or idle models don't hold enough. */
  readonly evict?: readonly string[];
  /** The control group whose limit to raise. Absent if no group's limit refuses the load. */
  readonly raiseLimit?: string;
}

/** The candidates that may be taken and save memory, in their order. */
export function listSteps({ candidates, downgrade }: AdmissionRequest): readonly Candidate[] {
  return keepSavingSteps(downgrade ? candidates : keepFirstQuantization(candidates));
}

/** Without a downgrade the quantization stays; contexts and cache types are the caller's own ranges. */
function keepFirstQuantization(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ quantization }) => quantization === candidates[0]?.quantization);
}

/** What would have to come free for the first of them to fit. */
export function leastMissing(verdicts: readonly CandidateVerdict[]): number {
  return Math.min(...verdicts.map((candidate) => candidate.shortfallBytes));
}

/** The decision as it is told: its numbers, and the candidate that was chosen. */
export function makeDecision(request: AdmissionRequest, { view, verdicts, chosen }: JudgedCandidates): Decision {
  const { totalBytes, availableBytes, headroomBytes, waitingBytes } = view;
  const reason = chosen ? undefined : findRefusalReason({ candidates: verdicts, totalBytes });
  return {
    verdict: !chosen ? 'refuse' : chosen.quantization === request.askedQuantization ? 'admit' : 'downgrade',
    model: request.model,
    ...(request.askedQuantization && { askedQuantization: request.askedQuantization }),
    ...(chosen && describeChoice(chosen)),
    totalBytes,
    availableBytes,
    headroomBytes,
    ...(waitingBytes > 0 && { waitingBytes }),
    candidates: verdicts,
    ...(reason && { reason }),
  };
}

/** What a decision says of the candidate that is loaded. */
export function describeChoice(
  chosen: Pick<Candidate, 'quantization' | 'modelPath' | 'contextSize' | 'kvCacheType' | 'need'>,
): Pick<Decision, 'quantization' | 'modelPath' | 'contextSize' | 'kvCacheType' | 'need'> {
  return {
    ...(chosen.quantization && { quantization: chosen.quantization }),
    ...(chosen.modelPath !== undefined && { modelPath: chosen.modelPath }),
    ...(chosen.contextSize !== undefined && { contextSize: chosen.contextSize }),
    ...(chosen.kvCacheType !== undefined && { kvCacheType: chosen.kvCacheType }),
    need: chosen.need,
  };
}

/** The candidate of a decision that came nearest to being admitted. */
export function nearestCandidate({ candidates }: Pick<Decision, 'candidates'>): CandidateVerdict {
  return candidates.reduce((nearest, candidate) =>
    candidate.shortfallBytes < nearest.shortfallBytes ? candidate : nearest,
  );
}

/** Whether freeing memory would help: false if even an empty machine would refuse the load. */
export function canBeFreed(decision: Pick<Decision, 'candidates' | 'totalBytes'>): boolean {
  return findRefusalReason(decision) !== 'too-large';
}

/** Of a load that no candidate was admitted of. `undefined`: nobody knows what it needs, and so not whether it would ever fit. */
export function findRefusalReason({
  candidates,
  totalBytes,
}: Pick<Decision, 'candidates' | 'totalBytes'>): RefusalReason | undefined {
  const fitting = candidates.filter((candidate) => fitsAlone(candidate, totalBytes));
  if (fitting.length === 0) return 'too-large';
  return fitting.some(({ need }) => need.basis !== 'unknown') ? 'busy' : undefined;
}

/** Whether all rules would pass if nothing else took memory: then no file of it is mapped already, either. */
function fitsAlone({ need, heldBytes = 0, roomBytes = 0, rules }: CandidateVerdict, totalBytes: number): boolean {
  const bytes = neededBytes(need) + heldBytes + roomBytes;
  const foundBytes: Readonly<Record<AdmissionRule, number>> = {
    headroom: totalBytes,
    'free-ratio-after-load': totalBytes - need.anonymousBytes,
    'min-free': totalBytes - bytes,
  };
  return rules.every(({ rule, requiredBytes }) => foundBytes[rule] >= (rule === 'headroom' ? bytes : requiredBytes));
}

/** "qwen2audio Q4_0", or the name alone for a model without a ladder. */
export function formatModelName(model: string, quantization: string | undefined): string {
  return quantization ? `${model} ${quantization}` : model;
}
