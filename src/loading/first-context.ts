/** Room that is kept beside the weights of a model for its first context: from their load until that context is judged, or for a while. It loads nothing. */
import type { AdmissionGate } from '../admission/admission-gate.ts';
import type { Clock } from '../core/clock.ts';
import type { HeldModel } from '../models/held-model.ts';

/** Programs make the first context at once, or only when they are asked. */
const KEPT_MS = 30_000;

export interface FirstContextParts {
  readonly gate: Pick<AdmissionGate, 'endRoom'>;
  readonly clock: Pick<Clock, 'schedule'>;
}

/** Notes what was reserved for the first context of a model that is loaded now. */
export function keepRoom(held: HeldModel, roomBytes: number | undefined, parts: FirstContextParts): void {
  if (roomBytes === undefined) return;
  held.roomBytes = roomBytes;
  parts.clock.schedule(() => endRoom(held, parts), KEPT_MS);
}

/** The context of a model that asks first gets what was kept, and says so for as long as it waits: true. */
export function offerRoom(owner: HeldModel, parts: FirstContextParts): () => boolean {
  let taken = false;
  return () => {
    taken ||= owner.roomBytes > 0;
    endRoom(owner, parts);
    return taken;
  };
}

function endRoom(held: HeldModel, { gate }: FirstContextParts): void {
  if (held.roomBytes === 0) return;
  held.roomBytes = 0;
  gate.endRoom(held.facts.reservation);
}
