/** Tells which scope's out-of-memory killer ended a process, by the kernel's counters before and after. It guesses by no signal. */
import { dirname } from 'node:path';
import { type FoundGroups, findGroups } from '../sensors/linux/control-groups.ts';
import { toPrefix } from '../sensors/linux/kernel-files.ts';
import type { ScopeName } from '../sensors/scope-rows.ts';
import type { GroupKind } from './group-limits.ts';
import { type KillCounters, readHostKills, readKillCounters } from './kill-counters.ts';

interface CountedGroup extends KillCounters {
  readonly kind: GroupKind;
  readonly path: string;
  readonly directory: string;
  /** The caller's, made for one process: its counters began at 0. */
  readonly contained: boolean;
}

/** The kernel's counters at one moment. What can't be read is absent. */
export interface OomKills {
  /** Our own group and those above it, topmost first, then the caller's. */
  readonly groups: readonly CountedGroup[];
  /** Whether a kill of a process in our own group would be among `groups`. */
  readonly ownCounted: boolean;
  /** All kills on this machine. */
  readonly hostKills: number | undefined;
}

export interface ReadOomKillsOptions {
  /** Directories of further groups, for example of contained processes (`ContainedProcess.path`). They must still be there. */
  readonly groups?: readonly string[];
  /** Directory in which /proc stands. @default '/' */
  readonly root?: string;
}

/** Reads the counters of our own group, all that can be seen above it, the given ones, and the machine's. It never throws. */
export function readOomKills({ groups = [], root = '/' }: ReadOomKillsOptions = {}): OomKills {
  const prefix = toPrefix(root);
  const hostKills = readHostKills(prefix);
  const found = tryFindGroups(prefix);
  if (found === undefined) return { groups: [], ownCounted: false, hostKills };
  const kind = found.version === 1 ? 'cgroup-v1' : 'cgroup-v2';
  // On v1 the real root counts the kills of its own processes too.
  const own = found.visible.filter((group) => group === found.own || found.groups.includes(group));
  const counted = own.map(({ path, directory }) => countGroup(path, directory, false));
  const given = groups.map((directory) => countGroup(namePath(found, directory), directory, true));
  // On v2 a group without the memory controller is accounted by the nearest above that has it.
  const accounting = found.version === 1 ? found.own : found.groups.at(-1);
  const ownKills = counted.find(({ directory }) => directory === accounting?.directory)?.kills;
  return {
    groups: [...counted, ...given],
    ownCounted: found.own !== undefined && ownKills !== undefined,
    hostKills,
  };

  function countGroup(path: string, directory: string, contained: boolean): CountedGroup {
    return { kind, path, directory, contained, ...readKillCounters(kind, directory) };
  }
}

/**
 * The scope that had run out of memory when a process of one of the groups was killed between both readings; `undefined` if none was.
 *
 * The kernel counts `oom_kill` in the group of the process that it ends, whichever scope had run out, so the innermost group in which
 * it rose held the process; the innermost from there upwards whose own limit had run out is the scope. If no limit had, it was the
 * machine's memory, or the limit of a group that a namespace hides. The machine's own counter holds all kills, also of processes
 * that are none of ours: it decides only if our group can't be counted.
 */
export function findKiller(before: OomKills, after: OomKills): ScopeName | undefined {
  const host: ScopeName = { kind: 'host', path: 'host' };
  const victims = after.groups.filter((group) => rose(findFormer(before, group)?.kills, group.kills));
  if (victims.length === 0) {
    return !after.ownCounted && rose(before.hostKills, after.hostKills) ? host : undefined;
  }
  // Of two at the same depth the caller's, which stand behind.
  const victim = victims.reduce((best, group) => (depth(group) >= depth(best) ? group : best));
  const around = after.groups.filter((group) => holds(group, victim)).sort((a, b) => depth(b) - depth(a));
  const scope =
    around.find((group) => rose(findFormer(before, group)?.limitHits, group.limitHits)) ??
    around.find(({ swapLimitReached }) => swapLimitReached);
  if (scope === undefined && victim.limitHits !== undefined) return host;
  const { kind, path, directory } = scope ?? victim;
  return { kind, path, directory };
}

function tryFindGroups(prefix: string): FoundGroups | undefined {
  try {
    return findGroups(prefix);
  } catch {
    return undefined;
  }
}

/** As scopes are named, if the group stands directly below one that can be seen. */
function namePath({ visible }: FoundGroups, directory: string): string {
  const above = dirname(directory);
  const parent = visible.find((group) => group.directory === above);
  if (parent === undefined) return directory;
  return `${parent.path === '/' ? '' : parent.path}${directory.slice(above.length)}`;
}

function findFormer(
  { groups }: OomKills,
  { directory, contained }: CountedGroup,
): Pick<KillCounters, 'kills' | 'limitHits'> | undefined {
  const former = groups.find((group) => group.directory === directory);
  return former ?? (contained ? { kills: 0, limitHits: 0 } : undefined);
}

function rose(before: number | undefined, after: number | undefined): boolean {
  return before !== undefined && after !== undefined && after > before;
}

function depth({ directory }: CountedGroup): number {
  return directory.split('/').length;
}

function holds(group: CountedGroup, victim: CountedGroup): boolean {
  return group === victim || victim.directory.startsWith(`${group.directory}/`);
}
