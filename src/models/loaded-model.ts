/** A loaded model as it is registered and as it is shown: held itself, or only within reach where its SDK ends what nobody else holds. */

import type { ChosenShape } from '../adapters/adapter.ts';
import type { LoadNeed, LoadParts, Quantization } from '../core/types.ts';
import type { Reservation } from '../ledger/ledger.ts';
import type { ObservedMemory, Observing } from './observe-load.ts';

/** What `guard.models()` shows of one loaded model. */
export interface LoadedModel {
  readonly name: string;
  /** The name of the model whose context this is; absent for a model. */
  readonly contextOf?: string;
  readonly quantization?: Quantization;
  /** Tokens of context and the cache's type, where the guard chose them. */
  readonly contextSize?: number;
  readonly kvCacheType?: string;
  /** Why it was loaded so, in one sentence. */
  readonly reason: string;
  readonly need: LoadNeed;
  readonly minFreeBytes: number;
  /** The guard's clock when it was admitted, in milliseconds. */
  readonly sinceMs: number;
  /** Calls and streams that are running. */
  readonly callsInFlight: number;
  /** Never evicted. */
  readonly pinned: boolean;
  /** What the load was expected to take, part by part; absent where no file told. */
  readonly predicted?: LoadParts;
  /** What it really took; absent where the system doesn't tell, or other work ran beside it. */
  readonly observed?: ObservedMemory;
}

/** A loaded model as the guard holds it. `raw` must not lead back to the guarded handle, or that is never collected. */
export interface HeldModel {
  readonly name: string;
  readonly quantization: Quantization | undefined;
  /** What was chosen and passed to the SDK. */
  readonly shape: ChosenShape;
  /** Why it was loaded so. */
  readonly reason: string;
  readonly reservation: Reservation;
  readonly minFreeBytes: number;
  readonly raw: unknown;
  callsInFlight: number;
  /** Calls that have begun. */
  callsBegun: number;
  /** Whether one of them had audio. */
  heard: boolean;
  /** What its estimate expected, part by part. */
  readonly predicted: LoadParts | undefined;
  observing: Observing | undefined;
  /** Set while another guarded call or load runs beside one of this model's: such a window settles nothing. */
  disturbed: boolean;
  /** Paths of its files, where the SDK tells. */
  readonly files: readonly string[];
  /** Never evicted. */
  readonly pinned: boolean;
  /** It was evicted, or is just being: nothing may be called on `raw` any more. */
  evicted: boolean;
  /** Loads it again, through every rule, and gives its new handle; absent where the user did not choose that. */
  readonly reload: (() => Promise<unknown>) | undefined;
  /** Ends the wait until it has been idle for too long. */
  stay: (() => void) | undefined;
  /** The handle was collected while a call was running; the model ends with it. */
  orphaned: boolean;
  /** Contexts that it has, or that are just being made: while there are any it is not idle. */
  contexts: number;
  /** The model whose context this is, and the way to tell it that this one is gone. */
  readonly owner: { readonly held: HeldModel; letGo(): void } | undefined;
}

/** Names that end a model, in the order in which one is chosen for a handle that was lost. */
export const DISPOSERS: readonly PropertyKey[] = [
  'dispose',
  Symbol.asyncDispose,
  'close',
  'release',
  'unload',
  'free',
  Symbol.dispose,
];

/** What is known of it once it is loaded; the rest begins at nothing. */
export type HeldModelFacts = Pick<
  HeldModel,
  | 'name'
  | 'quantization'
  | 'shape'
  | 'reason'
  | 'reservation'
  | 'minFreeBytes'
  | 'predicted'
  | 'observing'
  | 'files'
  | 'pinned'
  | 'reload'
  | 'owner'
>;

/** `weak`: the registration must not keep the model alive, and forgets it when it is collected. */
export function holdModel(raw: unknown, weak: boolean, facts: HeldModelFacts): HeldModel {
  const reach = weak && typeof raw === 'object' && raw !== null ? weakly(new WeakRef(raw)) : strongly(raw);
  return {
    ...facts,
    get raw() {
      return reach();
    },
    callsInFlight: 0,
    callsBegun: 0,
    contexts: 0,
    disturbed: false,
    heard: false,
    evicted: false,
    orphaned: false,
    stay: undefined,
  };
}

// Apart, so that neither closure holds what only the other may.
function weakly(ref: WeakRef<object>): () => unknown {
  return () => ref.deref();
}

function strongly(raw: unknown): () => unknown {
  return () => raw;
}

/** As programs see it. */
export function describeModel(held: HeldModel): LoadedModel {
  const { name, owner, quantization, shape, reason, reservation, minFreeBytes, callsInFlight, pinned } = held;
  const { predicted, observing } = held;
  return Object.freeze({
    name,
    ...(owner && { contextOf: owner.held.name }),
    ...(quantization && { quantization }),
    ...shape,
    reason,
    need: reservation.need,
    minFreeBytes,
    sinceMs: reservation.atMs,
    callsInFlight,
    pinned,
    ...(predicted && { predicted }),
    ...(observing && { observed: shownObservation(observing) }),
  });
}

function shownObservation({ observation }: Observing): ObservedMemory {
  const { mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes } = observation;
  return Object.freeze({
    mappedBytes,
    anonymousAfterLoadBytes,
    ...(anonymousAfterCallBytes !== undefined && { anonymousAfterCallBytes }),
  });
}

/** Nothing runs on it and nothing depends on it. */
export function isIdle({ callsInFlight, contexts, pinned, evicted }: HeldModel): boolean {
  return callsInFlight === 0 && contexts === 0 && !pinned && !evicted;
}

/** The way to end it; `undefined` where it has none. */
export function findDisposer(model: unknown): (() => unknown) | undefined {
  const raw = Object(model) as Record<PropertyKey, unknown>;
  const key = DISPOSERS.find((name) => typeof raw[name] === 'function');
  return key === undefined ? undefined : () => (raw[key] as () => unknown)();
}
