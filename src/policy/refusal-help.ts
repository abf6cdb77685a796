/** Finds out what would help a load that was refused. Pure: it says nothing in words. */
import { neededBytes } from '../core/needed-bytes.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { LoadNeed, MemoryScope } from '../core/types.ts';
import type { CandidateVerdict } from './choose-candidate.ts';
import { chooseVictims } from './choose-victims.ts';
import { canBeFreed, type Decision, formatModelName, nearestCandidate, type RefusalHelp } from './decision.ts';

/** A loaded model, as far as its memory goes. */
interface Holder {
  readonly name: string;
  readonly quantization?: QuantizationName | undefined;
  readonly need: LoadNeed;
}

/** What is known of the machine and its models when a load is refused. */
export interface RefusalFacts {
  readonly holders: readonly Holder[];
  readonly limitedBy: MemoryScope | undefined;
  /** What would fit with a smaller context than was asked for. */
  readonly fitting?: CandidateVerdict | undefined;
}

export function findRefusalHelp(refused: Decision, { holders, limitedBy, fitting }: RefusalFacts): RefusalHelp {
  const freeBytes = canBeFreed(refused) ? nearestCandidate(refused).shortfallBytes : undefined;
  const victims =
    freeBytes === undefined ? undefined : chooseVictims(holders, ({ need }) => neededBytes(need), freeBytes);
  return Object.freeze({
    ...(freeBytes !== undefined && { freeBytes }),
    unload: Object.freeze((victims ?? []).map(({ name, quantization }) => formatModelName(name, quantization))),
    ...(fitting?.contextSize !== undefined && { context: describeContext(fitting, fitting.contextSize) }),
    ...(limitedBy?.kind.startsWith('cgroup') && { raiseLimit: limitedBy.path }),
  });
}

function describeContext(
  { quantization, kvCacheType }: CandidateVerdict,
  contextSize: number,
): NonNullable<RefusalHelp['context']> {
  return Object.freeze({
    contextSize,
    ...(quantization && { quantization }),
    ...(kvCacheType !== undefined && { kvCacheType }),
  });
}
