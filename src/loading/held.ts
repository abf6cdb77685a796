/** A loaded model as it is registered: held itself, or only within reach where its SDK ends what nobody else holds. It decides nothing. */
import type { Held } from './models.ts';

/** What is known of it once it is loaded; the rest begins at nothing. */
export type HeldFacts = Pick<
  Held,
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
export function newHeld(raw: unknown, weak: boolean, facts: HeldFacts): Held {
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
