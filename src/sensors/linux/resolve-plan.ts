/** Turns a root directory into a plan: which scopes hold for this process and which files tell about them. Both readers follow it. */

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
import { findGroups, type Group, tellsCache } from './control-groups.ts';
import { exists } from './kernel-files.ts';
import type { ProcessLimits } from './process-limits.ts';
import { PARSE, type Plan, type PlannedFile } from './read-plan.ts';

export function resolve(prefix: string, swap: boolean, limits: ProcessLimits): Plan {
  const found = findGroups(prefix);
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
    files.push(...numbersOf(group, version, row, swap, limits.swapping));
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
  if (swap && limits.swapping && own > 0) files.push(swappinessOf(prefix, scopes[own] as ScopeName, own));

  const sizeRow = processScope('rlimit-as', 'RLIMIT_AS', limits.addressSpaceBytes);
  const dataRow = processScope('rlimit-data', 'RLIMIT_DATA', limits.dataBytes);
  if (sizeRow + dataRow > 0)
    files.push({ path: `${prefix}/proc/self/status`, parse: PARSE.status, row: sizeRow, column: dataRow });

  const initial = new Float64Array(scopes.length * STRIDE).fill(Number.NaN);
  for (const [row, column, value] of fixed) initial[row * STRIDE + column] = value;
  return {
    scopes,
    files: [...files, ...stats],
    group: found && { path: found.file, bytes: found.bytes },
    ancestorsHidden: found?.ancestorsHidden ?? false,
    swap,
    initial,
  };

  /** The new row, or 0 where this limit is not set. */
  function processScope(kind: 'rlimit-as' | 'rlimit-data', path: string, limit: number): number {
    if (limit === Number.POSITIVE_INFINITY) return 0;
    const row = scopes.push({ kind, path }) - 1;
    fixed.push([row, LIMIT, limit], [row, RECLAIMABLE, 0]);
    return row;
  }
}

function numbersOf({ directory }: Group, version: 1 | 2, row: number, swap: boolean, swapping: boolean): PlannedFile[] {
  const number = (name: string, column: number): PlannedFile => ({
    path: `${directory}/${name}`,
    parse: PARSE.number,
    row,
    column,
  });
  if (version === 1) {
    const numbers = [number('memory.limit_in_bytes', LIMIT), number('memory.usage_in_bytes', USED)];
    // Read wherever there is a swap device, even if swap does not count: see availableOf in scopes.ts. Without swap
    // accounting the files don't exist.
    if ((swap || swapping) && either(directory, 'memory.memsw.limit_in_bytes', 'memory.memsw.usage_in_bytes')) {
      numbers.push(number('memory.memsw.limit_in_bytes', SWAP_LIMIT), number('memory.memsw.usage_in_bytes', SWAP_USED));
    }
    return numbers;
  }
  const numbers = [number('memory.max', LIMIT), number('memory.high', HIGH), number('memory.current', USED)];
  if (swap && either(directory, 'memory.swap.max', 'memory.swap.current')) {
    numbers.push(number('memory.swap.max', SWAP_LIMIT), number('memory.swap.current', SWAP_USED));
  }
  return numbers;
}

/** v1 has one for each group, v2 one for all. */
function swappinessOf(prefix: string, { kind, directory }: ScopeName, row: number): PlannedFile {
  const path = kind === 'cgroup-v1' ? `${directory}/memory.swappiness` : `${prefix}/proc/sys/vm/swappiness`;
  return { path, parse: PARSE.number, row, column: SWAPPINESS };
}

/** One of a pair without the other is a file that can't be read, not a kernel without the feature. */
function either(directory: string, one: string, other: string): boolean {
  return exists(`${directory}/${one}`) || exists(`${directory}/${other}`);
}
