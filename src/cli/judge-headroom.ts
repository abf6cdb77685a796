/** Judges what can be taken as a guard does. It reads nothing. */
import type { MemoryStatusLevel } from '../index.ts';
import { DEFAULT_WARNING_FACTOR, judgeStatus } from '../policy/memory-status.ts';
import { minFreeBytesByTotal } from '../policy/reserves.ts';

/** What can be taken, and of how much. */
export interface Headroom {
  readonly headroomBytes: number;
  readonly totalBytes: number;
}

export interface JudgedHeadroom {
  readonly status: MemoryStatusLevel;
  /** What is to stay free. */
  readonly minFreeBytes: number;
}

/** The status that a guard has once it has loaded a model for which so much is to stay free; without it, one without a row in the documented table. */
export function judgeHeadroom(
  { headroomBytes, totalBytes }: Headroom,
  minFreeBytes: number = minFreeBytesByTotal(totalBytes),
): JudgedHeadroom {
  return { status: judgeStatus(headroomBytes, minFreeBytes, DEFAULT_WARNING_FACTOR), minFreeBytes };
}
