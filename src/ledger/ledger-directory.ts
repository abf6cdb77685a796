/** Finds the directory in which the processes of one user meet, and refuses what is wrong with it. It reads no record. */
import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * Finds the directory of a user. It is the same whatever the environment says, or two processes would not see each other.
 * Windows users have no number: `undefined`.
 */
export function findLedgerDirectory(uid: number | undefined): string {
  if (uid === undefined) return join(userInfo().homedir, 'AppData', 'Local', 'nexa-memory-guard');
  const runtime = `/run/user/${uid}`;
  return isDirectory(runtime) ? `${runtime}/nexa-memory-guard` : `/tmp/nexa-memory-guard-${uid}`;
}

/**
 * Makes the directory if there is none. Without a user's number there are no modes either: what lies in a profile is guarded
 * by the profile's access list.
 *
 * @throws Error with one sentence if the directory can't be made, or if somebody else could write to it.
 */
export function ensureLedgerDirectory(directory: string, uid: number | undefined): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const fault = findFault(lstatSync(directory), uid);
  if (fault === undefined) return;
  const expected = uid === undefined ? 'a directory' : `a directory of user ${uid} alone (mode 700)`;
  throw new Error(`Expected ${directory} to be ${expected}, found that it is ${fault}.`);
}

function findFault(found: Stats, uid: number | undefined): string | undefined {
  if (found.isSymbolicLink()) return 'a symbolic link';
  if (!found.isDirectory()) return 'no directory';
  if (uid === undefined) return undefined;
  if (found.uid !== uid) return `owned by user ${found.uid}`;
  if ((found.mode & 0o077) !== 0) return `open to others (mode ${(found.mode & 0o777).toString(8)})`;
  return undefined;
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}
