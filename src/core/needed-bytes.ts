/** The sums over a need and over its files. It knows nothing else. */
import type { HeldFile } from './types.ts';

/** Bytes of all kinds that a load needs, a model holds or an entry of the ledger stands for. */
export function neededBytes({
  mappedBytes,
  anonymousBytes,
}: {
  readonly mappedBytes: number;
  readonly anonymousBytes: number;
}): number {
  return mappedBytes + anonymousBytes;
}

/** Bytes of these files. */
export function sumFileBytes(files: readonly HeldFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
