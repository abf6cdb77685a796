/** Finds which limits were raised or lowered between two readings, and whether the process was moved. Pure. */
import { formatBytes } from '../core/bytes.ts';
import type { ScopeLimit } from '../core/memory-reader.ts';
import type { ScopeKind } from '../core/types.ts';
import type { LimitsEvent } from '../events/guard-events.ts';

/** One change, without what an event says besides. */
export type LimitChange = Pick<
  LimitsEvent,
  'reason' | 'kind' | 'path' | 'previousPath' | 'limitBytes' | 'previousLimitBytes'
>;

/** The machine's own figures move without anybody's doing (balloons, huge pages): less than this share is no change. */
const JITTER = 0.01;
const JITTERY: ReadonlySet<ScopeKind> = new Set(['host', 'commit', 'injected']);
const GROUPS: ReadonlySet<ScopeKind> = new Set(['cgroup-v1', 'cgroup-v2']);

/** Compares each reading with the one before it, or with what was told last of a figure that jitters. */
export class LimitChanges {
  #known: readonly ScopeLimit[] = [];

  /** Gives what has changed since the last call. Nothing for the first reading. */
  find(now: readonly ScopeLimit[]): readonly LimitChange[] {
    const before = this.#known;
    if (before.length === 0) this.#known = now;
    if (before.length === 0 || now.length === 0) return [];
    const steady = now.map((scope) => {
      const known = findSame(before, scope);
      return known && isJitter(known, scope) ? known : scope;
    });
    this.#known = steady;
    return listChanges(before, steady);
  }
}

function listChanges(before: readonly ScopeLimit[], now: readonly ScopeLimit[]): readonly LimitChange[] {
  const moved = findMove(before.filter(isGroup), now.filter(isGroup));
  const changes = moved ? [moved] : [];
  const others = (scopes: readonly ScopeLimit[]) => (moved ? scopes.filter((scope) => !isGroup(scope)) : scopes);
  for (const scope of others(now)) {
    const known = findSame(before, scope);
    if (known?.limitBytes !== scope.limitBytes) changes.push(makeChange('resized', scope, known?.limitBytes));
  }
  // Limits of the process that are no more.
  for (const { kind, path, limitBytes } of others(before)) {
    if (!findSame(now, { kind, path })) changes.push(makeChange('resized', { kind, path }, limitBytes));
  }
  return changes;
}

/** From the root to the group of this process. */
function findMove(before: readonly ScopeLimit[], now: readonly ScopeLimit[]): LimitChange | undefined {
  if (before.length === now.length && before.every((group) => findSame(now, group))) return undefined;
  const kind = (now.at(-1) ?? before.at(-1))!.kind;
  const limitBytes = findSmallest(now);
  const scope = { kind, path: now.at(-1)?.path ?? '/', ...(limitBytes !== undefined && { limitBytes }) };
  return { ...makeChange('moved', scope, findSmallest(before)), previousPath: before.at(-1)?.path ?? '/' };
}

function makeChange(
  reason: LimitChange['reason'],
  scope: ScopeLimit,
  previousLimitBytes: number | undefined,
): LimitChange {
  return { reason, ...scope, ...(previousLimitBytes !== undefined && { previousLimitBytes }) };
}

/** What has changed, in one sentence. */
export function describeLimitChange(change: LimitChange, totalBytes: number): string {
  const { reason, kind, path, previousPath, limitBytes, previousLimitBytes } = change;
  const now = `the smallest of all limits is ${formatBytes(totalBytes)} now`;
  const [is, was] = [formatLimit(limitBytes), formatLimit(previousLimitBytes)];
  if (reason === 'moved') return `This process was moved from ${previousPath} (${was}) to ${path} (${is}); ${now}.`;
  const raised = (limitBytes ?? Number.POSITIVE_INFINITY) > (previousLimitBytes ?? Number.POSITIVE_INFINITY);
  const what = kind === 'host' ? 'The memory of the machine' : `The limit of ${kind} ${path}`;
  return `${what} was ${raised ? 'raised' : 'lowered'} from ${was} to ${is}; ${now}.`;
}

function formatLimit(bytes: number | undefined): string {
  return bytes === undefined ? 'no limit' : formatBytes(bytes);
}

function isGroup({ kind }: ScopeLimit): boolean {
  return GROUPS.has(kind);
}

function findSame(scopes: readonly ScopeLimit[], { kind, path }: ScopeLimit): ScopeLimit | undefined {
  return scopes.find((scope) => scope.kind === kind && scope.path === path);
}

function findSmallest(groups: readonly ScopeLimit[]): number | undefined {
  const limits = groups.flatMap(({ limitBytes }) => limitBytes ?? []);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

function isJitter({ kind, limitBytes: before }: ScopeLimit, { limitBytes: now }: ScopeLimit): boolean {
  return JITTERY.has(kind) && before !== undefined && now !== undefined && Math.abs(now - before) < before * JITTER;
}
