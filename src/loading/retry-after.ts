/** When it may help to try a refused load again, as far as idle models tell that. Pure. */
import { neededBytes } from '../core/needed-bytes.ts';
import type { LoadNeed } from '../core/types.ts';
import type { IdleEnd } from '../models/keep-alive.ts';
import { type Decision, nearestCandidate } from '../policy/decision.ts';

/**
 * In how many milliseconds idle models will have ended that hold what is missing. `undefined`: it can't be told, since not enough of them end by
 * themselves, or what they give back goes to a load that waits.
 */
export function findRetryAfterMs(
  decision: Pick<Decision, 'candidates' | 'reason' | 'waitingBytes'>,
  ends: readonly IdleEnd[],
  nowMs: number,
): number | undefined {
  if (decision.reason !== 'busy' || decision.waitingBytes !== undefined) return undefined;
  const freed: LoadNeed[] = [];
  for (const { atMs, need } of [...ends].sort((a, b) => a.atMs - b.atMs)) {
    freed.push(need);
    if (isEnough(decision, freed)) return Math.max(0, Math.ceil(atMs - nowMs));
  }
  return undefined;
}

/** Mapped bytes are available to the system already: their return helps only the rules on headroom. */
function isEnough(decision: Pick<Decision, 'candidates'>, freed: readonly LoadNeed[]): boolean {
  const anonymousBytes = freed.reduce((sum, need) => sum + need.anonymousBytes, 0);
  const bytes = freed.reduce((sum, need) => sum + neededBytes(need), 0);
  return nearestCandidate(decision).rules.every(
    ({ rule, requiredBytes, foundBytes }) =>
      foundBytes + (rule === 'free-ratio-after-load' ? anonymousBytes : bytes) >= requiredBytes,
  );
}
