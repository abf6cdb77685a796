/** What would let a planned load in, or let it in as it was asked for: tried on the guard, not guessed. */
import {
  type CandidateVerdict,
  type Decision,
  formatBytes,
  type MemoryGuard,
  type MemoryScope,
  type PlanOptions,
} from '../index.ts';

/** Contexts that are offered where a larger one doesn't fit. */
const LEAST_CONTEXT = 256;
const USUAL_MOST = 4096;

/** Empty where the load goes in as it was asked for. */
export async function helpFor(
  guard: MemoryGuard,
  model: string,
  decision: Decision,
  asked: PlanOptions,
): Promise<string[]> {
  const [wanted] = decision.candidates;
  if (!wanted || decision.verdict === 'admit') return [];
  const refused = decision.verdict === 'refuse';
  const nearest = refused ? nearestOf(decision) : wanted;
  return [
    ...(refused ? await smallerShapes(guard, model, decision, asked) : []),
    ...(canBeFreed(decision, nearest) ? freeing(guard, nearest) : []),
    ...raising(decision, nearest, guard.snapshot().limitedBy),
  ];
}

/** The candidate that needs the least more. */
export function nearestOf({ candidates }: Decision): CandidateVerdict {
  return candidates.reduce((least, each) => (each.shortfallBytes < least.shortfallBytes ? each : least));
}

/** A smaller context, or a smaller cache: what fits is said with its size. */
async function smallerShapes(
  guard: MemoryGuard,
  model: string,
  { candidates }: Decision,
  asked: PlanOptions,
): Promise<string[]> {
  const smallest = candidates.at(-1)?.contextSize;
  if (smallest === undefined) return [];
  const help: string[] = [];
  const less = await guard.plan(model, {
    ...asked,
    contextSize: { min: Math.min(LEAST_CONTEXT, smallest), max: smallest },
  });
  if (less.contextSize !== undefined) help.push(`ask for ${less.contextSize} tokens of context${inQuantization(less)}`);
  if (asked['kvCacheType'] !== undefined) return help;
  const contextSize = asked['contextSize'] ?? { min: smallest, max: Math.max(smallest, USUAL_MOST) };
  const narrow = await guard.plan(model, { ...asked, contextSize, kvCacheType: 'q8_0' });
  if (narrow.contextSize !== undefined) {
    help.push(`use a cache of type q8_0, with ${narrow.contextSize} tokens of context${inQuantization(narrow)}`);
  }
  return help;
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

function inQuantization({ quantization }: Decision): string {
  return quantization === undefined ? '' : `, in ${quantization}`;
}
