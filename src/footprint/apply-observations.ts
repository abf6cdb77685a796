/**
 * Knows how to correct an estimate by what earlier loads of the same model really took, part by part. It must not read
 * files.
 */
import type { FootprintBasis, LoadParts } from '../core/types.ts';
import type { Footprint } from './footprint.ts';

/** What is known of one load. All sizes are bytes. */
export interface Observation extends Omit<LoadParts, 'anonymousAfterCallBytes'> {
  /** The name of the load: what is learned of it later takes the place of what was known before. */
  readonly load: string;
  /** Anonymous memory after the first call that completed undisturbed; absent until then. */
  readonly anonymousAfterCallBytes?: number;
  /** True if that call filled a micro-batch; a shorter one leaves part of the compute buffers untouched. */
  readonly full: boolean;
  /** True if the encoder of a projector had run by then. */
  readonly heard: boolean;
  /** How many elements the inputs of that call had, if this is kept of calls of a size and not of a load. */
  readonly elements?: number;
  /** Anonymous memory at the least when the kernel ended its process: it needed that, and more. Absent if it didn't. */
  readonly fatalBytes?: number;
}

/** An estimate as far as a process can see it of itself, corrected. */
export interface CorrectedParts extends LoadParts {
  readonly basis: FootprintBasis;
}

/**
 * Corrects each part by what was seen of it. Full observations replace what is taken beside weights, KV cache and projector
 * while loading and while computing, either way; others only raise it, since a short prompt makes a model look smaller than
 * it is. What was too little once is too little again, whatever other loads took.
 */
export function applyObservations(footprint: Footprint, observations: readonly Observation[]): CorrectedParts {
  const { kvCacheBytes, projectorBytes, weightsBytes, outputBytes, runtimeBytes, basis } = footprint;
  const { computeBytes, projectorComputeBytes, audioBytes, imageBytes, laterBytes } = footprint;
  const mappedBytes = correctMapping(footprint, observations);
  // Second copies of mapped weights are counted for every CPU that may make them, so this one may make fewer.
  const besideBytes = Math.max(0, weightsBytes - mappedBytes);
  const copiesBytes = footprint.mappedBytes > 0 ? Math.min(besideBytes, weightsBytes - footprint.mappedBytes) : 0;
  const surelyBytes = kvCacheBytes + projectorBytes + besideBytes - copiesBytes;
  const loadingBytes = correctPart(
    copiesBytes + outputBytes + runtimeBytes,
    observations,
    ({ anonymousAfterLoadBytes }) => anonymousAfterLoadBytes - surelyBytes,
  );
  const computingBytes = correctPart(
    computeBytes + projectorComputeBytes,
    observations,
    ({ anonymousAfterLoadBytes, anonymousAfterCallBytes = 0, heard }) =>
      anonymousAfterCallBytes - anonymousAfterLoadBytes + (heard ? 0 : projectorComputeBytes),
  );
  const anonymousAfterLoadBytes = surelyBytes + loadingBytes;
  return {
    mappedBytes,
    anonymousAfterLoadBytes,
    anonymousAfterCallBytes: Math.max(
      // What a first call doesn't bring can't be seen in it, and a sound or a picture need not have been the largest.
      anonymousAfterLoadBytes + computingBytes + audioBytes + imageBytes + laterBytes,
      ...observations.map(({ fatalBytes = 0 }) => fatalBytes),
    ),
    ...(laterBytes > 0 && { laterBytes }),
    basis: observations.length > 0 ? 'measured' : basis,
  };
}

/** The largest figure that was seen counts. */
function correctPart(
  predictedBytes: number,
  observations: readonly Observation[],
  seen: (observation: Observation) => number,
): number {
  const full = observations.filter((observation) => observation.full);
  if (full.length > 0) return Math.max(0, ...full.map(seen));
  return Math.max(predictedBytes, ...observations.map(seen));
}

/** More than predicted is believed; less only if the weights were seen in anonymous memory instead. */
function correctMapping(footprint: Footprint, observations: readonly Observation[]): number {
  const { mappedBytes, weightsBytes, kvCacheBytes, projectorBytes } = footprint;
  const allBytes = weightsBytes + kvCacheBytes + projectorBytes;
  const seen = observations.map((each) =>
    each.anonymousAfterLoadBytes >= allBytes ? each.mappedBytes : Math.max(mappedBytes, each.mappedBytes),
  );
  return seen.length > 0 ? Math.max(...seen) : mappedBytes;
}
