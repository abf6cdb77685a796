/** The one sum over a need. It knows nothing else. */

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
