/** What would let a planned load in, or let it in as it was asked for: tried on the guard, and told in the words of a refusal. */
import { describeHelp } from '../../admission/decision-messages.ts';
import { neededBytes } from '../../core/needed-bytes.ts';
import {
  type Decision,
  formatBytes,
  type MemoryGuard,
  type MemoryScope,
  type PlanOptions,
  type RefusalHelp,
} from '../../index.ts';
import { chooseVictims } from '../../policy/choose-victims.ts';
import { canBeFreed, nearestCandidate } from '../../policy/decision.ts';
import { findEnoughTotal } from '../../policy/enough-total.ts';
import { nameGroup } from '../scope-table.ts';
import type { PlanRow } from './print-plan.ts';

/** Empty if the load goes in as it was asked for. */
export async function findPlanHelp(
  guard: MemoryGuard,
  model: string,
  decision: Decision,
  asked: PlanOptions,
): Promise<string[]> {
  const [wanted] = decision.candidates;
  if (!wanted || decision.verdict === 'admit') return [];
  const refused = decision.verdict === 'refuse';
  // A load for which a smaller quantization is taken is helped to the one that was asked for.
  const lacking = refused ? decision : { ...decision, candidates: [wanted] };
  const help = [
    ...(refused ? await findSmallerShapes(guard, model, decision, asked) : []),
    ...findMemoryToFree(guard, lacking),
  ];
  return [
    ...help.flatMap((each) => describeHelp(each, decision)),
    ...describeLargerLimit(lacking, guard.snapshot().limitedBy),
  ];
}

/** The best quantization below the floor that fits, if the load is refused. */
export function describeLowerFloor({ verdict }: Decision, rows: readonly PlanRow[]): string[] {
  const fitting = rows.find(({ belowFloor, cells }) => belowFloor && cells.some(({ admitted }) => admitted));
  if (verdict !== 'refuse' || fitting?.quantization === undefined) return [];
  return [`lower the floor to ${fitting.quantization}, which fits`];
}

/** A smaller context, which the guard has found already, and a smaller cache. */
async function findSmallerShapes(
  guard: MemoryGuard,
  model: string,
  { candidates, help }: Decision,
  asked: PlanOptions,
): Promise<RefusalHelp[]> {
  const smallerContext = help?.context ? [{ unload: [], context: help.context }] : [];
  const smallest = candidates.at(-1)?.contextSize;
  if (smallest === undefined || asked['kvCacheType'] !== undefined) return smallerContext;
  const contextSize = asked['contextSize'] ?? smallest;
  const narrow = await guard.plan(model, { ...asked, contextSize, kvCacheType: 'q8_0' });
  if (narrow.contextSize === undefined) return smallerContext;
  const { quantization, kvCacheType } = narrow;
  const context = {
    contextSize: narrow.contextSize,
    ...(quantization && { quantization }),
    ...(kvCacheType && { kvCacheType }),
  };
  return [...smallerContext, { unload: [], context }];
}

/** What must come free, and the models of all processes that hold as much. Empty if even an empty machine would refuse the load. */
function findMemoryToFree(guard: MemoryGuard, lacking: Decision): RefusalHelp[] {
  if (!canBeFreed(lacking)) return [];
  const { shortfallBytes } = nearestCandidate(lacking);
  const holders = chooseVictims(guard.ledger.entries(), neededBytes, shortfallBytes) ?? [];
  const unload = holders.map((each) => `${each.label} of process ${each.pid} (${formatBytes(neededBytes(each))})`);
  return [{ freeBytes: shortfallBytes, unload }];
}

/** To what the limit must be raised. */
function describeLargerLimit(lacking: Decision, limitedBy: MemoryScope): string[] {
  const isGroup = limitedBy.kind.startsWith('cgroup');
  if (!isGroup && canBeFreed(lacking)) return [];
  const { totalBytes } = lacking;
  const bytes = findEnoughTotal(nearestCandidate(lacking), totalBytes);
  return [
    isGroup
      ? `raise the limit of ${nameGroup(limitedBy.path)} from ${formatBytes(totalBytes)} to ${formatBytes(bytes)}`
      : `use a machine or container of ${formatBytes(bytes)} at the least`,
  ];
}
