/** When what is reserved for a loaded model counts as taken, and what the model was seen to take. It follows no calls and ends no model. */
import type { AdmissionGate } from '../admission/admission-gate.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { LoadNeed } from '../core/types.ts';
import { AUDIO_CALL_BYTES } from '../footprint/documented-requirements.ts';
import { measureNeed, NOISE_BYTES } from '../footprint/raise-need.ts';
import type { HeldModel } from './held-model.ts';
import { type Observing, observeCall, outgrownBytes } from './observe-load.ts';

export interface SettleModelParts {
  readonly gate: AdmissionGate;
  /** Called if something was observed: after a load, after its first call, and after the first full one. */
  readonly observed: (observing: Observing) => void;
  /** Called if a model has taken more anonymous memory than was reserved for it. */
  readonly outgrown: (held: HeldModel, takenBytes: number) => void;
}

/** What is known at the moment at which a model has taken what it needs. */
export interface SettlingMoment {
  /** Whether it has touched all memory that it ever will. */
  readonly full: boolean;
  /** Loads, unloads and calls that have begun so far. */
  readonly changes: number;
}

/** A model has taken what it needs, whatever ran beside it: its reservation is settled. What it took is observed if nothing did. */
export function settleModel(held: HeldModel, { full, changes }: SettlingMoment, parts: SettleModelParts): void {
  const { gate } = parts;
  const { reservation, process } = held.facts;
  const { observing: before, callsBegun, heard } = held;
  const own = process?.own === true;
  if (before && (own || !held.disturbed)) {
    // What else runs takes nothing in a process of the model's own.
    const [since, ownCalls] = own ? [before.changes, 0] : [changes, callsBegun];
    held.observing = observeCall(before, { changes: since, ownCalls, full, heard });
    if (held.observing !== before) tellObserved(held, held.observing, parts);
  }
  if (process?.readable) gate.refresh();
  else gate.settle(reservation);
}

/** Tells what was observed of a model, and also if that is more than was reserved for it. */
export function tellObserved(held: HeldModel, observing: Observing, { observed, outgrown }: SettleModelParts): void {
  if (teaches(held, observing)) observed(observing);
  const takenBytes = outgrownBytes(held.facts.reservation.need, observing);
  if (takenBytes !== undefined) outgrown(held, takenBytes);
}

/** By a load by name of which only noise was seen nothing rises, and nobody becomes known. */
function teaches({ facts }: HeldModel, { observation }: Observing): boolean {
  const seen = measureNeed([observation]);
  return facts.predicted !== undefined || (seen !== undefined && neededBytes(seen) > NOISE_BYTES);
}

/**
 * Reserves what processing audio takes: the documented bytes, or `bytes` if that is more. The caller gets the way to release it. The call runs by
 * now, and its answer must reach whoever made it: where other processes can't be told, it counts here alone, and the ledger says why.
 */
export function reserveAudio(held: HeldModel, gate: AdmissionGate, bytes = 0): () => void {
  held.heard = true;
  const { name, process } = held.facts;
  const anonymousBytes = Math.max(AUDIO_CALL_BYTES, bytes);
  process?.widen(anonymousBytes);
  const need: LoadNeed = { mappedBytes: 0, anonymousBytes, basis: 'table' };
  const { reservation } = gate.reserveFirst({ model: `${name}: audio`, candidates: [{ need, minFreeBytes: 0 }] });
  if (process?.readable) gate.follow(process, reservation);
  return () => gate.release(reservation);
}
