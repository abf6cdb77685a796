/** Puts one process into a new control group with a limit, and keeps hold of that group. It doesn't choose where. */
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { getErrno } from '../sensors/sensor-error.ts';
import { ContainmentError } from './containment-error.ts';
import { writeGroupFile, writeGroupFileLater } from './group-files.ts';
import { type GroupKind, prepareGroup, writeLimit } from './group-limits.ts';
import { type GroupPlace, handsDownMemory } from './group-place.ts';
import { readKillCounters } from './kill-counters.ts';
import { nameGroup, removeGroup, removeGroupLater } from './remove-leftovers.ts';

/** A process in a group of its own. */
export interface ContainedProcess {
  /** Absolute path of the group's directory. */
  readonly path: string;
  /**
   * Changes the limit, in bytes. A limit below what is held ends the process on v2; on v1 the kernel refuses it.
   *
   * @throws ContainmentError with one sentence, if the kernel doesn't take it. The former limit then holds on.
   */
  limit(bytes: number): void;
  /**
   * How many processes of the group the kernel killed, for whichever scope; 0 if none. Linux 6.1 counts the first one twice on v2, where
   * the group is killed as a whole. `undefined` if it can't be read.
   */
  readKills(): number | undefined;
  /** Removes the group once its process has ended: tries for 5 s, since it is in there until it is reaped. It never rejects. */
  remove(): Promise<void>;
}

/** A process that was killed is in its group until all of its memory is given back and its parent has seen it end. */
const REMOVE_WITHIN_MS = 5000;
const RETRY_MS = 10;

let count = 0;

/**
 * Makes a group in `place`, limits it, and moves the process there. What the process has taken until then stays charged where it was.
 *
 * Rejects with a ContainmentError of one sentence. No group is left then, and the process is where it was.
 */
export async function containProcess(place: GroupPlace, pid: number, limitBytes: number): Promise<ContainedProcess> {
  const { kind, directory: above } = place;
  // The kernel takes 0 for the writer, and the program itself is never moved.
  if (!Number.isSafeInteger(pid) || pid < 1 || pid === process.pid) {
    throw new ContainmentError('the number of another process', String(pid), 'give the pid of a child');
  }
  checkBytes(limitBytes);
  if (kind === 'cgroup-v2' && !handsDownMemory(above)) {
    writeGroupFile(`${above}/cgroup.subtree_control`, '+memory', 'move the processes of that group to one below it');
  }
  const directory = makeGroup(above);
  try {
    prepareGroup(kind, directory);
    writeLimit(kind, directory, limitBytes);
    await writeGroupFileLater(
      `${directory}/cgroup.procs`,
      pid,
      'check that it runs, and that both groups are delegated to this user',
    );
  } catch (error) {
    removeGroup(directory);
    throw error;
  }
  return new ContainedGroup(kind, directory, limitBytes);
}

function checkBytes(bytes: number): void {
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new ContainmentError('a limit in bytes', String(bytes), 'give a safe integer above 0');
  }
}

/** A name may be taken by another copy of this package in this process, or by a former process of our number. */
function makeGroup(above: string): string {
  for (;;) {
    count++;
    const directory = `${above}/${nameGroup(process.pid, count)}`;
    try {
      mkdirSync(directory);
      return directory;
    } catch (error) {
      if (getErrno(error) === 'EEXIST') continue;
      throw new ContainmentError(`to make ${directory}`, getErrno(error), `let this user make groups in ${above}`, {
        cause: error,
      });
    }
  }
}

class ContainedGroup implements ContainedProcess {
  readonly path: string;
  readonly #kind: GroupKind;
  #limitBytes: number;

  constructor(kind: GroupKind, path: string, limitBytes: number) {
    this.path = path;
    this.#kind = kind;
    this.#limitBytes = limitBytes;
  }

  limit(bytes: number): void {
    checkBytes(bytes);
    writeLimit(this.#kind, this.path, bytes, this.#limitBytes);
    this.#limitBytes = bytes;
  }

  readKills(): number | undefined {
    return readKillCounters(this.#kind, this.path).kills;
  }

  async remove(): Promise<void> {
    const startMs = performance.now();
    while (!(await removeGroupLater(this.path)) && performance.now() - startMs < REMOVE_WITHIN_MS)
      await sleep(RETRY_MS);
  }
}
