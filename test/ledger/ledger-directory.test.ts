import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ensureLedgerDirectory,
  explainAbsence,
  findDirectoryFault,
  findNamedMeeting,
  findUserMeeting,
  type LedgerPlace,
} from '../../src/ledger/ledger-directory.ts';
import { LedgerFailure, NoLedgerHere } from '../../src/ledger/ledger-failure.ts';
import { makePlace } from '../support/ledger-places.ts';

const uid = process.getuid?.() ?? 0;
const NOBODY = 65534;
const isRoot = uid === 0;
if (!isRoot) console.warn('Directories of another user are not tested: only root can make them.');

/** A place of which nothing is there but the parent. */
function makePlaceOf(local = true): LedgerPlace {
  const directory = makePlace();
  return { directory, parent: dirname(directory), local };
}

/** The error, which must be of this very class. */
function refusalOf(place: LedgerPlace, kind: typeof LedgerFailure): string {
  try {
    ensureLedgerDirectory(place, uid);
  } catch (error) {
    expect((error as Error).constructor).toBe(kind);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

describe('the meeting place', () => {
  it('of a user is at home, else in the common places, whatever the environment says', () => {
    const { name, places } = findUserMeeting(1000, '/home/u');
    expect(name).toBe('user 1000');
    expect(places.map(({ directory }) => directory)).toEqual([
      '/home/u/.local/state/nexa-memory-guard',
      '/dev/shm/nexa-memory-guard-1000',
      '/tmp/nexa-memory-guard-1000',
    ]);
    expect(places.map(({ parent }) => parent)).toEqual(['/home/u', '/dev/shm', '/tmp']);
    const { places: own } = findUserMeeting(1000);
    expect(own[0]?.parent).toBe(userInfo().homedir);
  });

  it.runIf(isRoot)('of a user who is in no list is in the common places', () => {
    process.seteuid?.(4_000_000);
    try {
      const { places } = findUserMeeting(4_000_000);
      expect(places.map(({ parent }) => parent)).toEqual(['/dev/shm', '/tmp']);
    } finally {
      process.seteuid?.(0);
    }
  });

  it('of a user without a number, as on Windows, is in the profile', () => {
    const parent = join(homedir(), 'AppData', 'Local');
    expect(findUserMeeting(undefined, homedir())).toEqual({
      name: 'user',
      places: [{ directory: join(parent, 'nexa-memory-guard'), parent, local: false }],
    });
  });

  it('that is named is the only one, and another one than every other', () => {
    expect(findNamedMeeting('/shared/ledger')).toEqual({
      name: 'directory /shared/ledger',
      places: [{ directory: '/shared/ledger', parent: '/shared', local: false }],
      named: true,
    });
  });
});

describe('the directory of a ledger', () => {
  it('is made for its user alone, with those above it at home, and taken again', () => {
    const place = makePlaceOf();
    const deep = { ...place, directory: join(place.directory, 'state', 'nexa') };
    ensureLedgerDirectory(deep, uid);
    ensureLedgerDirectory(deep, uid);
    expect(lstatSync(deep.directory)).toMatchObject({ uid, mode: 0o40700 });
    expect(findDirectoryFault(deep.directory, uid)).toBeUndefined();
  });

  it('that is named is made, but not those above it', () => {
    const place = makePlaceOf(false);
    ensureLedgerDirectory(place, uid);
    expect(findDirectoryFault(place.directory, uid)).toBeUndefined();
    const missing = { ...place, directory: join(place.directory, 'a', 'b'), parent: join(place.directory, 'a') };
    expect(refusalOf(missing, NoLedgerHere)).toContain("can't be made (ENOENT)");
    expect(readdirSync(place.directory)).toEqual([]);
  });

  it.each<[string, (place: LedgerPlace) => void, string]>([
    ['a link', ({ directory, parent }) => symlinkSync(parent, directory), 'a symbolic link'],
    ['a file', ({ directory }) => writeFileSync(directory, ''), 'no directory'],
    [
      'open to others',
      ({ directory }) => {
        mkdirSync(directory);
        chmodSync(directory, 0o750);
      },
      'open to others (mode 750)',
    ],
  ])('is refused if it is %s', (_, make, fault) => {
    for (const local of [true, false]) {
      const place = makePlaceOf(local);
      make(place);
      expect(refusalOf(place, LedgerFailure)).toBe(
        `Expected ${place.directory} to be a directory of user ${uid} alone (mode 700), found that it is ${fault}.`,
      );
      expect(findDirectoryFault(place.directory, uid)).toBe(fault);
    }
  });

  it.runIf(isRoot)('is passed by if another user was there first, and refused if it was named', () => {
    const place = makePlaceOf();
    mkdirSync(place.directory, { mode: 0o700 });
    chownSync(place.directory, NOBODY, NOBODY);
    expect(refusalOf(place, NoLedgerHere)).toBe(`${place.directory} is owned by user ${NOBODY}`);
    expect(refusalOf({ ...place, local: false }, LedgerFailure)).toContain(
      `(mode 700), found that it is owned by user ${NOBODY}.`,
    );
  });

  it.runIf(isRoot)('that is named may lie anywhere, as in a volume that containers share', () => {
    const place = makePlaceOf(false);
    chmodSync(place.parent, 0o777);
    chownSync(place.parent, NOBODY, NOBODY);
    ensureLedgerDirectory(place, uid);
    expect(findDirectoryFault(place.directory, uid)).toBeUndefined();
  });

  it.each([
    ['is missing', (parent: string) => rmSync(parent, { recursive: true }), "can't be made (ENOENT)"],
    [
      'is a file',
      (parent: string) => {
        rmSync(parent, { recursive: true });
        writeFileSync(parent, '');
      },
      'which is no directory',
    ],
    ['is a place where others may rename it', (parent: string) => chmodSync(parent, 0o777), 'which is open to others'],
  ])('is passed by if what is above it %s', (_, change, reason) => {
    const place = makePlaceOf();
    change(place.parent);
    expect(refusalOf(place, NoLedgerHere)).toContain(reason);
  });

  it('is made where others may write, but may not rename it', () => {
    const place = makePlaceOf();
    chmodSync(place.parent, 0o1777);
    ensureLedgerDirectory(place, uid);
    expect(findDirectoryFault(place.directory, uid)).toBeUndefined();
  });

  it.runIf(isRoot)('is passed by if what is above it is another user’s', () => {
    const place = makePlaceOf();
    chownSync(place.parent, NOBODY, NOBODY);
    expect(refusalOf(place, NoLedgerHere)).toContain(`which is owned by user ${NOBODY}`);
    chmodSync(place.parent, 0o1777);
    ensureLedgerDirectory(place, uid);
  });

  it.runIf(process.platform === 'linux')('is passed by at home if it is not on this machine', () => {
    // No file system that a user has: the kernel's own.
    const place = { directory: '/proc/nexa', parent: '/proc', local: true };
    expect(refusalOf(place, NoLedgerHere)).toBe('/proc/nexa is not on this machine');
    expect(refusalOf({ ...place, local: false }, NoLedgerHere)).toContain("can't be made (ENOENT)");
  });

  it('of a user without a number may have any mode, and is no link and no file', () => {
    const place = makePlaceOf(false);
    ensureLedgerDirectory(place, undefined);
    chmodSync(place.directory, 0o777);
    ensureLedgerDirectory(place, undefined);
    expect(findDirectoryFault(place.directory, undefined)).toBeUndefined();
    rmSync(place.directory, { recursive: true });
    symlinkSync(place.parent, place.directory);
    expect(() => ensureLedgerDirectory(place, undefined)).toThrow(
      `Expected ${place.directory} to be a directory, found that it is a symbolic link.`,
    );
    rmSync(place.directory);
    writeFileSync(place.directory, '');
    expect(() => ensureLedgerDirectory(place, undefined)).toThrow('found that it is no directory.');
  });
});

describe('an error of the system', () => {
  const error = (code?: string) => Object.assign(new Error('said'), code && { code });

  it.each(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG'])(
    '%s says that nobody can have a ledger there',
    (code) => {
      expect(explainAbsence('/place', error(code))).toEqual(new NoLedgerHere(`/place can't be made (${code})`));
    },
  );

  it.each(['EMFILE', 'ENOSPC', 'EIO', 'EDQUOT', undefined])('%s says nothing about others', (code) => {
    const told = error(code);
    expect(explainAbsence('/place', told)).toBe(told);
  });
});
