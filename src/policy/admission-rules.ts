/** The three documented rules of admission, each evaluated and named. Pure: no reading, no clock, no acting. */
import { neededBytes } from '../core/needed-bytes.ts';
import type { LoadNeed } from '../core/types.ts';
import { DEFAULT_MIN_FREE_RATIO } from './reserves.ts';

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
  /** The share of the total that must stay available, if the user says so. */
  readonly minFreeRatioAfterLoad?: number | undefined;
  /** The documented table has a row for it: then the documented share holds, however little it needs. */
  readonly documented?: boolean | undefined;
}

/**
 * All three rules for one need. The load is admitted if every rule passed. `roomBytes` of anonymous memory will be taken next, by a load that
 * this one must leave headroom for.
 */
export function judgeRules(
  need: LoadNeed,
  situation: MemorySituation,
  reserves: Reserves,
  roomBytes = 0,
): readonly RuleVerdict[] {
  const bytes = neededBytes(need) + roomBytes;
  const { totalBytes, availableBytes, headroomBytes, promisedAnonymousBytes } = situation;
  return Object.freeze([
    verdict('headroom', bytes, headroomBytes),
    // Mapped weights stay available to the system, so only anonymous bytes are taken off here.
    verdict(
      'free-ratio-after-load',
      availableBytesAfterLoad(need, totalBytes, reserves),
      availableBytes - promisedAnonymousBytes - need.anonymousBytes,
    ),
    verdict('min-free', reserves.minFreeBytes, headroomBytes - bytes),
  ]);
}

/**
 * What must stay available once the load is done. A model without a documented row leaves as much again as it takes, and what is to be kept
 * free, if that is less than the documented share: 35 MiB are not refused where 7 of 32 GiB are available.
 */
function availableBytesAfterLoad(
  { anonymousBytes }: LoadNeed,
  totalBytes: number,
  { minFreeBytes, minFreeRatioAfterLoad, documented }: Reserves,
): number {
  const share = Math.ceil(totalBytes * (minFreeRatioAfterLoad ?? DEFAULT_MIN_FREE_RATIO));
  if (documented || minFreeRatioAfterLoad !== undefined) return share;
  return Math.min(share, Math.max(minFreeBytes, anonymousBytes));
}

/** How many bytes are missing until the last refusing rule would pass; 0 if all passed. */
export function shortfallBytes(rules: readonly RuleVerdict[]): number {
  return rules.reduce((most, { requiredBytes, foundBytes }) => Math.max(most, requiredBytes - foundBytes), 0);
}

function verdict(rule: AdmissionRule, requiredBytes: number, foundBytes: number): RuleVerdict {
  return Object.freeze({ rule, requiredBytes, foundBytes, passed: foundBytes >= requiredBytes });
}
