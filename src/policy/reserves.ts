/** What a load must leave free: bytes that are said, or a share of the total. Pure: no reading, no acting. */
import { MiB } from '../core/bytes.ts';

/** What models ask to keep free: the largest of what was said for them and, if it goes by the total for one of them, of that. */
export interface MinFree {
  /** What the user or the documented table says; 0 if nobody said anything. */
  readonly minFreeBytes: number;
  /** A model is among them for which it goes by the total. */
  readonly minFreeByTotal?: boolean;
}

/** The share of the total that must stay available after a load. */
export const DEFAULT_MIN_FREE_RATIO = 0.25;

/** For a model of which nobody says what it should keep free. */
export const MIN_FREE_BY_TOTAL: MinFree = Object.freeze({ minFreeBytes: 0, minFreeByTotal: true });

/** What a model keeps free that no row of the documented table speaks of: 64 to 512 MiB, a sixteenth of the total between. */
export function minFreeBytesByTotal(totalBytes: number): number {
  return Math.min(512 * MiB, Math.max(64 * MiB, Math.floor(totalBytes / 16)));
}

/** What is to be kept free of so large a total. */
export function minFreeBytesOf({ minFreeBytes, minFreeByTotal }: MinFree, totalBytes: number): number {
  return minFreeByTotal ? Math.max(minFreeBytes, minFreeBytesByTotal(totalBytes)) : minFreeBytes;
}

/** With several models the largest counts. */
export function largestMinFree(all: Iterable<MinFree>): MinFree {
  let [minFreeBytes, minFreeByTotal] = [0, false];
  for (const each of all) {
    minFreeBytes = Math.max(minFreeBytes, each.minFreeBytes);
    minFreeByTotal ||= each.minFreeByTotal === true;
  }
  return { minFreeBytes, minFreeByTotal };
}
