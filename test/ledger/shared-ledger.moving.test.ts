/** A ledger whose directory is renamed, deleted, made anew and put back: everyone is counted by everyone at every moment. */
import { chmodSync, cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NativeLocks } from '../../src/addon/addon.ts';
import { FILE_NAME } from '../../src/ledger/ledger-file.ts';
import { LOCK } from '../../src/ledger/ledger-members.ts';
import { countDescriptors, locks, makeHoldings, makePlace, openLedgerFile } from '../support/ledger-places.ts';
import { LedgerProgram } from '../support/ledger-program.ts';
import { decide, hold, look, makeMember, type SharedMember } from '../support/shared-members.ts';

/** Holds 1, 10, 100 and so on, so that a sum says who is in it. */
const bytesOf = (index: number) => 10 ** index;
const sum = (others: readonly number[]) => others.reduce((all, bytes) => all + bytes, 0);

/** Each member sees every other one, once each. */
function expectAllSeen(members: readonly SharedMember[], from: readonly number[] = members.map((_, index) => index)) {
  const all = sum(members.map((_, index) => bytesOf(index)));
  for (const index of from) expect([index, sum(look(members[index]!))]).toEqual([index, all - bytesOf(index)]);
}

async function makeMembers(directory: string, count: number): Promise<SharedMember[]> {
  const members = Array.from({ length: count }, () => makeMember(directory));
  for (const [index, member] of members.entries()) await hold(member, bytesOf(index));
  return members;
}

const CHANGES: readonly [string, (directory: string) => void][] = [
  ['is renamed', (directory) => renameSync(directory, `${directory}-${crypto.randomUUID()}`)],
  ['is deleted', (directory) => rmSync(directory, { recursive: true })],
  ['loses its file', (directory) => rmSync(join(directory, FILE_NAME))],
  [
    'is deleted and made anew',
    (directory) => {
      rmSync(directory, { recursive: true });
      mkdirSync(directory, { mode: 0o700 });
    },
  ],
  [
    'is replaced by a copy of it',
    (directory) => {
      cpSync(directory, `${directory}-copy`, { recursive: true });
      rmSync(directory, { recursive: true });
      renameSync(`${directory}-copy`, directory);
      chmodSync(directory, 0o700);
    },
  ],
];

