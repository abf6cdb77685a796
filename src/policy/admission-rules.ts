/** The three documented rules of admission, each evaluated and named. Pure: no reading, no clock, no acting. */
import { neededBytes } from '../core/needed-bytes.ts';
import type { LoadNeed } from '../core/types.ts';

export type AdmissionRule = 'headroom' | 'free-ratio-after-load' | 'min-free';

/** One rule with the two numbers it compared: it passes if `foundBytes >= requiredBytes`. */
export interface RuleVerdict {
  readonly rule: AdmissionRule;
  readonly requiredBytes: number;
  readonly foundBytes: number;
  readonly passed: boolean;
}

/** The machine and the ledger at one moment. */
export interface MemorySituation {
  /** The smallest limit over all scopes. */
  readonly totalBytes: number;
  /** What the system would call available. */
  readonly availableBytes: number;
  /** Available, less what loaded models keep mapped, less what is promised and not taken. */
  readonly headroomBytes: number;
  /** Promised and not taken, anonymous part: it will leave `availableBytes`. */
  readonly promisedAnonymousBytes: number;
}

/** The reserves that a load must leave. */
export interface Reserves {
  readonly minFreeBytes: number;
  readonly minFreeRatioAfterLoad: number;
}

/** All three rules for one need. The load is admitted if every rule passed. */
export function judgeRules(need: LoadNeed, situation: MemorySituation, reserves: Reserves): readonly RuleVerdict[] {
  const bytes = neededBytes(need);
  const { totalBytes, availableBytes, headroomBytes, promisedAnonymousBytes } = situation;
  return Object.freeze([
    verdict('headroom', bytes, headroomBytes),
    // Mapped weights stay available to the system, so only anonymous bytes are taken off here.
    verdict(
      'free-ratio-after-load',
      Math.ceil(totalBytes * reserves.minFreeRatioAfterLoad),
      availableBytes - promisedAnonymousBytes - need.anonymousBytes,
    ),
    verdict('min-free', reserves.minFreeBytes, headroomBytes - bytes),
  ]);
}

/** How many bytes are missing until the last refusing rule would pass; 0 if all passed. */
export function shortfallBytes(rules: readonly RuleVerdict[]): number {
  return rules.reduce((most, { requiredBytes, foundBytes }) => Math.max(most, requiredBytes - foundBytes), 0);
}

function verdict(rule: AdmissionRule, requiredBytes: number, foundBytes: number): RuleVerdict {
  return Object.freeze({ rule, requiredBytes, foundBytes, passed: foundBytes >= requiredBytes });
}
