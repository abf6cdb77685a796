/** What members of a ledger do with it: meet, tell, decide one after the other, and what they do if it fails. */
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NativeLocks } from '../../src/addon/addon.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { findNamedMeeting } from '../../src/ledger/ledger-directory.ts';
import { FILE_NAME, LedgerFile } from '../../src/ledger/ledger-file.ts';
import { LOCK } from '../../src/ledger/ledger-members.ts';
import { readPidNamespace } from '../../src/ledger/shared-ledger.ts';
import { locks, makeHoldings, makePlace, NOBODY, openLedgerFile } from '../support/ledger-places.ts';
import { decide, hold, look, makeMember, type SharedMember } from '../support/shared-members.ts';

const open = (directory: string) => openLedgerFile(join(directory, FILE_NAME));

function writeAtPath(path: string, at: number, bytes: NodeJS.ArrayBufferView): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, bytes, 0, bytes.byteLength, at);
  closeSync(descriptor);
}

/** A living member of another kind: what it tells is not understood. */
function addStranger(directory: string): { readonly file: LedgerFile; leave(): void } {
  const file = open(directory);
  locks.tryLock(file.descriptor, LOCK.lives + 99);
  file.writeRecord(99, undefined, Buffer.from('{"format":3}'));
  return { file, leave: () => file.close() };
}

async function refusalOf(decision: Promise<unknown>): Promise<MemoryGuardError> {
  const error = await decision.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MemoryGuardError);
  return error as MemoryGuardError;
}

/** Every decision is refused with this, which is told as well; and with `alone` it goes on with what was known last. */
async function expectFailure(member: SharedMember, found: string, known: number[]): Promise<void> {
  const { code, message } = await refusalOf(decide(member));
  expect(code).toBe('ERR_LEDGER');
  expect(message).toMatch(/^Expected to know what other processes hold, found that the ledger in .* can't be used \(/);
  expect(message).toContain(found);
  expect(message).toMatch(/\): mend that, or set `onLedgerFailure: 'alone'` to count this process alone\.$/);
  expect(member.told).toContain(message);
  member.told.length = 0;
  expect(await decide(member, { onFailure: 'alone' })).toEqual(known);
  expect(member.told.at(-1)).toContain(found);
  expect(look(member)).toEqual(known);
  member.told.length = 0;
}

