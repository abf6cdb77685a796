/** What the guard says, one sentence per event, with its numbers. It decides nothing. */
import { formatBytes } from '../core/bytes.ts';
import type { LoadNeed, MemoryScope, MemoryStatusLevel } from '../core/types.ts';
import type { Decision, RefusalHelp } from '../events/guard-events.ts';
import type { Returned } from '../models/memory-returned.ts';
import type { RuleVerdict } from '../policy/admission-rules.ts';
import type { CandidateVerdict } from '../policy/choose-candidate.ts';

/** The candidate of a refused decision that came nearest. */
export function nearestCandidate({ candidates }: Decision): CandidateVerdict {
  return candidates.reduce((nearest, candidate) =>
    candidate.shortfallBytes < nearest.shortfallBytes ? candidate : nearest,
  );
}

/** What is loaded, and why not what was asked. */
export function admissionSentence(decision: Decision): string {
  const { model, askedQuantization, quantization, candidates, headroomBytes } = decision;
  const chosen = candidates.find((candidate) => candidate.admitted);
  const [asked] = candidates as readonly [CandidateVerdict];
  const needed = chosen ? `, which needs ${neededInWords(chosen.need)} of ${formatBytes(headroomBytes)}` : '';
  const shape = chosen ? shapeInWords(chosen) : '';
  if (!chosen || chosen === asked) return `Loading ${modelInWords(model, quantization)}${shape}${needed}.`;
  const reasons = reasonsInWords(asked) || 'that much is not free';
  const between = candidates.slice(0, candidates.indexOf(chosen)).map((each) => each.quantization);
  const skipped = [...new Set(between)].filter((step) => step !== askedQuantization && step !== quantization);
  const neither = skipped.length > 0 ? `, and ${skipped.join(' and ')} would not fit either` : '';
  const same = quantization === asked.quantization;
  return (
    `${modelInWords(model, askedQuantization)}${same ? shapeInWords(asked) : ''} needs ${neededInWords(asked.need)}: ${reasons}${neither}. ` +
    `Loading ${same ? 'it' : (quantization ?? 'it')}${shape} instead${needed}.`
  );
}

/** " with 4096 tokens of context and a cache of q8_0" */
function shapeInWords({
  contextSize,
  kvCacheType,
}: {
  readonly contextSize?: number;
  readonly kvCacheType?: string;
}): string {
  const parts = [
    ...(contextSize === undefined ? [] : [`${contextSize} tokens of context`]),
    ...(kvCacheType === undefined ? [] : [`a cache of ${kvCacheType}`]),
  ];
  return parts.length > 0 ? ` with ${parts.join(' and ')}` : '';
}

/** Why nothing fits, and what would help. */
export function refusalSentence(decision: Decision, limitedBy: MemoryScope | undefined): string {
  const { waitingBytes } = decision;
  const kept = waitingBytes === undefined ? '' : `${formatBytes(waitingBytes)} is kept for loads that wait before it`;
  const reasons = [kept, reasonsInWords(nearestCandidate(decision))].filter((reason) => reason !== '').join('; ');
  const help = decision.help ? helpInWords(decision.help, decision) : [];
  return (
    `Insufficient memory to load ${shortageInWords(decision)}${scopeInWords(limitedBy)}${reasons && `; ${reasons}`}. ` +
    `To load it, ${help.length > 0 ? help.join(', or ') : 'use a machine with more memory'}.`
  );
}

function helpInWords(
  { freeBytes, unload, context, raiseLimit }: RefusalHelp,
  { askedQuantization }: Decision,
): string[] {
  const step = context?.quantization === askedQuantization ? 'it' : context?.quantization;
  return [
    ...(freeBytes === undefined ? [] : [`free ${formatBytes(freeBytes)}`]),
    ...(unload.length === 0 ? [] : [`unload ${unload.join(' and ')}`]),
    ...(context === undefined ? [] : [`take ${step}${shapeInWords(context)}`]),
    ...(raiseLimit === undefined ? [] : ['raise that limit']),
  ];
}

/** Whether freeing memory helps: false where even an empty machine would refuse it. */
export function canBeFreed(decision: Decision): boolean {
  return nearestCandidate(decision).shortfallBytes <= decision.totalBytes - decision.headroomBytes;
}

/** A load that waits for memory. */
export function waitingSentence(decision: Decision, position: number): string {
  const missing = formatBytes(nearestCandidate(decision).shortfallBytes);
  const line = position === 1 ? 'it is next' : `${position - 1} wait${position === 2 ? 's' : ''} before it`;
  return `Waiting for memory to load ${shortageInWords(decision)}; ${missing} more must be free, and ${line}.`;
}

