/** Finds the directory in which the processes of one user meet, and refuses what is wrong with it. It reads no record. */
import { accessSync, constants, existsSync, lstatSync, mkdirSync, type Stats, statfsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { LedgerFailure, NoLedgerHere } from './ledger-failure.ts';
import { FILE_NAME } from './ledger-file.ts';

const NAME = 'nexa-memory-guard';

/** File systems that lie on this machine, by the numbers of statfs(2): ext, XFS, Btrfs, tmpfs, ramfs, overlay, ZFS, F2FS, bcachefs, eCryptfs. */
const LOCAL = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e, 0xf15f,
]);

/** Errors that every process of a user meets alike, so that all of them go on to the next place. */
const NOT_HERE = new Set([
  ...['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG'],
  'ERR_ACCESS_DENIED', // by Node's own permissions
]);

/** One place where the members of a ledger may meet. */
export interface LedgerPlace {
  /** Absolute. */
  readonly directory: string;
  /** What must be there already, and cannot be replaced by other users. */
  readonly parent: string;
  /** Whether it must lie on this machine. */
  readonly local: boolean;
}

/** Where the members of one ledger meet. */
export interface MeetingPoint {
  /** The same for all members, and another one for every other ledger. */
  readonly name: string;
  /** In the order in which they are tried. */
  readonly places: readonly LedgerPlace[];
  /** Its user said where it is. Others may have it, though this process can't: a volume may be mounted for another user here. */
  readonly named?: true;
}

/**
 * The places of a user, whatever the environment says and whoever logs in or out, or two processes would not see each other. Windows users
 * have no number: `undefined`.
 */
export function findUserMeeting(uid: number | undefined, home = findHome()): MeetingPoint {
  if (uid === undefined) {
    const parent = join(home ?? '', 'AppData', 'Local');
    return { name: 'user', places: [{ directory: join(parent, NAME), parent, local: false }] };
  }
  const own = home === undefined ? [] : [{ directory: join(home, '.local', 'state', NAME), parent: home, local: true }];
  const common = ['/dev/shm', '/tmp'].map((parent) => ({ directory: `${parent}/${NAME}-${uid}`, parent, local: true }));
  return { name: `user ${uid}`, places: [...own, ...common] };
}

/** The place that a user names, an absolute path. */
export function findNamedMeeting(directory: string): MeetingPoint {
  return {
    name: `directory ${directory}`,
    places: [{ directory, parent: join(directory, '..'), local: false }],
    named: true,
  };
}

/**
 * Makes the directory of a place, unless it is there.
 *
 * @throws NoLedgerHere if nobody can have it, LedgerFailure if it is unsafe, or what the system says if it can't tell now.
 */
export function ensureLedgerDirectory({ directory, parent, local }: LedgerPlace, uid: number | undefined): void {
  try {
    assertPossible({ directory, parent, local }, uid);
    mkdirSync(directory, { mode: 0o700, recursive: local });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw explainAbsence(directory, error);
  }
  const found = lstatSync(directory);
  const fault = findFault(found, uid);
  if (fault === undefined) return;
  // Somebody else was there first: with another place he takes nothing from us.
  if (local && found.uid !== uid) throw new NoLedgerHere(`${directory} is ${fault}`);
  const expected = uid === undefined ? 'a directory' : `a directory of user ${uid} alone (mode 700)`;
  throw new LedgerFailure(`Expected ${directory} to be ${expected}, found that it is ${fault}.`);
}

/** Throws NoLedgerHere, or what the system says, if this place can't have a ledger. One that was named is taken as it is: there is no other one. */
function assertPossible({ directory, parent, local }: LedgerPlace, uid: number | undefined): void {
  const unsafe = uid !== undefined && local ? findParentFault(statSync(parent), uid) : undefined;
  if (unsafe !== undefined) throw new NoLedgerHere(`${directory} lies in ${parent}, which is ${unsafe}`);
  if (local && process.platform === 'linux' && !LOCAL.has(statfsSync(parent).type))
    throw new NoLedgerHere(`${directory} is not on this machine`);
}

/**
 * The directory in which a ledger would be made if it were joined now; nothing is made. `undefined`: one is there, or there can be none, so that to
 * join makes nothing.
 */
export function findUnmadeLedger({ places }: MeetingPoint, uid: number | undefined): string | undefined {
  for (const place of places) {
    const { directory } = place;
    try {
      assertPossible(place, uid);
      if (existsSync(join(directory, FILE_NAME))) return undefined;
      if (existsSync(directory)) {
        const found = lstatSync(directory);
        if (findFault(found, uid) === undefined) return directory;
        if (place.local && found.uid !== uid) continue;
        return undefined;
      }
      accessSync(place.local ? findExisting(directory) : place.parent, constants.W_OK);
      return directory;
    } catch {
      // Not in this place.
    }
  }
  return undefined;
}

/** The nearest directory above one that is not there. */
function findExisting(directory: string): string {
  const above = dirname(directory);
  return existsSync(above) || above === directory ? above : findExisting(above);
}

/** The same error, or NoLedgerHere if every process of the user would meet it. */
export function explainAbsence(directory: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && NOT_HERE.has(code) ? new NoLedgerHere(`${directory} can't be made (${code})`) : error;
}

/** Says what is wrong with a directory that is in use. `undefined`: nothing. */
export function findDirectoryFault(directory: string, uid: number | undefined): string | undefined {
  return findFault(lstatSync(directory), uid);
}

function findFault(found: Stats, uid: number | undefined): string | undefined {
  if (found.isSymbolicLink()) return 'a symbolic link';
  if (!found.isDirectory()) return 'no directory';
  if (uid === undefined) return undefined;
  if (found.uid !== uid) return `owned by user ${found.uid}`;
  if ((found.mode & 0o077) !== 0) return `open to others (mode ${(found.mode & 0o777).toString(8)})`;
  return undefined;
}

/** In a directory that others may write to and that has no sticky bit, they may rename what is ours. */
function findParentFault(found: Stats, uid: number): string | undefined {
  if (!found.isDirectory()) return 'no directory';
  const sticky = (found.mode & 0o1000) !== 0;
  if ((found.mode & 0o002) !== 0 && !sticky) return 'open to others';
  return found.uid === uid || found.uid === 0 || sticky ? undefined : `owned by user ${found.uid}`;
}

/** As the system's list of users has it. `undefined`: this user is in no list. */
function findHome(): string | undefined {
  try {
    return userInfo().homedir || undefined;
  } catch {
    return undefined;
  }
}
