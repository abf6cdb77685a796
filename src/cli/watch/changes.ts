/** What happened between two readings: models that came, were loaded and went in any process, and edges of the headroom. Pure. */
import { formatLeftBytes } from '../../core/bytes.ts';
import { neededBytes } from '../../core/needed-bytes.ts';
import { formatBytes, type LedgerEntry, type MemorySnapshot, type MemoryStatusLevel } from '../../index.ts';

/** The machine and the ledger at one moment. */
export interface Reading {
  readonly atMs: number;
  readonly snapshot: MemorySnapshot;
  readonly headroomBytes: number;
  /** The least that should stay free. */
  readonly minFreeBytes: number;
  readonly status: MemoryStatusLevel;
  /** What is watched from outside. Absent if it is this process. */
  readonly target?: WatchTarget;
  readonly entries: readonly LedgerEntry[];
}

/** A process or a control group that is watched from outside. `path` is that of the group. */
export type WatchTarget =
  | { readonly kind: 'process'; readonly pid: number; readonly command: string; readonly path: string }
  | { readonly kind: 'group'; readonly path: string };

/** "process 4021 (node) in /docker/ab", "control group /docker/ab". */
export function describeTarget(target: WatchTarget): string {
  return target.kind === 'group'
    ? `control group ${target.path}`
    : `process ${target.pid} (${target.command}) in ${target.path}`;
}

export interface Change {
  readonly atMs: number;
  /** `told` is a message of the guard itself. */
  readonly kind: 'loading' | 'loaded' | 'gone' | 'level' | 'binds' | 'told';
  readonly message: string;
}

/** Empty before the first reading. */
export function findChanges(before: Reading | undefined, now: Reading): Change[] {
  if (!before) return [];
  return [...findModelChanges(before, now), ...findEdges(before, now)];
}

function findModelChanges(before: Reading, { atMs, entries }: Reading): Change[] {
  const [was, is] = [before.entries, entries].map((each) => new Map(each.map((entry) => [makeKey(entry), entry])));
  const changes: Change[] = [];
  for (const [key, entry] of is!) {
    const known = was!.get(key);
    const ready = entry.state !== 'loading';
    const who = `${entry.label} in process ${entry.pid}`;
    if (!known && !ready) changes.push({ atMs, kind: 'loading', message: `loading ${who}` });
    if (ready && (!known || known.state === 'loading')) {
      changes.push({ atMs, kind: 'loaded', message: `loaded ${who}, ${formatHeld(entry)}` });
    }
  }
  for (const [key, { label, pid }] of was!) {
    if (!is!.has(key)) changes.push({ atMs, kind: 'gone', message: `${label} of process ${pid} is gone` });
  }
  return changes;
}

/** All that an entry stands for: "4.0 GiB", "1.0 GiB and an unknown rest", "an unknown need". */
export function formatHeld(entry: LedgerEntry): string {
  const bytes = formatBytes(neededBytes(entry));
  if (!entry.unknown) return bytes;
  return neededBytes(entry) === 0 ? 'an unknown need' : `${bytes} and an unknown rest`;
}

/** A process may hold the same model twice: the moment of the reservation tells them apart. */
function makeKey({ pid, label, atMs }: LedgerEntry): string {
  return `${pid} ${label} ${atMs}`;
}

function findEdges(before: Reading, now: Reading): Change[] {
  const { atMs, headroomBytes } = now;
  const changes: Change[] = [];
  if (now.status !== before.status) {
    changes.push({ atMs, kind: 'level', message: `${now.status}: ${formatLeftBytes(headroomBytes)} can be taken` });
  }
  const [bound, binds] = [before.snapshot.limitedBy, now.snapshot.limitedBy];
  if (bound.kind !== binds.kind || bound.path !== binds.path) {
    changes.push({ atMs, kind: 'binds', message: `${binds.kind} ${binds.path} binds now` });
  }
  return changes;
}
