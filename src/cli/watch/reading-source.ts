/** Where readings come from: a guard of this process, or a look at a process or control group from outside. It shows nothing. */
import { FIRST, MemoryViewer } from '../../admission/memory-view.ts';
import { readMessage } from '../../core/errors.ts';
import { type GuardOptions, MemoryGuardError } from '../../index.ts';
import { openLedger } from '../../ledger/open-ledger.ts';
import { ProcessLife } from '../../sensors/linux/process-life.ts';
import { openOutsideReader } from '../../sensors/open-reader.ts';
import { type JudgedHeadroom, judgeHeadroom } from '../judge-headroom.ts';
import { openQueryGuard } from '../query-guard.ts';
import { readEntries } from '../read-entries.ts';
import type { Reading, WatchTarget } from './changes.ts';

export interface ReadingSource {
  /** Throws `ERR_SENSOR` if memory can't be read. */
  read(): Reading;
  /** What is watched from outside. Absent if it is this process. */
  readonly target?: WatchTarget;
  /** Whether it is still there. */
  isThere(): boolean;
  close(): void;
}

export interface ReadingSourceOptions {
  readonly ledger?: Exclude<GuardOptions['ledger'], 'process'>;
  /** The least that should stay free. Without it, what a guard keeps free by itself. */
  readonly minFreeBytes?: number;
  /** Hears of what is seen less well than it should be. */
  readonly told: (message: string) => void;
}

/** As a guard of this process sees it. */
export function openOwnSource({ ledger, minFreeBytes, told }: ReadingSourceOptions): ReadingSource {
  const { guard } = openQueryGuard(ledger === undefined ? {} : { ledger });
  guard.on('degraded', ({ message }) => told(message));
  return {
    read() {
      const { headroomBytes } = guard.status();
      const snapshot = guard.snapshot();
      return makeReading({ headroomBytes, snapshot, entries: readEntries(guard.ledger) }, minFreeBytes);
    },
    isThere: () => true,
    close: () => guard.close(),
  };
}

/**
 * From outside: the headroom of the target's own groups, less what processes in them hold that are in the ledger.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if there is no such process or group, `ERR_SENSOR` if its memory can't be read.
 */
export function openOutsideSource(
  asked: { readonly group: string } | { readonly pid: number },
  { ledger: option = 'shared', minFreeBytes, told }: ReadingSourceOptions,
): ReadingSource {
  if (process.platform !== 'linux') {
    throw new MemoryGuardError(
      'ERR_INVALID_OPTION',
      'Expected Linux for `group` and `pid`: elsewhere a process is seen only by itself.',
    );
  }
  const life = 'pid' in asked ? new ProcessLife(asked.pid) : undefined;
  const reader = openOutsideReader('pid' in asked ? { process: asked.pid } : asked);
  const known = new Set<string>();
  const tellOnce = (message: string) => {
    if (!known.has(message)) told(message);
    known.add(message);
  };
  const { ledger, shared, close } = openLedger(option, (error) => tellOnce(readMessage(error)), 'alone');
  const parts = { reader, ledger, ...(shared && { shared }), nowMs: () => performance.now() };
  const viewer = new MemoryViewer(parts);
  const source = {
    isThere: () => (life ? life.runs : isFound(() => reader.snapshot())),
    close() {
      reader.close();
      close();
    },
  };
  try {
    if ('pid' in asked && !life?.runs) throw noProcess(asked.pid);
    const { scopes } = reader.snapshot();
    const own = scopes.findLast(({ kind }) => kind.startsWith('cgroup')) ?? scopes[0]!;
    const target: WatchTarget =
      'pid' in asked
        ? { kind: 'process', pid: asked.pid, command: life?.command ?? '', path: own.path }
        : { kind: 'group', path: own.path };
    return {
      ...source,
      target,
      read() {
        const { headroomBytes } = viewer.look(FIRST);
        const entries = shared ? readEntries(shared) : [];
        return { ...makeReading({ headroomBytes, snapshot: reader.snapshot(), entries }, minFreeBytes), target };
      },
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

function makeReading(read: Omit<Reading, 'atMs' | keyof JudgedHeadroom>, minFreeBytes: number | undefined): Reading {
  const { headroomBytes, snapshot } = read;
  const judged = judgeHeadroom({ headroomBytes, totalBytes: snapshot.totalBytes }, minFreeBytes);
  return { atMs: Date.now(), ...judged, ...read };
}

/** What can't be read for another reason is there all the same. */
function isFound(read: () => unknown): boolean {
  try {
    read();
  } catch (error) {
    return !(error instanceof MemoryGuardError && error.code === 'ERR_INVALID_OPTION');
  }
  return true;
}

function noProcess(pid: number): MemoryGuardError {
  return new MemoryGuardError(
    'ERR_INVALID_OPTION',
    `Expected \`pid\` to be the number of a process that runs, found none with the number ${pid}.`,
  );
}
