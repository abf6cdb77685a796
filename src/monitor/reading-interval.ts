/** How long the next reading may wait. Pure. */
import { MiB } from '../core/bytes.ts';

/** The fastest that a machine fills memory, from earlyoom's `main.c` (6000 MiB/s). */
const FILL_BYTES_PER_MS = (6000 * MiB) / 1000;

/** Below 10 ms timers cost more than the reading; above 1 s nobody would call it watching. */
const SHORTEST_MS = 10;
export const LONGEST_MS = 1000;

/**
 * If the addon's thread reads that often, and only peers' promises are to be looked at from here. Waking JavaScript once a
 * second would be most of what watching costs.
 */
export const WATCHED_MS = 4000;

/** Milliseconds in which memory can't fall by `distanceBytes`, between 10 and 1000. */
export function nextReadingMs(distanceBytes: number): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, distanceBytes / FILL_BYTES_PER_MS));
}
