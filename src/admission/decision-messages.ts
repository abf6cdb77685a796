/** What the guard says of a decision, in one sentence with its numbers. It decides nothing. */
import { formatBytes, formatLeftBytes, MiB } from '../core/bytes.ts';
import type { KvCacheType, MemoryScope } from '../core/types.ts';
import type { RuleVerdict } from '../policy/admission-rules.ts';
import type { CandidateVerdict } from '../policy/choose-candidate.ts';
import { type Decision, formatModelName, nearestCandidate, type RefusalHelp } from '../policy/decision.ts';
import { describeNeed } from './describe-need.ts';

/** What is loaded, and why not what was asked. */
export function describeAdmission(decision: Decision): string {
  const { model, askedQuantization, quantization, candidates, headroomBytes } = decision;
  const chosen = candidates.find((candidate) => candidate.admitted);
  const [asked] = candidates as readonly [CandidateVerdict];
  const needed = chosen ? describeChosenNeed(chosen, headroomBytes) : '';
  const shape = chosen ? describeShape(chosen) : '';
  if (!chosen || chosen === asked) return `Loading ${formatModelName(model, quantization)}${shape}${needed}.`;
  const reasons = describeReasons(asked) || 'that much is not free';
  const between = candidates.slice(0, candidates.indexOf(chosen)).map((each) => each.quantization);
  const skipped = [...new Set(between)].filter((step) => step !== askedQuantization && step !== quantization);
  const neither = skipped.length > 0 ? `, and ${nameSkipped(skipped)} would not fit either` : '';
  const same = quantization === asked.quantization;
  return (
    `${formatModelName(model, askedQuantization)}${same ? describeShape(asked) : ''} needs ${describeNeed(asked)}: ${reasons}${neither}. ` +
    `Loading ${same ? 'it' : (quantization ?? 'it')}${shape} instead${needed}.`
  );
}

/** A sentence stays readable with so many names; a folder may hold thirty quantizations. */
const MOST_NAMES = 3;

/** "Q4_K_M and Q4_K_S", or "9 others down to Q4_1". */
function nameSkipped(skipped: readonly (string | undefined)[]): string {
  return skipped.length > MOST_NAMES
    ? `${skipped.length} others down to ${skipped.at(-1)}`
    : skipped.join(', ').replace(/, ([^,]*)$/, ' and $1');
}

/** ", which needs 4.0 GiB (as given) of 8.0 GiB" */
function describeChosenNeed(chosen: CandidateVerdict, headroomBytes: number): string {
  if (chosen.need.basis === 'unknown') return ', and nobody knows what it needs';
  return `, which needs ${describeNeed(chosen)} of ${formatBytes(headroomBytes)}`;
}

interface ChosenShape {
  readonly contextSize?: number;
  readonly contextAssumed?: boolean;
  readonly kvCacheType?: KvCacheType;
}

/** "q8_0", or "q8_0 keys and f16 values" if they differ. */
export function formatCacheType(type: KvCacheType): string {
  if (typeof type === 'string') return type;
  return type.k === type.v ? type.k : `${type.k} keys and ${type.v} values`;
}

/** " with 4096 tokens of context and a cache of q8_0" */
export function describeShape({ contextSize, contextAssumed, kvCacheType }: ChosenShape): string {
  const assumed = contextAssumed ? ' (assumed, since the load names no number)' : '';
  const parts = [
    ...(contextSize === undefined ? [] : [`${contextSize} tokens of context${assumed}`]),
    ...(kvCacheType === undefined ? [] : [`a cache of ${formatCacheType(kvCacheType)}`]),
  ];
  return parts.length > 0 ? ` with ${parts.join(' and ')}` : '';
}

/** Why nothing fits, and what would help. */
export function describeRefusal(decision: Decision, limitedBy: MemoryScope | undefined): string {
  const { waitingBytes } = decision;
  const kept = waitingBytes === undefined ? '' : `${formatBytes(waitingBytes)} is kept for a load that waits before it`;
  const reasons = [kept, describeReasons(nearestCandidate(decision))].filter((reason) => reason !== '').join('; ');
  const help = decision.help ? describeHelp(decision.help, decision) : [];
  return (
    `Insufficient memory to load ${describeShortage(decision)}${describeScope(limitedBy)}${reasons && `; ${reasons}`}. ` +
    `${describeReason(decision)}To load it, ${help.length > 0 ? help.join(', or ') : 'use a machine with more memory'}.`
  );
}

/** Which kind of refusal it is, as a sentence. */
function describeReason({ reason }: Decision): string {
  if (reason === undefined) return '';
  return reason === 'busy'
    ? 'It would fit if what is held here now were given back. '
    : 'It is too large for this place, even with nothing else in it. ';
}

