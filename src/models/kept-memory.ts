/** What the engine of a model that was ended did not give back, as far as its process tells. It ends nothing and tells nobody. */
import { MiB } from '../core/bytes.ts';
import type { HeldModel } from './held-model.ts';

/**
 * Less than this is no leak: after 7B loads 26 to 39 MiB stayed in arenas of engines that free everything, whatever was trimmed, which was up to 1 % of what
 * the models had taken. One that forgets weights keeps most of them.
 */
const LEAST_KEPT_BYTES = 48 * MiB;
const LEAST_KEPT_SHARE = 0.1;

/** What must not have changed between two looks at a process. */
export interface Stillness {
  /** Loads, unloads and calls that have begun so far. */
  readonly changes: number;
  /** Whether none of them runs, beside the end of the model itself. */
  readonly still: boolean;
  /** Whether another model lives in the process of this one. */
  readonly shared: boolean;
}

/** Called once the memory that comes back has come back. `undefined`: nothing is kept, or that can't be told. */
export type CountKept = () => number | undefined;

/** Looks at the process of a model whose end begins. */
export function watchKept(held: HeldModel, look: () => Stillness): CountKept {
  const { process } = held.facts;
  if (process?.own || (process && !process.readable)) return () => undefined;
  const { observing } = held;
  const before = { ...look(), bytes: observing?.grown() };
  return () => {
    const now = look();
    const undisturbed = before.still && now.still && now.changes === before.changes + 1;
    const keptBytes = !undisturbed ? undefined : process ? countShared(held, now) : countOwn(held, before.bytes);
    if (keptBytes === undefined || !(keptBytes >= LEAST_KEPT_BYTES)) return undefined;
    const { anonymousBytes } = held.facts.reservation.need;
    if (keptBytes < LEAST_KEPT_SHARE * anonymousBytes) return undefined;
    // What nobody will give back pays for no promise.
    process?.writeOff(keptBytes);
    return keptBytes;
  };
}

/** In a process of several, only the last one leaves nothing of others behind. */
function countShared({ facts }: HeldModel, { shared }: Stillness): number | undefined {
  return shared ? undefined : facts.process?.readGrownBytes();
}

/** What it took when it was loaded and called, less what the process fell by. */
function countOwn({ observing }: HeldModel, beforeBytes: number | undefined): number | undefined {
  const nowBytes = observing?.grown();
  if (!observing || beforeBytes === undefined || nowBytes === undefined) return undefined;
  const { anonymousAfterLoadBytes, anonymousAfterCallBytes = 0 } = observing.observation;
  // Its calls are not said to have taken more than the process had grown by in the end.
  const tookBytes = Math.max(anonymousAfterLoadBytes, Math.min(anonymousAfterCallBytes, beforeBytes));
  return Math.max(0, tookBytes - Math.max(0, beforeBytes - nowBytes));
}
