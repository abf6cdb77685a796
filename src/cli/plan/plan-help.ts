/** What would let a planned load in, or let it in as it was asked for: tried on the guard, not guessed. */
import {
  type CandidateVerdict,
  type Decision,
  formatBytes,
  type MemoryGuard,
  type MemoryScope,
  type PlanOptions,
} from '../../index.ts';

/** Empty where the load goes in as it was asked for. */
export async function findPlanHelp(
  guard: MemoryGuard,
  model: string,
  decision: Decision,
  asked: PlanOptions,
): Promise<string[]> {
  const [wanted] = decision.candidates;
  if (!wanted || decision.verdict === 'admit') return [];
  const refused = decision.verdict === 'refuse';
  const nearest = refused ? nearestCandidate(decision) : wanted;
  return [
    ...(refused ? await smallerShapes(guard, model, decision, asked) : []),
    ...(canBeFreed(decision, nearest) ? freeing(guard, nearest) : []),
    ...raising(decision, nearest, guard.snapshot().limitedBy),
  ];
}

/** The candidate that needs the least more. */
export function nearestCandidate({ candidates }: Decision): CandidateVerdict {
  return candidates.reduce((least, each) => (each.shortfallBytes < least.shortfallBytes ? each : least));
}

/** A smaller context, which the guard has found already, or a smaller cache. */
async function smallerShapes(
  guard: MemoryGuard,
  model: string,
  { candidates, help }: Decision,
  asked: PlanOptions,
): Promise<string[]> {
  const less = help?.context ? [`ask for ${contextInWords(help.context)}`] : [];
  const smallest = candidates.at(-1)?.contextSize;
  if (smallest === undefined || asked['kvCacheType'] !== undefined) return less;
  const narrow = await guard.plan(model, {
    ...asked,
    contextSize: asked['contextSize'] ?? smallest,
    kvCacheType: 'q8_0',
  });
  return narrow.contextSize === undefined
    ? less
    : [...less, `use a cache of type q8_0, with ${contextInWords(narrow)}`];
}

/** Whoever holds models now, the largest first, as far as they are needed. */
function freeing(guard: MemoryGuard, { shortfallBytes }: CandidateVerdict): string[] {
  const held = guard.ledger
    .entries()
    .map(({ pid, label, mappedBytes, anonymousBytes }) => ({ pid, label, bytes: mappedBytes + anonymousBytes }))
    .sort((a, b) => b.bytes - a.bytes);
  const enough: string[] = [];
  let freedBytes = 0;
  for (const { pid, label, bytes } of held) {
    if (freedBytes >= shortfallBytes) break;
    enough.push(`${label} of process ${pid} (${formatBytes(bytes)})`);
    freedBytes += bytes;
  }
  if (freedBytes < shortfallBytes || enough.length === 0) return [`free ${formatBytes(shortfallBytes)}`];
  return [`unload ${enough.join(' and ')}`, `free ${formatBytes(shortfallBytes)} otherwise`];
}

/** False where even an empty machine of this size would refuse it. */
function canBeFreed({ totalBytes, headroomBytes }: Decision, { shortfallBytes }: CandidateVerdict): boolean {
  return shortfallBytes <= totalBytes - headroomBytes;
}

/** The rule on the share that stays available asks for more as the limit rises. */
function raising(decision: Decision, nearest: CandidateVerdict, limitedBy: MemoryScope): string[] {
  const group = limitedBy.kind.startsWith('cgroup');
  if (!group && canBeFreed(decision, nearest)) return [];
  const { totalBytes } = decision;
  const missing = nearest.rules
    .filter(({ passed }) => !passed)
    .map(({ rule, requiredBytes, foundBytes }) => {
      const lessBytes = requiredBytes - foundBytes;
      return rule === 'free-ratio-after-load' ? lessBytes / (1 - requiredBytes / totalBytes) : lessBytes;
    });
  const bytes = totalBytes + Math.max(0, ...missing);
  return [
    group
      ? `raise the limit of ${limitedBy.path} from ${formatBytes(totalBytes)} to ${formatBytes(bytes)}`
      : `use a machine or container of ${formatBytes(bytes)} at the least`,
  ];
}

function contextInWords({ contextSize, quantization }: Pick<Decision, 'contextSize' | 'quantization'>): string {
  return `${contextSize} tokens of context${quantization === undefined ? '' : `, in ${quantization}`}`;
}
