/** What `guard.models()` shows of one loaded model. It holds nothing. */

import { sumFileBytes } from '../core/needed-bytes.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { KvCacheType, LoadNeed, LoadParts } from '../core/types.ts';
import { minFreeBytesOf } from '../policy/reserves.ts';
import type { HeldModel } from './held-model.ts';
import type { HeldProcess } from './held-process.ts';
import type { ObservedMemory, Observing } from './observe-load.ts';

/** One loaded model, as it is at this moment. All sizes are bytes. */
export interface LoadedModel {
  /** What was loaded: if a file was asked for and a smaller one was taken, that one. */
  readonly name: string;
  /** The file that was loaded. Absent if it isn't known. */
  readonly modelPath?: string;
  /** The name of the model whose context this is. Absent for a model. */
  readonly contextOf?: string;
  readonly quantization?: QuantizationName;
  /** Tokens of context, if the guard chose them. */
  readonly contextSize?: number;
  /** The type of the KV cache, if the guard chose it. */
  readonly kvCacheType?: KvCacheType;
  /** Why it was loaded so, in one sentence. */
  readonly reason: string;
  /** What is reserved for it, and how that was found (`need.basis`). */
  readonly need: LoadNeed;
  /** The process that it lives in. Absent if that is this one. */
  readonly pid?: number;
  /** Anonymous bytes that its process holds now: all of it, with the models that share it. Absent if the system doesn't tell. */
  readonly heldBytes?: number;
  /** Bytes of files that its process maps. Absent if the system doesn't tell. */
  readonly mappedBytes?: number;
  /** What it asks to keep free of the total that there is now. */
  readonly minFreeBytes: number;
  /** When it was admitted: the guard's clock, in milliseconds. */
  readonly sinceMs: number;
  /** Calls and streams that are running. */
  readonly callsInFlight: number;
  /** It is never evicted. */
  readonly pinned: boolean;
  /** What the load was expected to take, part by part. Absent if neither a file nor a published shape told. */
  readonly predicted?: LoadParts;
  /** What it really took, also if no file told what it would. Absent if the system doesn't tell, or other work ran beside it. */
  readonly observed?: ObservedMemory;
}

/** A held model as programs see it. */
export function describeModel(held: HeldModel, totalBytes: number): LoadedModel {
  const { name, modelPath, owner, quantization, shape, reason, reservation, pinned, predicted, process } = held.facts;
  const { callsInFlight, observing } = held;
  return Object.freeze({
    name,
    ...(modelPath !== undefined && { modelPath }),
    ...(owner && { contextOf: owner.held.facts.name }),
    ...(quantization && { quantization }),
    ...shape,
    reason,
    need: reservation.need,
    ...(process && describeProcess(process)),
    minFreeBytes: minFreeBytesOf(held.facts, totalBytes),
    sinceMs: reservation.atMs,
    callsInFlight,
    pinned,
    ...(predicted && { predicted }),
    ...(observing && { observed: describeObservation(observing) }),
  });
}

function describeProcess(held: HeldProcess): Pick<LoadedModel, 'pid' | 'heldBytes' | 'mappedBytes'> {
  held.readTakenBytes();
  const { heldBytes, process } = held;
  const files = held.listMappings();
  return {
    pid: process.pid,
    ...(heldBytes !== undefined && { heldBytes }),
    ...(files && { mappedBytes: sumFileBytes(files) }),
  };
}

function describeObservation({ observation }: Observing): ObservedMemory {
  const { mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes } = observation;
  return Object.freeze({
    mappedBytes,
    anonymousAfterLoadBytes,
    ...(anonymousAfterCallBytes !== undefined && { anonymousAfterCallBytes }),
  });
}
