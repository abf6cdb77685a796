/** Finds out what would help a load that was refused. Pure: it says nothing in words. */
import { MiB } from '../core/bytes.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { LoadNeed, MemoryScope } from '../core/types.ts';
import type { AdmissionRule } from './admission-rules.ts';
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
  /** What would fit if the load might go down to a smaller quantization. */
  readonly smaller?: CandidateVerdict | undefined;
  /** Models that `evict: 'idle'` might unload, if it is not set. */
  readonly evictable?: readonly Holder[];
}

export function findRefusalHelp(
  refused: Decision,
  { holders, limitedBy, fitting, smaller, evictable = [] }: RefusalFacts,
): RefusalHelp {
  const freeBytes = canBeFreed(refused) ? nearestCandidate(refused).shortfallBytes : undefined;
  const choose = (from: readonly Holder[]) =>
    freeBytes === undefined ? undefined : chooseVictims(from, ({ need }) => neededBytes(need), freeBytes);
  const evict = evictable.length > 0 ? choose(evictable) : undefined;
  const reserves = findReserves(refused);
  return Object.freeze({
    ...(freeBytes !== undefined && { freeBytes }),
    unload: nameHolders(choose(holders) ?? []),
    ...(fitting?.contextSize !== undefined && { context: describeContext(fitting, fitting.contextSize) }),
    ...(smaller?.quantization !== undefined && { downgrade: smaller.quantization }),
    ...(reserves && { reserves }),
    ...(evict && { evict: nameHolders(evict) }),
    ...(limitedBy?.kind.startsWith('cgroup') && { raiseLimit: limitedBy.path }),
  });
}

function nameHolders(holders: readonly Holder[]): readonly string[] {
  return Object.freeze(holders.map(({ name, quantization }) => formatModelName(name, quantization)));
}

/** Nobody is advised to leave less: V8 alone grows by as much between two collections. */
const LEAST_LEFT_BYTES = 32 * MiB;

/** For the best candidate that the reserves alone refuse. */
function findReserves({ candidates, totalBytes }: Decision): RefusalHelp['reserves'] {
  const leaves = ({ rules }: CandidateVerdict) => rules.find(({ rule }) => rule === 'min-free')?.foundBytes ?? 0;
  const fitting = candidates.find((candidate) => leaves(candidate) >= LEAST_LEFT_BYTES);
  if (!fitting) return undefined;
  const found = (name: AdmissionRule) => fitting.rules.find(({ rule, passed }) => rule === name && !passed)?.foundBytes;
  const [free, share] = [found('min-free'), found('free-ratio-after-load')];
  // Whatever else is set, a share below nothing can't be kept.
  if (share !== undefined && share < 0) return undefined;
  return Object.freeze({
    ...(free !== undefined && { minFreeBytes: Math.floor(free / MiB) * MiB }),
    ...(share !== undefined && { minFreeRatioAfterLoad: Math.floor((share / totalBytes) * 100) / 100 }),
    leavesBytes: leaves(fitting),
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
