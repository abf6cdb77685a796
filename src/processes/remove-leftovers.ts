/** Names the groups of contained processes, and removes those of programs that were killed before they could. */
import { readdirSync, rmdirSync } from 'node:fs';
import { rmdir } from '../core/file-system.ts';
import { getErrno } from '../sensors/sensor-error.ts';

const NAME = /^nexa-guard-(\d+)-\d+$/;

/** `nexa-guard-4021-1`: the program's process number says later whether it still lives. */
export function nameGroup(ownerPid: number, count: number): string {
  return `nexa-guard-${ownerPid}-${count}`;
}

/**
 * Removes the groups in `directory` whose program has ended and that hold no process: the kernel removes no other. A group whose
 * program's number is in use stays, since the process may be the one that made it. It never throws.
 */
export function removeLeftovers(directory: string): void {
  for (const name of listNames(directory)) {
    const owner = NAME.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) removeGroup(`${directory}/${name}`);
  }
}

/** Whether the group is gone, or can't be removed by waiting: `EBUSY` says that a process is in it, if only to be reaped. */
export function removeGroup(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return getErrno(error) !== 'EBUSY';
  }
}

/** The same off this thread: the kernel may take long over a group that gigabytes of mapped files were charged to. */
export async function removeGroupLater(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    return getErrno(error) !== 'EBUSY';
  }
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and is another user's.
    return getErrno(error) !== 'ESRCH';
  }
}
