/** Turns a root directory into a plan: which scopes hold for this process and which files tell about them. Both engines follow it. */
import {
  HIGH,
  LIMIT,
  RECLAIMABLE,
  type ScopeName,
  STRIDE,
  SWAP_LIMIT,
  SWAP_USED,
  SWAPPINESS,
  USED,
} from '../scope-rows.ts';
import { type ControlGroup, findGroups, type ProcessName, tellsCache } from './control-groups.ts';
import { exists } from './kernel-files.ts';
import { findNamedGroup } from './named-group.ts';
import type { ProcessLimits } from './process-limits.ts';
import { PARSE, type PlannedFile, type ReadPlan } from './read-plan.ts';

/** What is read: a process with its groups and limits, or a control group without any process of it. */
export type ReadTarget = { readonly process: ProcessName } | { readonly group: string };

/** The folder of /proc that tells the limits of a target. */
export function nameProcess(of: ReadTarget): ProcessName | 'none' {
  return 'group' in of ? 'none' : of.process;
}

/**
 * Resolves the plan below `prefix`, which stands before every absolute path.
 *
 * @throws MemoryGuardError `ERR_SENSOR` if a file that tells which scopes hold can't be read or understood.
 */
export function resolvePlan(
  prefix: string,
  swap: boolean,
  limits: ProcessLimits,
  of: ReadTarget = { process: 'self' },
): ReadPlan {
  const listed = 'group' in of ? undefined : findGroups(prefix, 'memory', of.process);
  const found = 'group' in of ? findNamedGroup(prefix, of.group) : listed;
  const scopes: ScopeName[] = [{ kind: 'host', path: 'host' }];
  const files: PlannedFile[] = [];
  const fixed: (readonly [row: number, column: number, value: number])[] = [[0, SWAP_USED, limits.zramBytes]];

  const commit = limits.strictOvercommit ? scopes.push({ kind: 'commit', path: 'CommitLimit' }) - 1 : 0;
  if (commit > 0) fixed.push([commit, RECLAIMABLE, 0]);
  files.push({ path: `${prefix}/proc/meminfo`, parse: PARSE.meminfo, row: 0, column: commit });

  const stats: PlannedFile[] = [];
  let own = 0;
  const version = found?.version ?? 2;
  for (const group of found?.groups ?? []) {
    const row = scopes.push({ kind: version === 1 ? 'cgroup-v1' : 'cgroup-v2', ...group }) - 1;
    own = row;
    const topmost = group === found?.groups[0] && found.ancestorsHidden;
    files.push(...planGroupNumbers(group, version, row, swap, limits.swapping));
    if (version === 1 && !tellsCache(group.directory)) {
      fixed.push([row, RECLAIMABLE, 0]);
      continue;
    }
    stats.unshift({
      path: `${group.directory}/memory.stat`,
      parse: version === 1 ? PARSE.statV1 : PARSE.statV2,
      row,
      column: topmost && version === 1 ? 1 : 0,
    });
  }
  if (swap && limits.swapping && own > 0) files.push(planSwappiness(prefix, scopes[own]!, own));

  const sizeRow = addProcessScope('rlimit-as', 'RLIMIT_AS', limits.addressSpaceBytes);
  const dataRow = addProcessScope('rlimit-data', 'RLIMIT_DATA', limits.dataBytes);
  if (sizeRow + dataRow > 0)
    files.push({
      path: `${prefix}/proc/${nameProcess(of)}/status`,
      parse: PARSE.status,
      row: sizeRow,
      column: dataRow,
    });

  const initial = new Float64Array(scopes.length * STRIDE).fill(Number.NaN);
  for (const [row, column, value] of fixed) initial[row * STRIDE + column] = value;
  return {
    scopes,
    files: [...files, ...stats],
    group: listed && { path: listed.file, bytes: listed.bytes },
    ancestorsHidden: found?.ancestorsHidden ?? false,
    swap,
    initial,
  };

  /** Returns the new row, or 0 if this limit is not set. */
  function addProcessScope(kind: 'rlimit-as' | 'rlimit-data', path: string, limit: number): number {
    if (limit === Number.POSITIVE_INFINITY) return 0;
    const row = scopes.push({ kind, path }) - 1;
    fixed.push([row, LIMIT, limit], [row, RECLAIMABLE, 0]);
    return row;
  }
}

function planGroupNumbers(
  { directory }: ControlGroup,
  version: 1 | 2,
  row: number,
  swap: boolean,
  swapping: boolean,
): PlannedFile[] {
  const plan = (name: string, column: number): PlannedFile => ({
    path: `${directory}/${name}`,
    parse: PARSE.number,
    row,
    column,
  });
  if (version === 1) {
    const numbers = [plan('memory.limit_in_bytes', LIMIT), plan('memory.usage_in_bytes', USED)];
    // Read if there is a swap device, even if swap does not count: see computeAvailable in scope-rows.ts. Without swap
    // accounting the files don't exist.
    if ((swap || swapping) && existsEither(directory, 'memory.memsw.limit_in_bytes', 'memory.memsw.usage_in_bytes')) {
      numbers.push(plan('memory.memsw.limit_in_bytes', SWAP_LIMIT), plan('memory.memsw.usage_in_bytes', SWAP_USED));
    }
    return numbers;
  }
  const numbers = [plan('memory.max', LIMIT), plan('memory.high', HIGH), plan('memory.current', USED)];
  if (swap && existsEither(directory, 'memory.swap.max', 'memory.swap.current')) {
    numbers.push(plan('memory.swap.max', SWAP_LIMIT), plan('memory.swap.current', SWAP_USED));
  }
  return numbers;
}

/** v1 has a swappiness for each group, v2 one for all. */
function planSwappiness(prefix: string, { kind, directory }: ScopeName, row: number): PlannedFile {
  const path = kind === 'cgroup-v1' ? `${directory}/memory.swappiness` : `${prefix}/proc/sys/vm/swappiness`;
  return { path, parse: PARSE.number, row, column: SWAPPINESS };
}

/** One of a pair without the other is a file that can't be read, not a kernel without the feature. */
function existsEither(directory: string, one: string, other: string): boolean {
  return exists(`${directory}/${one}`) || exists(`${directory}/${other}`);
}
