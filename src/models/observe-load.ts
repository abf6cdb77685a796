/** What one load really took, as the process grew, and only if nothing else can have grown beside it. It decides nothing. */
import type { HeldFile, LoadNeed, LoadParts } from '../core/types.ts';
import type { Observation } from '../footprint/apply-observations.ts';
import { NOISE_BYTES } from '../footprint/raise-need.ts';

/** What is known of one load so far. */
export type ObservedMemory = Omit<LoadParts, 'anonymousAfterCallBytes'> & Partial<LoadParts>;

/** A load under observation. */
export interface Observing {
  /** Under which it is kept; absent if nothing is kept, or the load can't be told from others. */
  readonly key: string | undefined;
  /** Loads, unloads and calls of this guard that had begun when it was loaded. */
  readonly changes: number;
  readonly observation: Observation;
  /** What the process has grown by since the load began. */
  readonly grown: ReadGrowth;
}

/** Reads what the process has grown by, in bytes. `undefined` if that can't be read. */
export type ReadGrowth = () => number | undefined;

/** A call that has just ended well, alone. */
export interface ObservedCall {
  /** As `changes` of the load, now. */
  readonly changes: number;
  /** How many of them were calls of this model. */
  readonly ownCalls: number;
  /** Whether it filled a micro-batch. */
  readonly full: boolean;
  /** Whether any call so far had audio. */
  readonly heard: boolean;
}

/** A program takes memory of its own as it runs; after so many calls growth is no longer called the model's. */
const MOST_CALLS = 8;

/** What a model took if that is more than was reserved for it, by more than noise. */
export function outgrownBytes({ anonymousBytes }: LoadNeed, { observation }: Observing): number | undefined {
  const { anonymousAfterLoadBytes, anonymousAfterCallBytes = 0 } = observation;
  const takenBytes = Math.max(anonymousAfterLoadBytes, anonymousAfterCallBytes);
  return takenBytes > anonymousBytes + NOISE_BYTES ? takenBytes : undefined;
}

/** Notes what the process has taken now. No load and no call must fail because a reading does. */
export function noteGrowth(readBytes: () => number | undefined): ReadGrowth {
  const read = () => {
    try {
      return readBytes();
    } catch {
      return undefined;
    }
  };
  const beforeBytes = read();
  return () => {
    const nowBytes = beforeBytes === undefined ? undefined : read();
    return nowBytes === undefined ? undefined : nowBytes - beforeBytes!;
  };
}

/** After a load. `undefined` if the system doesn't tell what grew or was mapped. */
export function observeLoad(
  key: string | undefined,
  changes: number,
  grown: ReadGrowth,
  files: readonly HeldFile[] | undefined,
): Observing | undefined {
  const grownBytes = grown();
  if (grownBytes === undefined || files === undefined) return undefined;
  const mappedBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const anonymousAfterLoadBytes = Math.max(0, grownBytes);
  const observation = { load: crypto.randomUUID(), mappedBytes, anonymousAfterLoadBytes, full: false, heard: false };
  return { key, changes, observation, grown };
}

/** What a load that the kernel ended adds to what was known of it. `mappedBytes` is what it was to map. */
export function observeKill(
  observation: Observation | undefined,
  fatalBytes: number,
  { mappedBytes }: Pick<LoadNeed, 'mappedBytes'>,
): Observation {
  if (observation) return { ...observation, fatalBytes };
  const load = crypto.randomUUID();
  return { load, mappedBytes, anonymousAfterLoadBytes: fatalBytes, full: false, heard: false, fatalBytes };
}

/** What a call adds. The same observation if it adds nothing, or anything else began since the load. */
export function observeCall(observing: Observing, call: ObservedCall): Observing {
  const { changes, ownCalls, full, heard } = call;
  const { observation, grown } = observing;
  if (ownCalls > MOST_CALLS || changes !== observing.changes + ownCalls) return observing;
  const first = observation.anonymousAfterCallBytes === undefined;
  const fuller = full && (!observation.full || (heard && !observation.heard));
  if (!first && !fuller) return observing;
  const grownBytes = grown();
  if (grownBytes === undefined) return observing;
  const anonymousAfterCallBytes = Math.max(0, grownBytes);
  return { ...observing, observation: { ...observation, anonymousAfterCallBytes, full, heard } };
}
