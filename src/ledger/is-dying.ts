/** Tells whether a process is being torn down: it takes nothing more, although its memory, and then its files, are still to be let go. */
import { readFileSync } from 'node:fs';

/** The state stands behind the name, which may have anything in it: `4711 (node) Z 1 …`. */
const DEAD = /^.*\) [ZXx] /s;

/**
 * Whether all of a process of our namespace was told to end and its first thread has ended. Only for a process whose number can't have gone to
 * another one yet. False if that can't be read.
 */
export function isDying(pid: number): boolean {
  try {
    return DEAD.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
