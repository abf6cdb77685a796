/** What one load really took, as the process grew, and only where nothing else can have grown beside it. It decides nothing. */
import { MiB } from '../bytes.ts';
import type { Observation } from '../footprint/corrected.ts';
import type { HeldFile, Need } from '../types.ts';

/** What is known of one load so far. */
export type Observed = Pick<Observation, 'mappedBytes' | 'anonymousAfterLoadBytes'> &
  Partial<Pick<Observation, 'anonymousAfterCallBytes'>>;

/** A load under observation. */
export interface Observing {
  /** Under which it is kept; absent for a load that no estimate was made for. */
  readonly key: string | undefined;
  /** Loads, unloads and calls of this guard that had begun when it was loaded. */
  readonly changes: number;
  readonly observed: Observed;
  /** Whether a call has filled a micro-batch: then the observation is complete. */
  readonly full: boolean;
}

/** A program takes memory of its own as it runs; after so many calls growth is no longer called the model's. */
const MOST_CALLS = 8;

/** A busy process moves by this much without any model: allocators, compiled code, stacks of new threads. */
const NOISE_BYTES = 8 * MiB;

/** What a model took where that is more than it was promised, by more than noise. */
export function outgrownBytes({ anonymousBytes }: Need, { observed }: Observing): number | undefined {
  const { anonymousAfterLoadBytes, anonymousAfterCallBytes = 0 } = observed;
  const takenBytes = Math.max(anonymousAfterLoadBytes, anonymousAfterCallBytes);
  return takenBytes > anonymousBytes + NOISE_BYTES ? takenBytes : undefined;
}

/** After a load. `undefined` where the system doesn't tell what grew or was mapped. */
export function observeLoad(
  key: string | undefined,
  changes: number,
  grownBytes: number | undefined,
  files: readonly HeldFile[] | undefined,
): Observing | undefined {
  if (grownBytes === undefined || files === undefined) return undefined;
  const mappedBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return { key, changes, observed: { mappedBytes, anonymousAfterLoadBytes: Math.max(0, grownBytes) }, full: false };
}

/** After a call of this model, the `ownCalls`-th. The same observation where it is complete, or anything else began in between. */
export function observeCall(
  observing: Observing,
  changes: number,
  ownCalls: number,
  full: boolean,
  grown: () => number | undefined,
): Observing {
  if (observing.full || ownCalls > MOST_CALLS || changes !== observing.changes + ownCalls) return observing;
  // A shorter call after the first adds nothing.
  if (!full && observing.observed.anonymousAfterCallBytes !== undefined) return observing;
  const grownBytes = grown();
  if (grownBytes === undefined) return observing;
  const observed = { ...observing.observed, anonymousAfterCallBytes: Math.max(0, grownBytes) };
  return { ...observing, observed, full };
}
