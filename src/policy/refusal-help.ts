/** What would help a load that was refused. It finds out, and says nothing in words. */

import { canBeFreed, modelInWords, nearestCandidate } from '../admission/decision-messages.ts';
import type { LoadNeed, MemoryScope, Quantization } from '../core/types.ts';
import type { Decision, RefusalHelp } from '../events/guard-events.ts';
import type { CandidateVerdict } from './choose-candidate.ts';
import { chooseVictims } from './choose-victims.ts';

/** A loaded model, as far as its memory goes. */
interface Holder {
  readonly name: string;
  readonly quantization?: Quantization | undefined;
  readonly need: LoadNeed;
}

export interface HelpParts {
  readonly holders: readonly Holder[];
  readonly limitedBy: MemoryScope | undefined;
  /** What would fit with a smaller context than was asked for. */
  readonly fitting?: CandidateVerdict | undefined;
}

export function findRefusalHelp(refused: Decision, { holders, limitedBy, fitting }: HelpParts): RefusalHelp {
  const freeBytes = canBeFreed(refused) ? nearestCandidate(refused).shortfallBytes : undefined;
  const victims = freeBytes === undefined ? undefined : chooseVictims(holders, bytesOf, freeBytes);
  return Object.freeze({
    ...(freeBytes !== undefined && { freeBytes }),
    unload: Object.freeze((victims ?? []).map(({ name, quantization }) => modelInWords(name, quantization))),
    ...(fitting?.contextSize !== undefined && { context: contextOf(fitting, fitting.contextSize) }),
    ...(limitedBy?.kind.startsWith('cgroup') && { raiseLimit: limitedBy.path }),
  });
}

function contextOf(
  { quantization, kvCacheType }: CandidateVerdict,
  contextSize: number,
): NonNullable<RefusalHelp['context']> {
  return Object.freeze({
    contextSize,
    ...(quantization && { quantization }),
    ...(kvCacheType !== undefined && { kvCacheType }),
  });
}

function bytesOf({ need }: Holder): number {
  return need.mappedBytes + need.anonymousBytes;
}
