/** Free memory judged against the reserve: ok, warning or critical. Pure; when to report a change is the monitor's. */
import type { MemoryStatusLevel } from '../core/types.ts';

/** The documented factor: a warning is told below twice the bytes to keep free. */
export const DEFAULT_WARNING_FACTOR = 2;

/** Below `minFreeBytes` critical, below `warningFactor` times it warning, else ok. */
export function judgeStatus(freeBytes: number, minFreeBytes: number, warningFactor: number): MemoryStatusLevel {
  if (freeBytes < minFreeBytes) return 'critical';
  if (freeBytes < warningFactor * minFreeBytes) return 'warning';
  return 'ok';
}

const SEVERITY: Readonly<Record<MemoryStatusLevel, number>> = { ok: 0, warning: 1, critical: 2 };

/** Positive if `a` is worse than `b`. */
export function compareSeverity(a: MemoryStatusLevel, b: MemoryStatusLevel): number {
  return SEVERITY[a] - SEVERITY[b];
}
