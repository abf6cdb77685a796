/** The error of a refused load, with the numbers that refused it. It decides nothing. */
import { MemoryGuardError } from '../core/errors.ts';
import type { Decision } from '../events/guard-events.ts';
import type { AdmissionRule } from '../policy/admission-rules.ts';
import { nearestCandidate } from './decision-messages.ts';

/** `ERR_INSUFFICIENT_MEMORY`: the numbers are those of the candidate that came nearest. */
export class InsufficientMemoryError extends MemoryGuardError {
  /** What that candidate needs. */
  readonly requiredBytes: number;
  /** Headroom: what this process can still take without evicting what loaded models need. */
  readonly availableBytes: number;
  /** How much more must be free until every rule passes. */
  readonly shortfallBytes: number;
  readonly refusedBy: readonly AdmissionRule[];
  /** The whole decision: every candidate with every rule and its numbers. */
  readonly plan: Decision;

  constructor(decision: Decision, message: string) {
    super('ERR_INSUFFICIENT_MEMORY', message);
    const { need, shortfallBytes, rules } = nearestCandidate(decision);
    this.requiredBytes = need.mappedBytes + need.anonymousBytes;
    this.availableBytes = decision.headroomBytes;
    this.shortfallBytes = shortfallBytes;
    this.refusedBy = rules.filter((rule) => !rule.passed).map((rule) => rule.rule);
    this.plan = decision;
  }
}