/** A load that waited for too long, and why it could not be loaded at the last look. */
export function timeoutSentence(waitedMs: number, refusal: string): string {
  return `Waited ${(waitedMs / 1000).toFixed(1)} s for memory. ${refusal}`;
}

/** A load that goes ahead although every candidate was refused. */
export function forcedSentence(decision: Decision): string {
  const reasons = reasonsInWords(nearestCandidate(decision));
  return `Forced, although the rules refuse it: ${shortageInWords(decision)}${reasons && `; ${reasons}`}.`;
}

/** "m Q5_K_M: even Q4_0 needs 5.0 GiB, this process can take 4.0 GiB" */
function shortageInWords(decision: Decision): string {
  const { quantization, need } = nearestCandidate(decision);
  const { model, askedQuantization = quantization, headroomBytes } = decision;
  const what = quantization === askedQuantization ? 'it needs' : `even ${quantization} needs`;
  const free = formatBytes(Math.max(0, headroomBytes));
  return `${modelInWords(model, askedQuantization)}: ${what} ${neededInWords(need)}, this process can take ${free}`;
}

/** An edge of the status. */
export function statusSentence(
  level: MemoryStatusLevel,
  headroomBytes: number,
  minFreeBytes: number,
  factor: number,
): string {
  const free = `this process can take ${formatBytes(Math.max(0, headroomBytes))} more`;
  switch (level) {
    case 'ok':
      return `Memory is sufficient again: ${free}.`;
    case 'warning':
      return `Memory is approaching the minimum: ${free}, less than ${factor} times the ${formatBytes(minFreeBytes)} to keep free.`;
    case 'critical':
      return `Memory is below the minimum: ${free}, and ${formatBytes(minFreeBytes)} should stay free.`;
    default:
      return level satisfies never;
  }
}

/** A model that is gone, and what came back. */
export function unloadSentence(
  model: string,
  how: 'unloaded' | 'leaked' | 'memory' | 'keep-alive',
  returned: Returned,
  others = 0,
): string {
  const { freedBytes, elapsedMs } = returned;
  const together = others > 0 ? `, with ${others} other${others > 1 ? 's' : ''}` : '';
  const back = `${formatBytes(freedBytes ?? 0)} came back in ${Math.round(elapsedMs)} ms${together}`;
  const freed = freedBytes === undefined ? '' : `; ${back}`;
  if (how === 'unloaded') return `Unloaded ${model}${freed}.`;
  if (how === 'memory') return `Evicted ${model}, which was idle, to make room${freed}.`;
  if (how === 'keep-alive') return `Unloaded ${model}, which was idle for too long${freed}.`;
  return `The handle of ${model} was lost without being disposed: the model was disposed${freed}.`;
}

/** One rule with both of its numbers. */
export function ruleInWords({ rule, requiredBytes, foundBytes, passed }: RuleVerdict): string {
  const [required, found] = [formatBytes(requiredBytes), formatBytes(Math.max(0, foundBytes))];
  switch (rule) {
    case 'headroom':
      return `${required} ${passed ? 'fits' : "doesn't fit"} in ${found}`;
    case 'free-ratio-after-load':
      return passed
        ? `${found} stays available to the system`
        : `${found} would stay available to the system, where ${required} must`;
    case 'min-free':
      return passed ? `${found} stays free` : `${found} would stay free, where ${required} must`;
    default:
      return rule satisfies never;
  }
}

export function modelInWords(model: string, quantization: string | undefined): string {
  return quantization ? `${model} ${quantization}` : model;
}

function neededInWords({ mappedBytes, anonymousBytes }: LoadNeed): string {
  return formatBytes(mappedBytes + anonymousBytes);
}

/** What refused a candidate besides its plain size, which every sentence tells; what follows from that is left out. */
function reasonsInWords({ rules }: Pick<CandidateVerdict, 'rules'>): string {
  const failed = rules.filter((rule) => !rule.passed);
  const tooLarge = failed.some(({ rule }) => rule === 'headroom');
  return failed
    .filter(
      ({ rule, requiredBytes }) => rule !== 'headroom' && !(tooLarge && (rule === 'min-free' || requiredBytes === 0)),
    )
    .map(ruleInWords)
    .join('; ');
}

function scopeInWords(scope: MemoryScope | undefined): string {
  if (!scope || scope.kind === 'injected') return '';
  const limit = scope.limitBytes === undefined ? '' : `, ${formatBytes(scope.limitBytes)}`;
  return scope.kind === 'host'
    ? ` (limited by the machine${limit})`
    : ` (limited by ${scope.kind} ${scope.path}${limit})`;
}
