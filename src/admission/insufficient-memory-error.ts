/** The error of a refused load, with the numbers that refused it. It decides nothing. */
import { MemoryGuardError } from '../core/errors.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { AdmissionRule } from '../policy/admission-rules.ts';
import { type Decision, nearestCandidate, type RefusalReason } from '../policy/decision.ts';

/** Which kind of refusal it is, and the numbers of the candidate that came nearest to being admitted. */
export interface RefusalNumbers {
  /**
   * `busy`: the load would fit if all that is held here now were given back, so that trying again may help. `too-large`: it doesn't fit here with
   * these options even then. Absent if nobody knows what the load needs.
   */
  readonly reason?: RefusalReason;
  /**
   * In how many milliseconds trying again may help: then idle models will have ended for their `keepAliveMs` that hold as much as is missing. Absent
   * if the guard can't tell.
   */
  readonly retryAfterMs?: number;
  /** What the candidate needs, with the room for its first context. */
  readonly requiredBytes: number;
  /** What this process could still take without evicting what loaded models need. */
  readonly headroomBytes: number;
  /** What the system called available. Files that loaded models keep mapped count as available here. */
  readonly availableBytes: number;
  /** How much more must be free until every rule passes. */
  readonly shortfallBytes: number;
  /** The rules that failed. */
  readonly refusedBy: readonly AdmissionRule[];
  /** The whole decision: every candidate with every rule and its numbers. */
  readonly plan: Decision;
}

/** `ERR_INSUFFICIENT_MEMORY`: no candidate of a load fits, and the load was refused. */
export class InsufficientMemoryError extends MemoryGuardError implements RefusalNumbers {
  protected static override readonly brand: symbol = Symbol.for('nexa-memory-guard.InsufficientMemoryError');
  declare readonly code: 'ERR_INSUFFICIENT_MEMORY';
  declare readonly reason?: RefusalReason;
  declare readonly retryAfterMs?: number;
  readonly requiredBytes: number;
  readonly headroomBytes: number;
  readonly availableBytes: number;
  readonly shortfallBytes: number;
  readonly refusedBy: readonly AdmissionRule[];
  readonly plan: Decision;

  constructor(decision: Decision, message: string, retryAfterMs?: number) {
    super('ERR_INSUFFICIENT_MEMORY', message);
    const { need, roomBytes = 0, shortfallBytes } = nearestCandidate(decision);
    if (decision.reason) this.reason = decision.reason;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
    this.requiredBytes = neededBytes(need) + roomBytes;
    this.headroomBytes = decision.headroomBytes;
    this.availableBytes = decision.availableBytes;
    this.shortfallBytes = shortfallBytes;
    this.refusedBy = listFailedRules(decision);
    this.plan = decision;
  }
}

/** The rules that failed for the candidate that came nearest. */
export function listFailedRules(decision: Decision): readonly AdmissionRule[] {
  const { rules } = nearestCandidate(decision);
  return rules.filter((rule) => !rule.passed).map((rule) => rule.rule);
}
