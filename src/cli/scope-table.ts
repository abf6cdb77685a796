/** The scopes of a snapshot as lines of a table; the one that binds is marked. Pure. */
import { formatBytes, type MemoryScope, type MemorySnapshot } from '../index.ts';
import type { Screen } from './io.ts';
import { formatTable } from './table.ts';

/** One line for the titles and one for each scope. */
export function formatScopeTable({ scopes, limitedBy }: MemorySnapshot, { colors, width }: Screen): string[] {
  const rows = scopes.map((scope) => {
    const binds = scope === limitedBy;
    const cells = [
      binds ? '*' : '',
      formatScope(scope),
      formatBytes(scope.limitBytes ?? Number.POSITIVE_INFINITY),
      formatBytes(scope.usedBytes),
      formatBytes(scope.reclaimableBytes),
      formatBytes(scope.availableBytes),
    ];
    return binds ? cells.map((cell) => colors.bold(cell)) : cells;
  });
  return formatTable(
    [
      { title: '' },
      { title: 'scope', shrinks: true },
      { title: 'limit', align: 'right' },
      { title: 'used', align: 'right' },
      { title: 'reclaimable', align: 'right' },
      { title: 'available', align: 'right' },
    ],
    rows,
    width,
  );
}

/** "host", "cgroup-v2 /docker/ab". */
export function formatScope({ kind, path }: MemoryScope): string {
  return path === kind ? kind : `${kind} ${path}`;
}

/** A container sees its own group as the root of all. */
export function nameGroup(path: string): string {
  return path === '/' ? 'this container (control group /)' : path;
}
