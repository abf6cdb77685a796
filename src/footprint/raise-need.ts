/** Knows how a need that no file tells is corrected by what earlier loads took: it only rises. It must not read files. */
import { MiB } from '../core/bytes.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { LoadNeed } from '../core/types.ts';
import type { Observation } from './apply-observations.ts';

/** A busy process moves by this much without any model: allocators, compiled code, stacks of new threads. */
export const NOISE_BYTES = 8 * MiB;

/** The most that was seen of these loads, or `undefined` if none was. */
export function measureNeed(observations: readonly Observation[]): LoadNeed | undefined {
  if (observations.length === 0) return undefined;
  const totalBytes = Math.max(...observations.map((each) => each.mappedBytes + takenBytes(each)));
  const anonymousBytes = Math.max(...observations.map(takenBytes));
  return { mappedBytes: totalBytes - anonymousBytes, anonymousBytes, basis: 'measured' };
}

/**
 * The need, or more if more was seen by more than noise: neither its sum nor its anonymous part shrinks. Mapped bytes that turned out to be
 * anonymous count once.
 */
export function raiseNeed(need: LoadNeed, observations: readonly Observation[]): LoadNeed {
  const seen = measureNeed(observations);
  if (!seen) return need;
  const anonymousBytes = Math.max(need.anonymousBytes, seen.anonymousBytes);
  const totalBytes = Math.max(neededBytes(need), neededBytes(seen));
  const raises = totalBytes > neededBytes(need) + NOISE_BYTES || anonymousBytes > need.anonymousBytes + NOISE_BYTES;
  return raises ? { mappedBytes: totalBytes - anonymousBytes, anonymousBytes, basis: 'measured' } : need;
}

/** The anonymous bytes of one load at their most. */
function takenBytes({ anonymousAfterLoadBytes, anonymousAfterCallBytes = 0, fatalBytes = 0 }: Observation): number {
  return Math.max(anonymousAfterLoadBytes, anonymousAfterCallBytes, fatalBytes);
}