describe.runIf(locks)('ledgers that meet in a directory', () => {
  it('tell each other what they hold, and forget who left', async () => {
    const directory = makePlace();
    const [first, second] = [makeMember(directory), makeMember(directory)];
    const holdings = { promisedAnonymousBytes: 7, files: [{ key: 'fe:00 1', bytes: 5 }], promisedMappedBytes: 2 };
    await hold(first, holdings);
    expect(second.ledger.peers()).toEqual([
      {
        ownProcess: true,
        scopes: ['host'],
        files: [{ key: 'fe:00 1', bytes: 5 }],
        promisedMappedBytes: 2,
        promisedAnonymousBytes: 7,
        loadingAnonymousBytes: 0,
        waiting: [],
        waitingCount: 0,
      },
    ]);
    first.ledger.close();
    expect(second.ledger.peers()).toEqual([]);
    expect([...first.told, ...second.told]).toEqual([]);
  });

  it('know threads of their own process by its number and its namespace', async () => {
    const directory = makePlace();
    const reader = makeMember(directory);
    const own = { uid: process.getuid?.(), pid: NOBODY, pidNamespace: 'test' };
    await hold(makeMember(directory, { own: { ...own, pid: 1 } }), 1);
    await hold(makeMember(directory, { own: { ...own, pidNamespace: 'another' } }), 2);
    await hold(makeMember(directory), 3);
    expect(reader.ledger.peers().map(({ ownProcess }) => ownProcess)).toEqual([false, false, true]);
  });

  it('show the holdings of all, their own first, with the time of day that they were given', async () => {
    const directory = makePlace();
    const [first, second] = [makeMember(directory), makeMember(directory)];
    expect(second.ledger.entries()).toEqual([]);
    const entry = { pid: 1, label: 'a', state: 'loaded', mappedBytes: 1, anonymousBytes: 2, atMs: Date.now() } as const;
    await hold(first, { entries: [entry] });
    await hold(second, { entries: [{ ...entry, label: 'b' }] });
    const shown = second.ledger.entries();
    expect(shown.map(({ label }) => label)).toEqual(['b', 'a']);
    expect(shown.map(({ atMs }) => atMs)).toEqual([entry.atMs, entry.atMs]);
  });

  it('say how many wait, also if a record says only who does', async () => {
    const directory = makePlace();
    const reader = makeMember(directory);
    const waiting = [{ label: 'w', sinceUs: 1, mappedBytes: 0, anonymousBytes: 1 }];
    await hold(makeMember(directory), { waiting });
    await hold(makeMember(directory), { waiting, waitingCount: 9 });
    expect(reader.ledger.peers().map(({ waitingCount }) => waitingCount)).toEqual([1, 9]);
  });

  it('take off what a meter says that a running load has taken since', async () => {
    const directory = makePlace();
    const [reader, loading] = [makeMember(directory), makeMember(directory)];
    const meter = { number: 77, takenBytes: 100 };
    await hold(loading, { promisedAnonymousBytes: 900, loadingAnonymousBytes: 500, meter });
    const read = () => {
      const [peer] = reader.ledger.peers();
      return [peer?.promisedAnonymousBytes, peer?.loadingAnonymousBytes];
    };
    expect(read()).toEqual([900, 500]);
    const file = open(directory);
    const slot = file.listUsed()[0]!;
    const write = (bytes: number) => {
      const value = new Float64Array([bytes]);
      const [low = 0, high = 0] = new Uint32Array(value.buffer);
      const words = Uint32Array.of(77, (77 ^ low ^ high) >>> 0, low, high);
      // As a meter does it, whatever the process is busy with.
      writeSync(file.descriptor, words, 0, 16, LedgerFile.meterOffset(slot));
    };
    write(300);
    expect(read()).toEqual([700, 300]);
    write(5000); // more than was reserved for it pays for nothing else
    expect(read()).toEqual([400, 0]);
  });

  it('tell nothing before their first decision, and then what they held before', async () => {
    const directory = makePlace();
    let published = 0;
    const first = makeMember(directory, { onPublished: () => void published++ });
    first.ledger.publish(['host'], makeHoldings({ promisedAnonymousBytes: 3 }));
    expect(published).toBe(1);
    const second = makeMember(directory);
    expect(await decide(second)).toEqual([]);
    await decide(first);
    expect(await decide(second)).toEqual([3]);
  });

  it('decide one after the other, each with what the one before it has told', async () => {
    const directory = makePlace();
    const members = [1, 2, 3, 4, 5, 6].map(() => makeMember(directory));
    const seen = await Promise.all(members.map((member) => hold(member, 1)));
    const sums = seen.map((others) => others.reduce((sum, bytes) => sum + bytes, 0));
    expect(sums.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('judge again in the section what they have judged before it, if anybody told something meanwhile', async () => {
    const directory = makePlace();
    const [first, second] = [makeMember(directory), makeMember(directory)];
    await hold(first, 1);
    await hold(second, 1);
    const judged: number[][] = [];
    const judgeAndTell = (tells: boolean) =>
      first.ledger.inSection(
        () => {
          judged.push(look(first));
          // Told between the judgement and the section.
          if (tells && judged.length === 1)
            second.ledger.publish(['host'], makeHoldings({ promisedAnonymousBytes: 9 }));
        },
        () => {},
      );
    await judgeAndTell(false);
    expect(judged.splice(0)).toEqual([[1]]);
    await judgeAndTell(true);
    expect(judged).toEqual([[1], [9]]);
  });

  it('pass on what a judgement or a step throws, and are free afterwards', async () => {
    const directory = makePlace();
    const { ledger, told } = makeMember(directory);
    const error = new Error('thrown');
    const fail = () => {
      throw error;
    };
    await expect(ledger.inSection(fail, () => {})).rejects.toBe(error);
    await expect(ledger.inSection(() => {}, fail)).rejects.toBe(error);
    expect(
      await ledger.inSection(
        () => 5,
        (judged) => judged + 1,
      ),
    ).toBe(6);
    expect(told).toEqual([]);
  });

  it('are given up by their signal, before they decide and while they wait', async () => {
    const directory = makePlace();
    const member = makeMember(directory);
    await decide(member);
    const { descriptor } = open(directory);
    locks.tryLock(descriptor, LOCK.section);
    const reason = new Error('enough');
    await expect(decide(member, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const given = decide(member, { signal: controller.signal, onFailure: 'alone' });
    controller.abort(reason);
    await expect(given).rejects.toBe(reason);
    expect(member.told).toEqual([]);
  });

  it('refuse who waits when they are closed, and tell nothing afterwards', async () => {
    const directory = makePlace();
    const member = makeMember(directory);
    await hold(member, 5);
    const { descriptor } = open(directory);
    locks.tryLock(descriptor, LOCK.section);
    const waiting = decide(member);
    member.ledger.close();
    expect((await refusalOf(waiting)).message).toContain('The guard was closed');
    locks.unlock(descriptor, LOCK.section);
    await hold(member, 6);
    expect(look(makeMember(directory))).toEqual([]);
  });
});

describe.runIf(locks)('a ledger that can’t be used', () => {
  it('is that of a member whose record is not understood', async () => {
    const directory = makePlace();
    const [member, other] = [makeMember(directory), makeMember(directory)];
    await hold(other, 4);
    await decide(member);
    const stranger = addStranger(directory);
    await expectFailure(member, 'found one damaged or written by a newer version of this package', [4]);
    stranger.leave();
    expect(await decide(member)).toEqual([4]);
    expect(member.told).toEqual([]);
  });

  it.each<[string, (path: string) => void, string]>([
    ['of a newer layout', (path) => writeAtPath(path, 8, Uint32Array.of(3)), 'found layout 3 of a newer version'],
    ['another kind of file', (path) => writeAtPath(path, 0, Buffer.from('another.')), 'found another kind of file'],
    ['cut', (path) => truncateSync(path, 100), 'found a file that was cut'],
    [
      'a directory',
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
      'EISDIR',
    ],
    [
      'a link',
      (path) => {
        rmSync(path);
        symlinkSync('/dev/null', path);
      },
      'ELOOP',
    ],
  ])('is one whose file is %s when it is joined', async (_, change, found) => {
    const directory = makePlace();
    mkdirSync(directory, { mode: 0o700 });
    LedgerFile.make(directory, `directory ${directory}`, [], () => {});
    change(join(directory, FILE_NAME));
    const member = makeMember(directory);
    await expectFailure(member, found, []);
    rmSync(join(directory, FILE_NAME), { recursive: true });
    expect(await decide(member)).toEqual([]);
    expect(member.told).toEqual([]);
  });

  it.each<[string, (path: string) => void, string]>([
    ['its file was cut', (path) => truncateSync(path, 100), 'found a file that was cut'],
    ['its directory was opened to others', (path) => chmodSync(dirname(path), 0o755), 'open to others (mode 755)'],
    [
      'a file is in the place of its directory',
      (path) => {
        rmSync(dirname(path), { recursive: true });
        writeFileSync(dirname(path), '');
      },
      'ENOTDIR',
    ],
  ])('is one that worked until %s', async (_, change, found) => {
    const directory = makePlace();
    const [member, other] = [makeMember(directory), makeMember(directory)];
    await hold(other, 4);
    await decide(member);
    change(join(directory, FILE_NAME));
    await expectFailure(member, found, [4]);
  });

  it('is one that worked in a place where there can be none by now', async () => {
    const directory = makePlace();
    const [member, other] = [makeMember(directory), makeMember(directory)];
    await hold(other, 4);
    await decide(member);
    rmSync(dirname(directory), { recursive: true });
    await expectFailure(member, "can't be made (ENOENT)", [4]);
    mkdirSync(dirname(directory), { mode: 0o700 });
    expect(await decide(member)).toEqual([4]);
  });

  it('is one whose directory is unsafe from the beginning', async () => {
    const directory = makePlace();
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    const member = makeMember(directory);
    await expectFailure(member, 'found that it is open to others (mode 755)', []);
    chmodSync(directory, 0o700);
    expect(await decide(member)).toEqual([]);
  });

  it.each<[string, Partial<NativeLocks>, string]>([
    ['at its members', { tryLock: (_, number) => (number >= LOCK.lives ? -5 : 1) }, '(errno 5)'],
    [
      'at its section',
      { tryLock: (descriptor, number) => (number === LOCK.section ? -5 : locks.tryLock(descriptor, number)) },
      '(errno 5)',
    ],
  ])('is one that can’t be locked %s', async (_, changed, found) => {
    const directory = makePlace();
    await hold(makeMember(directory), 4);
    const member = makeMember(directory, { locks: { ...locks, ...changed } });
    const { code, message } = await refusalOf(decide(member));
    expect(code).toBe('ERR_LEDGER');
    expect(message).toContain(found);
    expect(await decide(member, { onFailure: 'alone' })).toEqual(look(member));
  });

  it('is one that can be neither read nor written, and what is held then is refused too', async () => {
    const directory = makePlace();
    let descriptor = -1;
    const seeing: NativeLocks = {
      ...locks,
      tryLock: (at, number) => {
        if (number >= LOCK.lives) descriptor = at;
        return locks.tryLock(at, number);
      },
    };
    const other = makeMember(directory);
    await hold(other, 4);
    const member = makeMember(directory, { locks: seeing });
    await hold(member, 1);
    closeSync(descriptor);
    await expectFailure(member, 'EBADF', [4]);
    expect(() => member.ledger.publish(['host'], makeHoldings())).toThrow(
      expect.objectContaining({ code: 'ERR_LEDGER', message: expect.stringContaining('EBADF') }),
    );
    await expect(hold(member, 2, 'alone')).rejects.toMatchObject({ code: 'ERR_LEDGER' });
    expect(look(other)).toEqual([]);
  });

  it('is one whose path is too long to be told to others', async () => {
    const directory = join(makePlace(), ...Array.from({ length: 5 }, () => 'x'.repeat(220)));
    mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
    const { code, message } = await refusalOf(decide(makeMember(directory)));
    expect(code).toBe('ERR_LEDGER');
    expect(message).toContain('found a longer one: name another');
  });

  it('is none if there can be none: then nobody is seen, it is told, and one that can be is joined', async () => {
    const directory = makePlace();
    rmSync(dirname(directory), { recursive: true });
    const { named: _named, ...meeting } = findNamedMeeting(directory);
    const member = makeMember(meeting);
    expect(await hold(member, 5)).toEqual([]);
    expect(member.told.at(-1)).toContain('Other processes are not seen, and this one is counted alone: ');
    expect(member.ledger.directory).toBe(directory);
    expect(look(member)).toEqual([]);
    mkdirSync(dirname(directory), { mode: 0o700 });
    expect(look(makeMember(directory))).toEqual([]);
    await decide(member);
    expect(look(makeMember(directory))).toEqual([5]);
  });

  it('is refused if it was named and can’t be had here: others may have it', async () => {
    const directory = makePlace();
    rmSync(dirname(directory), { recursive: true });
    const member = makeMember(directory);
    await expect(hold(member, 5)).rejects.toMatchObject({
      code: 'ERR_LEDGER',
      message: expect.stringContaining(`(${directory} can't be made (ENOENT)): mend that`),
    });
    expect(await hold(member, 5, 'alone')).toEqual([]);
  });
});

describe('the name of the process namespace', () => {
  it.runIf(process.platform === 'linux')('is the kernel’s own', () => {
    expect(readPidNamespace()).toBe(readlinkSync('/proc/self/ns/pid'));
  });

  it('is the system’s name if the system has no namespaces', () => {
    expect(readPidNamespace('darwin')).toBe('darwin');
  });
});
