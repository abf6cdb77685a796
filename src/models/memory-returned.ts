/** Waits until memory that was given back is seen to be back. It frees nothing itself. */
import { MiB } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';

/** Freed memory is looked for this often, and for half a second at most. */
const STEP_MS = 10;
const MOST_STEPS = 50;
/** If less came back than expected, this many steps are spent on waiting for more. */
const PATIENT_STEPS = 20;
/** A reading that rises by less stands still: allocators and the kernel's own counters move by this much. */
const STILL_BYTES = MiB;

export interface Returned {
  /** By how much headroom rose until it stood still; absent if it can't be read. */
  readonly freedBytes?: number;
  readonly elapsedMs: number;
}

/** Resolves once free memory stands still. `readBytes` gives headroom, `undefined` if it can't be read. */
export async function memoryReturned(
  clock: Clock,
  readBytes: () => number | undefined,
  beforeBytes: number | undefined,
  expectedBytes: number,
): Promise<Returned> {
  const startMs = clock.nowMs();
  let lastBytes = beforeBytes;
  for (let step = 1; step <= MOST_STEPS; step++) {
    const nowBytes = readBytes();
    if (nowBytes === undefined || beforeBytes === undefined) return { elapsedMs: clock.nowMs() - startMs };
    const rising = nowBytes - (lastBytes ?? nowBytes) >= STILL_BYTES;
    const due = nowBytes - beforeBytes < expectedBytes / 2 && step < PATIENT_STEPS;
    lastBytes = nowBytes;
    if (!rising && !due) break;
    await new Promise<void>((resolve) => clock.schedule(resolve, STEP_MS, true));
  }
  const freedBytes = Math.max(0, (lastBytes ?? 0) - (beforeBytes ?? 0));
  return { freedBytes, elapsedMs: clock.nowMs() - startMs };
}