/** What would let a load in, each by itself: "free 2.0 GiB", "unload m Q4_0", "take it with 2048 tokens of context". */
export function describeHelp(
  { freeBytes, unload, context, downgrade, reserves, evict, raiseLimit }: RefusalHelp,
  { askedQuantization }: Decision,
): string[] {
  const step = context?.quantization === askedQuantization ? 'it' : context?.quantization;
  return [
    ...(freeBytes === undefined ? [] : [`free ${formatBytes(freeBytes)}`]),
    ...(unload.length === 0
      ? []
      : [`unload ${nameAll(unload)}${isSame(unload, evict) ? ", as `evict: 'idle'` does" : ''}`]),
    ...(context === undefined ? [] : [`take ${step}${describeShape(context)}`]),
    ...(downgrade === undefined ? [] : [`allow \`downgrade\` to ${downgrade}`]),
    ...(evict === undefined || isSame(unload, evict) ? [] : [`set \`evict: 'idle'\`, which unloads ${nameAll(evict)}`]),
    ...(reserves === undefined ? [] : [describeReserves(reserves)]),
    ...(raiseLimit === undefined ? [] : ['raise that limit']),
  ];
}

function isSame(unload: readonly string[], evict: readonly string[] | undefined): boolean {
  return evict !== undefined && nameAll(unload) === nameAll(evict);
}

/** "a and b" */
function nameAll(names: readonly string[]): string {
  return names.join(' and ');
}

/** "set `minFreeBytes: '40 MiB'`, which leaves 40.3 MiB free" */
function describeReserves({
  minFreeBytes,
  minFreeRatioAfterLoad,
  leavesBytes,
}: NonNullable<RefusalHelp['reserves']>): string {
  const options = [
    ...(minFreeBytes === undefined ? [] : [`\`minFreeBytes: '${minFreeBytes / MiB} MiB'\``]),
    ...(minFreeRatioAfterLoad === undefined ? [] : [`\`minFreeRatioAfterLoad: ${minFreeRatioAfterLoad}\``]),
  ];
  return `set ${options.join(' and ')}, which leaves ${formatBytes(leavesBytes)} free`;
}

/** A load that waits for memory. */
export function describeWaiting(decision: Decision, position: number): string {
  const missing = formatBytes(nearestCandidate(decision).shortfallBytes);
  const line = position === 1 ? 'it is next' : `${position - 1} wait${position === 2 ? 's' : ''} before it`;
  return `Waiting for memory to load ${describeShortage(decision)}; ${missing} more must be free, and ${line}.`;
}

/** A load that waited for too long, and why it could not be loaded at the last look. */
export function describeTimeout(waitedMs: number, refusal: string): string {
  return `Waited ${(waitedMs / 1000).toFixed(1)} s for memory. ${refusal}`;
}

/** A load that goes ahead although every candidate was refused. */
export function describeForced(decision: Decision): string {
  const reasons = describeReasons(nearestCandidate(decision));
  return `Forced, although the rules refuse it: ${describeShortage(decision)}${reasons && `; ${reasons}`}.`;
}

/** "m Q5_K_M: even Q4_0 with 2048 tokens of context needs 5.0 GiB (as given), this process can take 4.0 GiB" */
function describeShortage(decision: Decision): string {
  const nearest = nearestCandidate(decision);
  const { quantization } = nearest;
  const { model, askedQuantization = quantization, headroomBytes } = decision;
  const shape = describeShape(nearest);
  const name = formatModelName(model, askedQuantization);
  const what = quantization === askedQuantization ? `${name}${shape}: it` : `${name}: even ${quantization}${shape}`;
  return `${what} needs ${describeNeed(nearest)}, this process can take ${formatLeftBytes(headroomBytes)}`;
}

/** One rule with both of its numbers. Without the mapped bytes of the load the sum of what stays available doesn't add up. */
export function describeRule({ rule, requiredBytes, foundBytes, passed }: RuleVerdict, mappedBytes = 0): string {
  const required = formatBytes(requiredBytes);
  if (rule === 'headroom') return `${required} ${passed ? 'fits' : "doesn't fit"} in ${formatLeftBytes(foundBytes)}`;
  const how = rule === 'min-free' ? 'free' : 'available to the system';
  if (passed) return `${formatBytes(foundBytes)} stays ${how}`;
  const stays =
    foundBytes < 0
      ? `nothing would stay ${how} (${formatBytes(-foundBytes)} would be lacking)`
      : `${formatBytes(foundBytes)} would stay ${how}`;
  const mapped =
    rule === 'free-ratio-after-load' && mappedBytes > 0 ? `, ${formatBytes(mappedBytes)} of mapped files included` : '';
  return `${stays}${mapped}, where ${required} must`;
}

/** What refused a candidate besides its plain size, which every sentence tells; what follows from that is left out. */
function describeReasons({ rules, need }: Pick<CandidateVerdict, 'rules' | 'need'>): string {
  const failed = rules.filter((rule) => !rule.passed);
  const tooLarge = failed.some(({ rule }) => rule === 'headroom');
  return failed
    .filter(
      ({ rule, requiredBytes }) => rule !== 'headroom' && !(tooLarge && (rule === 'min-free' || requiredBytes === 0)),
    )
    .map((rule) => describeRule(rule, need.mappedBytes))
    .join('; ');
}

function describeScope(scope: MemoryScope | undefined): string {
  if (!scope || scope.kind === 'injected') return '';
  const limit = scope.limitBytes === undefined ? '' : `, ${formatBytes(scope.limitBytes)}`;
  return scope.kind === 'host'
    ? ` (limited by the machine${limit})`
    : ` (limited by ${scope.kind} ${scope.path}${limit})`;
}
