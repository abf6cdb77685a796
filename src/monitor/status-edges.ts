/** Turns readings into edges of the status, with hysteresis and dwell. Pure: time comes as a number. */

import type { MemoryStatusLevel } from '../core/types.ts';
import { compareSeverity, judgeStatus } from '../policy/memory-status.ts';

export interface EdgeRules {
  readonly warningFactor: number;
  readonly hysteresisRatio: number;
  readonly dwellMs: number;
}

/** The level that was last told, and since when readings have been better than it. */
export interface EdgeState {
  readonly level: MemoryStatusLevel;
  readonly betterSinceMs?: number;
}

/**
 * Getting worse shows at once. Getting better shows only after free memory has stayed `hysteresisRatio` above the
 * threshold for `dwellMs`, so that a value swinging around it gives one event.
 */
export function nextEdge(
  state: EdgeState,
  freeBytes: number,
  minFreeBytes: number,
  nowMs: number,
  rules: EdgeRules,
): EdgeState {
  const level = judgeStatus(freeBytes, minFreeBytes, rules.warningFactor);
  if (compareSeverity(level, state.level) > 0) return { level };
  const surely = judgeStatus(freeBytes / (1 + rules.hysteresisRatio), minFreeBytes, rules.warningFactor);
  if (compareSeverity(surely, state.level) >= 0) return { level: state.level };
  const betterSinceMs = state.betterSinceMs ?? nowMs;
  return nowMs - betterSinceMs >= rules.dwellMs ? { level: surely } : { level: state.level, betterSinceMs };
}

/** Below which free memory the state changes next: to a worse level, or back to waiting for a better one. */
export function nextChangeBytes({ level, betterSinceMs }: EdgeState, minFreeBytes: number, rules: EdgeRules): number {
  const thresholdBytes = { ok: rules.warningFactor * minFreeBytes, warning: minFreeBytes, critical: -Infinity };
  if (betterSinceMs === undefined) return thresholdBytes[level];
  const leftBytes = level === 'critical' ? minFreeBytes : rules.warningFactor * minFreeBytes;
  return leftBytes * (1 + rules.hysteresisRatio);
}