describe.runIf(locks && process.platform === 'linux')('when the directory of a ledger', () => {
  it.each(CHANGES)('%s, all are seen by who comes anew, and by each of those who were there', async (_, change) => {
    for (let first = 0; first < 3; first++) {
      const directory = makePlace();
      const members = await makeMembers(directory, 3);
      change(directory);
      if (first === 2) {
        const late = makeMember(directory);
        expect(sum(await hold(late, bytesOf(3)))).toBe(111);
        members.push(late);
      }
      // Whoever looks first goes there first.
      for (const step of members.keys()) expectAllSeen(members, [(first + step) % members.length]);
      expectAllSeen(members);
      expect(members.flatMap(({ told }) => told)).toEqual([]);
    }
  });

  it.each(CHANGES)('%s, who decides first decides with all of them', async (_, change) => {
    const directory = makePlace();
    const members = await makeMembers(directory, 3);
    change(directory);
    for (const index of [1, 0, 2, 1]) {
      const others = await decide(members[index]!);
      expect(sum(others)).toBe(111 - bytesOf(index));
      expectAllSeen(members, [index]);
    }
    members[0]!.ledger.close();
    expect(sum(await decide(members[1]!))).toBe(100);
    expect(sum(await decide(members[2]!))).toBe(10);
  });

  it('is renamed, made anew by another one, and put back, all are seen after each step', async () => {
    const directory = makePlace();
    const members = await makeMembers(directory, 2);
    renameSync(directory, `${directory}-away`);
    const third = makeMember(directory);
    expect(sum(await hold(third, bytesOf(2)))).toBe(11);
    members.push(third);
    expectAllSeen(members, [2]);
    expectAllSeen(members, [0]);
    expectAllSeen(members, [1, 2, 0]);
    renameSync(directory, `${directory}-later`);
    renameSync(`${directory}-away`, directory);
    const fourth = makeMember(directory);
    expect(sum(await hold(fourth, bytesOf(3)))).toBe(111);
    members.push(fourth);
    expectAllSeen(members, [3]);
    expectAllSeen(members, [1]);
    expectAllSeen(members, [0, 2, 3, 1]);
    rmSync(`${directory}-later`, { recursive: true });
    expectAllSeen(members);
    expect(members.flatMap(({ told }) => told)).toEqual([]);
  });

  it('is renamed and put back before anybody looks, nothing has happened', async () => {
    const directory = makePlace();
    const members = await makeMembers(directory, 2);
    const { identity } = openLedgerFile(join(directory, FILE_NAME));
    renameSync(directory, `${directory}-away`);
    renameSync(`${directory}-away`, directory);
    expectAllSeen(members);
    expect(openLedgerFile(join(directory, FILE_NAME)).identity).toBe(identity);
  });

  it('changes many times, nobody is lost and nothing stays open', async () => {
    const directory = makePlace();
    const members = await makeMembers(directory, 3);
    const before = countDescriptors();
    for (let times = 0; times < 10; times++) {
      CHANGES[times % CHANGES.length]![1](directory);
      expectAllSeen(members, [times % 3]);
      expect(sum(await decide(members[(times + 1) % 3]!))).toBe(111 - bytesOf((times + 1) % 3));
      expectAllSeen(members);
    }
    expectAllSeen(members);
    expect(countDescriptors()).toBe(before);
  });

  it('changes, what is told through the former file counts until its member has moved', async () => {
    const directory = makePlace();
    const [staying, moving] = await makeMembers(directory, 2);
    rmSync(directory, { recursive: true });
    expect(look(moving!)).toEqual([1]);
    staying!.ledger.publish(['host'], makeHoldings({ promisedAnonymousBytes: 5 }));
    expect(look(moving!)).toEqual([5]);
    expect(await decide(moving!)).toEqual([5]);
    staying!.ledger.close();
    expect(await decide(moving!)).toEqual([]);
  });

  it('changes while a member waits for the section, it waits in the new one', async () => {
    const directory = makePlace();
    const [waiting, other] = await makeMembers(directory, 2);
    const { descriptor } = openLedgerFile(join(directory, FILE_NAME));
    locks.tryLock(descriptor, LOCK.section);
    const decision = decide(waiting!);
    rmSync(directory, { recursive: true });
    expect(look(waiting!)).toEqual([10]); // it has gone by then
    expect(await decision).toEqual([10]);
    expect(await decide(other!)).toEqual([1]);
  });

  it('changes again and again, nobody decides in it, and nobody looks for it for ever', async () => {
    const directory = makePlace();
    let leaves = false;
    const leaving: NativeLocks = {
      ...locks,
      raise: (descriptor) => {
        const raised = locks.raise(descriptor);
        // Between opening it and looking at it.
        if (leaves) rmSync(join(directory, FILE_NAME));
        return raised;
      },
    };
    const member = makeMember(directory, { locks: leaving });
    await hold(member, 1);
    leaves = true;
    rmSync(join(directory, FILE_NAME));
    await expect(decide(member)).rejects.toMatchObject({
      code: 'ERR_LEDGER',
      message: expect.stringMatching(/found that it was another one 20 times/),
    });
    leaves = false;
    expect(await decide(member)).toEqual([]);
  });

  it('changes before the section is entered, nobody decides in the former file', async () => {
    const directory = makePlace();
    let moves = false;
    const late = makeMember(directory);
    const moving: NativeLocks = {
      ...locks,
      tryLock: (descriptor, number) => {
        if (moves && number === LOCK.section) {
          moves = false;
          // Between the judgement and the lock, all others go elsewhere, and tell something there.
          rmSync(directory, { recursive: true });
          late.ledger.peers();
          late.ledger.publish(['host'], makeHoldings({ promisedAnonymousBytes: 70 }));
        }
        return locks.tryLock(descriptor, number);
      },
    };
    const member = makeMember(directory, { locks: moving });
    await hold(late, 7);
    await hold(member, 1);
    moves = true;
    expect(await hold(member, 2)).toEqual([70]);
    expect(look(late)).toEqual([2]);
  });

  it('changes, a member that moves while another one reads is not lost between the two files', async () => {
    const directory = makePlace();
    const mover = makeMember(directory);
    await hold(mover, 7);
    let moves = false;
    const reading: NativeLocks = {
      ...locks,
      ask: (descriptor, first, count) => {
        if (moves && count === 1) {
          moves = false;
          look(mover);
        }
        return locks.ask(descriptor, first, count);
      },
    };
    const reader = makeMember(directory, { locks: reading });
    rmSync(directory, { recursive: true });
    expect(look(reader)).toEqual([7]);
    moves = true;
    expect(look(reader)).toContain(7);
    expect(moves).toBe(false);
    expect(look(reader)).toEqual([7]);
  });

  it('changes again while a member comes to the new one, it is not lost there', async () => {
    const directory = makePlace();
    let changes = false;
    const other = makeMember(directory);
    const coming: NativeLocks = {
      ...locks,
      tryLock: (descriptor, number) => {
        if (changes && number >= LOCK.lives) {
          changes = false;
          rmSync(directory, { recursive: true });
          look(other);
        }
        return locks.tryLock(descriptor, number);
      },
    };
    const member = makeMember(directory, { locks: coming });
    await hold(other, 7);
    await hold(member, 1);
    rmSync(directory, { recursive: true });
    expect(look(other)).toEqual([1]);
    changes = true;
    expect(look(member)).toEqual([7]);
    expect(changes).toBe(false);
    expect(look(other)).toEqual([1]);
  });

  it('changes, a process that sleeps is counted until it wakes up, and moves then', async () => {
    const directory = makePlace();
    const program = new LedgerProgram(
      `const told = [];
       const ledger = openLedger(findNamedMeeting(data), ({ message }) => told.push(message));
       say(await decide(ledger, 7));
       for await (const _line of createInterface({ input: process.stdin }))
         say([ledger.peers().map((peer) => peer.promisedAnonymousBytes), await decide(ledger, 8, 10), told]);`,
      directory,
    );
    expect(await program.next()).toBe(true);
    program.process.kill('SIGSTOP');
    renameSync(directory, `${directory}-away`);
    const member = makeMember(directory);
    expect(await hold(member, 3)).toEqual([7]);
    program.process.kill('SIGCONT');
    program.tell('again');
    expect(await program.next()).toEqual([[3], false, []]);
    expect(look(member)).toEqual([7]);
    await program.kill();
    expect(look(member)).toEqual([]);
  });
});
