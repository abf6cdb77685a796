/** What happened between two looks: models that came, settled and went in any process, and edges of the headroom. Pure. */
import { formatBytes, type LedgerEntry, type MemorySnapshot, MiB } from '../../index.ts';

/** One look at the machine. */
export interface Look {
  readonly atMs: number;
  readonly snapshot: MemorySnapshot;
  readonly headroomBytes: number;
  readonly entries: readonly LedgerEntry[];
}

export interface Change {
  readonly atMs: number;
  readonly kind: 'loading' | 'loaded' | 'gone' | 'level' | 'binds' | 'told';
  readonly message: string;
}

export type Level = 'ok' | 'warning' | 'critical';

/** The bytes that a model without a row of its own asks to keep free, and twice as many. */
const CRITICAL_BYTES = 512 * MiB;
const WARNING_BYTES = 2 * CRITICAL_BYTES;

/** How a guard with a loaded model would judge it. */
export function levelOf(headroomBytes: number): Level {
  if (headroomBytes < CRITICAL_BYTES) return 'critical';
  return headroomBytes < WARNING_BYTES ? 'warning' : 'ok';
}

export function changesBetween(before: Look | undefined, now: Look): Change[] {
  if (!before) return [];
  const { atMs } = now;
  const [was, is] = [new Map(before.entries.map(keyed)), new Map(now.entries.map(keyed))];
  const changes: Change[] = [];
  for (const [key, entry] of is) {
    const known = was.get(key);
    const ready = entry.state !== 'loading';
    const who = `${entry.label} in process ${entry.pid}`;
    if (!known && !ready) changes.push({ atMs, kind: 'loading', message: `loading ${who}` });
    if (ready && (!known || known.state === 'loading')) {
      changes.push({ atMs, kind: 'loaded', message: `loaded ${who}, ${formatBytes(bytesOf(entry))}` });
    }
  }
  for (const [key, entry] of was) {
    if (!is.has(key)) changes.push({ atMs, kind: 'gone', message: `${entry.label} of process ${entry.pid} is gone` });
  }
  return [...changes, ...edges(before, now)];
}

export function bytesOf({ mappedBytes, anonymousBytes }: LedgerEntry): number {
  return mappedBytes + anonymousBytes;
}

function edges(before: Look, now: Look): Change[] {
  const { atMs, headroomBytes } = now;
  const [was, is] = [levelOf(before.headroomBytes), levelOf(headroomBytes)];
  const [bound, binds] = [before.snapshot.limitedBy, now.snapshot.limitedBy];
  return [
    ...(was === is
      ? []
      : [{ atMs, kind: 'level' as const, message: `${is}: ${formatBytes(headroomBytes)} can be taken` }]),
    ...(bound.kind === binds.kind && bound.path === binds.path
      ? []
      : [{ atMs, kind: 'binds' as const, message: `${binds.kind} ${binds.path} binds now` }]),
  ];
}

/** A process may hold the same model twice: the moment of the promise tells them apart. */
function keyed(entry: LedgerEntry): [string, LedgerEntry] {
  return [`${entry.pid} ${entry.label} ${entry.atMs}`, entry];
}
