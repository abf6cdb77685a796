/** Where watched readings are shown, and the two views that need no terminal: a line of text or of JSON for each. It reads nothing. */
import { formatLeftBytes } from '../../core/bytes.ts';
import { printableJson } from '../../core/printable.ts';
import { formatBytes } from '../../index.ts';
import type { Io } from '../io.ts';
import { formatScope } from '../scope-table.ts';
import type { Change, Reading } from './changes.ts';

/** Shows readings, and what happened since the one before. */
export interface View {
  show(reading: Reading, changes: readonly Change[]): void;
  /** Fulfilled if the view itself is left by a key. If keys are read one by one, Ctrl-C is a key too. */
  readonly left: Promise<'key' | 'SIGINT'>;
  close(): void;
}

/** A view without keys is left by none. */
const NEVER = new Promise<never>(() => {});

/** One object for each reading, a line each. */
export function makeJsonView({ stdout }: Pick<Io, 'stdout'>): View {
  return {
    left: NEVER,
    show: (reading, changes) => void stdout.write(`${printableJson(JSON.stringify({ ...reading, changes }))}\n`),
    close() {},
  };
}

/** One line for each reading, and before it one for each change. */
export function makeTextView({ stdout }: Pick<Io, 'stdout'>): View {
  return {
    left: NEVER,
    show(reading, changes) {
      const time = formatTime(reading.atMs);
      for (const { message } of changes) stdout.write(`${time} ${message}\n`);
      stdout.write(`${time} ${reading.target ? describeOutside(reading) : describeOwn(reading)}\n`);
    },
    close() {},
  };
}

function describeOwn({ headroomBytes, snapshot, status, entries }: Reading): string {
  const processes = new Set(entries.map(({ pid }) => pid)).size;
  const held =
    processes === 0
      ? 'no process holds a model'
      : `${entries.length} held by ${processes} process${processes === 1 ? '' : 'es'}`;
  return `headroom ${formatLeftBytes(headroomBytes)} of ${formatBytes(snapshot.totalBytes)}, ${status}; ${held}`;
}

/** The group's own figures, and which other limit leaves less, if one does. */
function describeOutside({ headroomBytes, snapshot, status }: Reading): string {
  const { scopes, limitedBy } = snapshot;
  const own = scopes.findLast(({ kind }) => kind.startsWith('cgroup')) ?? scopes[0]!;
  const limit = own.limitBytes === undefined ? 'no limit' : `limit ${formatBytes(own.limitBytes)}`;
  const used = `${formatBytes(own.usedBytes)} used, ${formatBytes(own.reclaimableBytes)} of it reclaimable`;
  const binds = own === limitedBy ? '' : ` by ${formatScope(limitedBy)}`;
  return `${limit}, ${used}; headroom ${formatLeftBytes(headroomBytes)}${binds}, ${status}`;
}

/** "14:05:09", in the time zone of the process. */
export function formatTime(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}
