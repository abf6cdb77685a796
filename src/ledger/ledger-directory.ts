/** Where the processes of one user meet, and what is refused about that place. It reads no record. */
import { lstatSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** The same whatever the environment says, or two processes would not see each other. Windows users have no number: `undefined`. */
export function ledgerDirectory(uid: number | undefined): string {
  if (uid === undefined) return join(userInfo().homedir, 'AppData', 'Local', 'nexa-memory-guard');
  const runtime = `/run/user/${uid}`;
  return isDirectory(runtime) ? `${runtime}/nexa-memory-guard` : `/tmp/nexa-memory-guard-${uid}`;
}

/**
 * Makes it where it is missing. Throws an `Error` with one sentence where somebody else could write to it. Without a user's
 * number there are no modes either: what lies in a profile is guarded by the profile's access list.
 */
export function openDirectory(directory: string, uid: number | undefined): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = lstatSync(directory);
  const what = found.isSymbolicLink()
    ? 'a symbolic link'
    : !found.isDirectory()
      ? 'no directory'
      : uid === undefined
        ? undefined
        : found.uid !== uid
          ? `owned by user ${found.uid}`
          : (found.mode & 0o077) !== 0
            ? `open to others (mode ${(found.mode & 0o777).toString(8)})`
            : undefined;
  if (what === undefined) return;
  const whose = uid === undefined ? 'a directory' : `a directory of user ${uid} alone (mode 700)`;
  throw new Error(`Expected ${directory} to be ${whose}, found that it is ${what}.`);
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}
