/** A member of a ledger's file: how it comes in, what keeps it out, and that it leaves nothing behind. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NativeLocks } from '../../src/addon/addon.ts';
import { findNamedMeeting, type MeetingPoint } from '../../src/ledger/ledger-directory.ts';
import { LedgerFailure, NoLedgerHere } from '../../src/ledger/ledger-failure.ts';
import { FILE_NAME, LedgerFile, SLOTS } from '../../src/ledger/ledger-file.ts';
import { LOCK } from '../../src/ledger/ledger-members.ts';
import { Membership } from '../../src/ledger/membership.ts';
import { countDescriptors, locks, makePlace, makeRecord, NOBODY, openLedgerFile } from '../support/ledger-places.ts';
import { LedgerProgram } from '../support/ledger-program.ts';

const uid = process.getuid?.();
const isRoot = uid === 0;

function joinAt(place: string | MeetingPoint, changed: Partial<NativeLocks> = {}): Membership {
  const meeting = typeof place === 'string' ? findNamedMeeting(place) : place;
  const membership = Membership.join(meeting, { ...locks, ...changed }, { uid, pid: NOBODY, pidNamespace: 'test' });
  onTestFinished(() => {
    try {
      membership.close(new Error('the test is over'));
    } catch {
      // The test has closed it.
    }
  });
  return membership;
}

const hold = (membership: Membership, promisedAnonymousBytes: number) =>
  membership.write(makeRecord({ promisedAnonymousBytes }));
const readHeld = (membership: Membership) =>
  membership.read()?.members.map(({ record }) => record.promisedAnonymousBytes);

describe.runIf(locks)('a member of a ledger', () => {
  it('makes directory and file if it is the first, and sees those that come after it', () => {
    const directory = makePlace();
    const first = joinAt(directory);
    expect(readdirSync(directory)).toEqual([FILE_NAME]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(first.directory).toBe(directory);
    const second = joinAt(directory);
    hold(first, 5);
    hold(second, 6);
    expect([readHeld(first), readHeld(second)]).toEqual([[6], [5]]);
    second.close(new Error('over'));
    expect(readHeld(first)).toEqual([]);
  });

  it('leaves no descriptor, no lock and no record', () => {
    const directory = makePlace();
    const stays = joinAt(directory);
    const before = countDescriptors();
    for (let times = 0; times < 20; times++) {
      const member = joinAt(directory);
      hold(member, 5);
      expect(readHeld(stays)).toEqual([5]);
      member.close(new Error('over'));
    }
    expect(countDescriptors()).toBe(before);
    const file = openLedgerFile(join(directory, FILE_NAME));
    expect(file.listUsed()).toEqual([]);
    expect(locks.ask(file.descriptor, LOCK.lives + 1, SLOTS - 1)).toBe(1);
    expect(locks.ask(file.descriptor, LOCK.lives, 1)).toBe(0);
  });

  it('is refused if all slots are taken, leaves nothing open, and comes in as soon as one is free', () => {
    const directory = makePlace();
    joinAt(directory).close(new Error('over'));
    const { descriptor } = openLedgerFile(join(directory, FILE_NAME));
    for (let slot = 0; slot < SLOTS; slot++) expect(locks.tryLock(descriptor, LOCK.lives + slot)).toBe(1);
    const before = countDescriptors();
    expect(() => joinAt(directory)).toThrow(
      new LedgerFailure(
        `Expected one of the 256 places in ${directory}/nexa-ledger to be free, found all of them taken.`,
      ),
    );
    expect(countDescriptors()).toBe(before);
    locks.unlock(descriptor, LOCK.lives + 200);
    const last = joinAt(directory);
    hold(last, 5);
    const file = openLedgerFile(join(directory, FILE_NAME));
    expect(file.listUsed()).toEqual([200]);
    expect(last.meterPlace.offset).toBe(LedgerFile.meterOffset(200));
  });

  it('is refused if its slot can’t be locked', () => {
    const directory = makePlace();
    const tryLock = (_descriptor: number, number: number) => (number >= LOCK.lives ? -37 : 1);
    const before = countDescriptors();
    expect(() => joinAt(directory, { tryLock })).toThrow('to lock');
    expect(() => joinAt(directory, { tryLock })).toThrow('found that it fails (errno 37).');
    expect(countDescriptors()).toBe(before);
  });

  it('takes the slot of one that ended without a word, and not what it said', () => {
    const directory = makePlace();
    const first = joinAt(directory);
    const second = joinAt(directory);
    hold(second, 9);
    expect(readHeld(first)).toEqual([9]);
    closeSync(second.meterPlace.descriptor); // as the end of its process does it
    const third = joinAt(directory);
    expect(third.meterPlace.offset).toBe(second.meterPlace.offset);
    expect(readHeld(first)).toEqual([]);
    hold(third, 1);
    expect(readHeld(first)).toEqual([1]);
  });

  it.each<[string, (directory: string) => void]>([
    ['the file was deleted', (directory) => rmSync(join(directory, FILE_NAME))],
    ['the directory was deleted', (directory) => rmSync(directory, { recursive: true })],
    ['the directory was renamed', (directory) => renameSync(directory, `${directory}-away`)],
    [
      'another file is in its place',
      (directory) => {
        mkdirSync(`${directory}-new`, { mode: 0o700 });
        LedgerFile.make(`${directory}-new`, 'test', [], () => {});
        renameSync(join(`${directory}-new`, FILE_NAME), join(directory, FILE_NAME));
      },
    ],
    ['the others went elsewhere', (directory) => openLedgerFile(join(directory, FILE_NAME)).markMoved()],
  ])('says that the others meet elsewhere if %s', (_, change) => {
    const directory = makePlace();
    const member = joinAt(directory);
    expect(member.read()).toBeDefined();
    change(directory);
    expect(member.read()).toBeUndefined();
  });

  it('says in the section only that the others meet elsewhere if they were told so', () => {
    const directory = makePlace();
    const member = joinAt(directory);
    rmSync(directory, { recursive: true });
    expect(member.readInSection()).toBeDefined();
    joinAt(directory);
    expect(member.readInSection()).toBeUndefined();
    expect(member.isUnchanged()).toBe(false);
  });

  it('knows whether anybody has told anything since it looked', () => {
    const directory = makePlace();
    const [first, second] = [joinAt(directory), joinAt(directory)];
    first.read();
    expect(first.isUnchanged()).toBe(true);
    hold(first, 1);
    expect(first.isUnchanged()).toBe(true);
    hold(second, 1);
    expect(first.isUnchanged()).toBe(false);
    first.read();
    expect(first.isUnchanged()).toBe(true);
    second.close(new Error('over'));
    expect(first.isUnchanged()).toBe(false);
  });

  it.each<[string, (directory: string) => void, string]>([
    ['open to others', (directory) => chmodSync(directory, 0o755), 'open to others (mode 755)'],
    [
      'a link',
      (directory) => {
        renameSync(directory, `${directory}-away`);
        symlinkSync(`${directory}-away`, directory);
      },
      'a symbolic link',
    ],
  ])('refuses a directory that became %s, and takes it as it was', (_, change, fault) => {
    const directory = makePlace();
    const member = joinAt(directory);
    change(directory);
    expect(() => member.read()).toThrow(
      new LedgerFailure(`Expected ${directory} to stay a directory of ours alone, found that it is ${fault}.`),
    );
    expect(() => joinAt(directory)).toThrow(LedgerFailure);
    if (existsSync(`${directory}-away`)) {
      rmSync(directory);
      renameSync(`${directory}-away`, directory);
    }
    chmodSync(directory, 0o700);
    expect(member.read()).toEqual({ members: [] });
  });

  it.each<[string, string | Buffer]>([
    ['another kind of file', Buffer.alloc(32 * 1024, 'x')],
    ['a file that was cut', 'NMGuard\n'],
  ])('refuses a directory with %s in its place', (found, content) => {
    const directory = makePlace();
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, FILE_NAME), content);
    const before = countDescriptors();
    expect(() => joinAt(directory)).toThrow(`found ${found}`);
    expect(countDescriptors()).toBe(before);
    expect(readdirSync(directory)).toEqual([FILE_NAME]);
  });

  it('takes away a file that was given up and put back, together with nobody', () => {
    const directory = makePlace();
    const former = joinAt(directory);
    hold(former, 5);
    renameSync(directory, `${directory}-away`);
    const later = joinAt(directory);
    hold(later, 6);
    rmSync(directory, { recursive: true });
    renameSync(`${directory}-away`, directory);
    expect([former.read(), later.read()]).toEqual([undefined, undefined]);
    const newest = joinAt(directory);
    expect(readHeld(newest)?.toSorted()).toEqual([5, 6]);
    expect(readdirSync(directory)).toEqual([FILE_NAME]);
    former.close(new Error('over'));
    expect(readHeld(newest)).toEqual([6]);
    later.close(new Error('over'));
    expect(readHeld(newest)).toEqual([]);
  });

  it('is refused if a file that was given up can’t be taken away', () => {
    const directory = makePlace();
    joinAt(directory).close(new Error('over'));
    const file = openLedgerFile(join(directory, FILE_NAME));
    file.markMoved();
    locks.tryLock(file.descriptor, LOCK.section); // its holder was stopped
    const before = countDescriptors();
    expect(() => joinAt(directory)).toThrow(LedgerFailure);
    expect(countDescriptors()).toBe(before);
    locks.unlock(file.descriptor, LOCK.section);
    expect(joinAt(directory).read()).toEqual({ members: [] });
  });

  it('gives a former file up although its section is never free', () => {
    const directory = makePlace();
    joinAt(directory);
    const file = openLedgerFile(join(directory, FILE_NAME));
    locks.tryLock(file.descriptor, LOCK.section);
    rmSync(directory, { recursive: true });
    joinAt(directory);
    file.readIndex();
    expect(file.moved).toBe(true);
  });

  it('counts those of a former file until they have left it, and then closes it', () => {
    const directory = makePlace();
    const former = joinAt(directory);
    hold(former, 5);
    rmSync(directory, { recursive: true });
    const later = joinAt(directory);
    const before = countDescriptors();
    expect(readHeld(later)).toEqual([5]);
    hold(former, 7); // a release, or a load that was done
    expect(readHeld(later)).toEqual([7]);
    const third = joinAt(directory);
    hold(third, 1);
    expect(readHeld(later)?.toSorted()).toEqual([1, 7]);
    expect(readHeld(third)).toEqual([7]);
    third.close(new Error('over'));
    former.close(new Error('over'));
    expect(readHeld(later)).toEqual([]);
    expect(countDescriptors()).toBe(before - 2); // that of the former member, and that to look at it
  });

  it('closes former files with itself', () => {
    const directory = makePlace();
    const former = joinAt(directory);
    hold(former, 5);
    rmSync(directory, { recursive: true });
    const before = countDescriptors();
    const later = joinAt(directory);
    later.read();
    later.close(new Error('over'));
    expect(countDescriptors()).toBe(before);
  });

  it('refuses what it can’t understand in a former file', () => {
    const directory = makePlace();
    joinAt(directory);
    const { descriptor } = openLedgerFile(join(directory, FILE_NAME));
    locks.tryLock(descriptor, LOCK.lives + 7);
    openLedgerFile(join(directory, FILE_NAME)).writeRecord(7, undefined, Buffer.from('{"format":3}'));
    rmSync(directory, { recursive: true });
    const later = joinAt(directory);
    expect(later.read()?.unread?.message).toContain('damaged or written by a newer version');
    locks.unlock(descriptor, LOCK.lives + 7);
    expect(later.read()).toEqual({ members: [] });
  });
});

describe.runIf(locks)('the places of a ledger', () => {
  it('are tried in their order, and what is wrong with each is told if there is none', () => {
    const [first, second] = [makePlace(), makePlace()];
    const places = [first, second].map((directory) => ({ directory, parent: dirname(directory), local: true }));
    const meeting = { name: `test ${first}`, places };
    chmodSync(dirname(first), 0o777);
    const member = joinAt(meeting);
    expect(member.directory).toBe(second);
    chmodSync(dirname(second), 0o777);
    expect(() => joinAt(meeting)).toThrow(
      new NoLedgerHere(
        `Other processes are not seen, and this one is counted alone: ${[first, second]
          .map((directory) => `${directory} lies in ${dirname(directory)}, which is open to others`)
          .join(', and ')}.`,
      ),
    );
  });

  it('are not passed by for what others may not meet', () => {
    const [first, second] = [makePlace(), makePlace()];
    mkdirSync(first, { mode: 0o755 });
    chmodSync(first, 0o755);
    const places = [first, second].map((directory) => ({ directory, parent: dirname(directory), local: true }));
    expect(() => joinAt({ name: `test ${first}`, places })).toThrow('found that it is open to others (mode 755).');
    expect(existsSync(second)).toBe(false);
  });

  it('count those of the other place if one became better meanwhile', () => {
    const [first, second] = [makePlace(), makePlace()];
    const places = [first, second].map((directory) => ({ directory, parent: dirname(directory), local: true }));
    const meeting = { name: `test ${first}`, places };
    chmodSync(dirname(first), 0o777);
    const early = joinAt(meeting);
    hold(early, 5);
    chmodSync(dirname(first), 0o700);
    const late = joinAt(meeting);
    expect([early.directory, late.directory]).toEqual([second, first]);
    expect(readHeld(late)).toEqual([5]);
    expect(early.read()).toBeUndefined();
  });

  it.runIf(isRoot && process.platform === 'linux')(
    'of a user are at home, else in the common places that are free, and nowhere if none is',
    { timeout: 60_000 },
    async () => {
      const user = 4_000_000 + process.pid;
      const home = mkdtempSync(join(tmpdir(), 'nexa-home-'));
      const common = ['/dev/shm', '/tmp'].map((parent) => `${parent}/nexa-memory-guard-${user}`);
      onTestFinished(() => {
        for (const each of [home, ...common]) rmSync(each, { recursive: true, force: true });
      });
      chownSync(home, user, user);
      const body = `
        const told = [];
        const ledger = openLedger(findUserMeeting(data.user, data.home), ({ message }) => told.push(message));
        const held = await decide(ledger, data.bytes, 100);
        say({ held, directory: ledger.directory, told });
        process.stdin.on('data', async () => say({ held: await decide(ledger, data.bytes, 100), directory: ledger.directory, told }));`;
      const start = (bytes: number) => new LedgerProgram(body, { user, home, bytes }, { uid: user });
      const occupy = (directory: string) => {
        mkdirSync(directory, { mode: 0o700 });
        chownSync(directory, 65534, 65534);
      };
      const atHome = start(40);
      expect(await atHome.next()).toEqual({
        held: true,
        directory: `${home}/.local/state/nexa-memory-guard`,
        told: [],
      });
      expect(statSync(`${home}/.local`).mode & 0o777).toBe(0o700);
      chmodSync(home, 0o777); // others may rename what is in it
      const second = start(40);
      expect(await second.next()).toEqual({ held: true, directory: common[0], told: [] });
      const third = start(40);
      expect(await third.next()).toEqual({ held: false, directory: common[0], told: [] });
      await third.kill();
      rmSync(common[0]!, { recursive: true });
      occupy(common[0]!);
      const fourth = start(20);
      expect(await fourth.next()).toEqual({ held: true, directory: common[1], told: [] });
      atHome.tell('again');
      expect(await atHome.next()).toEqual({ held: true, directory: common[1], told: [] });
      const last = start(1);
      expect(await last.next()).toEqual({ held: false, directory: common[1], told: [] });
      for (const each of [atHome, second, fourth, last]) await each.kill();
      rmSync(common[1]!, { recursive: true });
      occupy(common[1]!);
      const alone = start(5);
      expect(await alone.next()).toMatchObject({
        held: true,
        told: [expect.stringMatching(/counted alone: .*owned by user 65534, and .*owned by user 65534\.$/)],
      });
    },
  );
});

describe.runIf(locks)('processes that make a ledger at the same moment', () => {
  it('make one, and all of them see each other', { timeout: 60_000 }, async () => {
    const directory = makePlace();
    mkdirSync(directory, { mode: 0o700 });
    const flag = join(directory, 'go');
    const rounds = 8;
    const body = `
      const ledgers = [];
      for (let round = 0; round < data.rounds; round++) {
        say('ready');
        blockUntil(data.flag + round);
        const ledger = openLedger(findNamedMeeting(data.directory + '/' + round), ({ message }) => say(message));
        ledgers.push(ledger);
        await decide(ledger, 1);
      }
      say('done');
      await new Promise((resolve) => process.stdin.once('data', resolve));
      say(ledgers.map((ledger) => ledger.peers().length));
      process.stdin.once('data', () => process.exit());`;
    const programs = Array.from({ length: 5 }, () => new LedgerProgram(body, { directory, flag, rounds }));
    const all = () => Promise.all(programs.map((program) => program.next()));
    for (let round = 0; round < rounds; round++) {
      expect(await all()).toEqual(programs.map(() => 'ready'));
      writeFileSync(`${flag}${round}`, '');
    }
    expect(await all()).toEqual(programs.map(() => 'done'));
    for (const program of programs) program.tell('look');
    expect(await all()).toEqual(programs.map(() => Array.from({ length: rounds }, () => programs.length - 1)));
    for (let round = 0; round < rounds; round++) expect(readdirSync(join(directory, `${round}`))).toEqual([FILE_NAME]);
  });
});
