/** What `guard.models()` shows of one loaded model. It holds nothing. */
import type { KvCacheType, LoadNeed, LoadParts, Quantization } from '../core/types.ts';
import type { HeldModel } from './held-model.ts';
import type { ObservedMemory, Observing } from './observe-load.ts';

/** One loaded model, as it is at this moment. All sizes are bytes. */
export interface LoadedModel {
  readonly name: string;
  /** The name of the model whose context this is. Absent for a model. */
  readonly contextOf?: string;
  readonly quantization?: Quantization;
  /** Tokens of context, if the guard chose them. */
  readonly contextSize?: number;
  /** The type of the KV cache, if the guard chose it. */
  readonly kvCacheType?: KvCacheType;
  /** Why it was loaded so, in one sentence. */
  readonly reason: string;
  /** What is reserved for it. */
  readonly need: LoadNeed;
  /** What it asks to keep free. */
  readonly minFreeBytes: number;
  /** When it was admitted: the guard's clock, in milliseconds. */
  readonly sinceMs: number;
  /** Calls and streams that are running. */
  readonly callsInFlight: number;
  /** It is never evicted. */
  readonly pinned: boolean;
  /** What the load was expected to take, part by part. Absent if no file told. */
  readonly predicted?: LoadParts;
  /** What it really took. Absent if the system doesn't tell, or other work ran beside it. */
  readonly observed?: ObservedMemory;
}

/** A held model as programs see it. */
export function describeModel(held: HeldModel): LoadedModel {
  const { name, owner, quantization, shape, reason, reservation, minFreeBytes, pinned, predicted } = held.facts;
  const { callsInFlight, observing } = held;
  return Object.freeze({
    name,
    ...(owner && { contextOf: owner.held.facts.name }),
    ...(quantization && { quantization }),
    ...shape,
    reason,
    need: reservation.need,
    minFreeBytes,
    sinceMs: reservation.atMs,
    callsInFlight,
    pinned,
    ...(predicted && { predicted }),
    ...(observing && { observed: describeObservation(observing) }),
  });
}

function describeObservation({ observation }: Observing): ObservedMemory {
  const { mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes } = observation;
  return Object.freeze({
    mappedBytes,
    anonymousAfterLoadBytes,
    ...(anonymousAfterCallBytes !== undefined && { anonymousAfterCallBytes }),
  });
}
