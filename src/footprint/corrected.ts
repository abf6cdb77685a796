/** An estimate beside what earlier loads of the same model really took. Pure: it reads no file. */
import type { FootprintBasis } from '../types.ts';
import type { Footprint } from './estimate.ts';

/** What one load took, as the process grew. */
export interface Observation {
  /** Files that the load mapped. */
  readonly mappedBytes: number;
  readonly anonymousAfterLoadBytes: number;
  /** After the first call that completed undisturbed. */
  readonly anonymousAfterCallBytes: number;
  /** Whether that call filled a micro-batch; a shorter one leaves part of the compute buffers untouched. */
  readonly full: boolean;
}

export interface Corrected {
  readonly anonymousBytes: number;
  readonly basis: FootprintBasis;
}

/**
 * Full observations replace the compute and runtime parts either way, others only raise them. Weights, KV cache and
 * projector stay as predicted: evicted pages make a model look smaller than it is.
 */
export function corrected(footprint: Footprint, observations: readonly Observation[]): Corrected {
  const { anonymousBytes, basis, kvCacheBytes, projectorBytes, weightsBytes, mappedBytes } = footprint;
  if (observations.length === 0) return { anonymousBytes, basis };
  const surelyBytes = kvCacheBytes + projectorBytes + Math.max(0, weightsBytes - mappedBytes);
  const full = observations.filter((observation) => observation.full);
  const seenBytes = Math.max(...(full.length > 0 ? full : observations).map(peakBytes));
  const correctedBytes = full.length > 0 ? seenBytes : Math.max(anonymousBytes, seenBytes);
  return { anonymousBytes: Math.max(surelyBytes, correctedBytes), basis: 'measured' };
}

function peakBytes({ anonymousAfterLoadBytes, anonymousAfterCallBytes }: Observation): number {
  return Math.max(anonymousAfterLoadBytes, anonymousAfterCallBytes);
}
