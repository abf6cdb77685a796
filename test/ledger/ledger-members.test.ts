/** Who is alive in a ledger's file, and what is believed of what they told. Each member has an open file of its own, as processes have. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { NativeLocks } from '../../src/addon/addon.ts';
import { LedgerFile, RECORD_BYTES, SLOTS, type SlotEntry } from '../../src/ledger/ledger-file.ts';
import { LedgerMembers, LOCK } from '../../src/ledger/ledger-members.ts';
import { formatRecord, type LedgerRecord } from '../../src/ledger/ledger-record.ts';
import { locks, makeLedgerFile, makeRecord, openLedgerFile } from '../support/ledger-places.ts';

const INDEX_AT = 4096;
const SLOTS_AT = INDEX_AT + SLOTS * 64;

/** A member that lives and tells. */
class Told {
  readonly file: LedgerFile;
  readonly slot: number;
  entry: SlotEntry | undefined;

  constructor(path: string, slot: number) {
    this.file = openLedgerFile(path);
    this.slot = slot;
    expect(locks.tryLock(this.file.descriptor, LOCK.lives + slot)).toBe(1);
    this.file.takeRoom(slot);
  }

  tell(more: Partial<LedgerRecord>): this {
    return this.tellText(formatRecord(makeRecord(more), RECORD_BYTES));
  }

  tellText(text: Buffer | string): this {
    this.entry = this.file.writeRecord(this.slot, this.entry, Buffer.from(text));
    return this;
  }

  /** Bytes at the beginning of its entry or of its record. */
  damage(what: 'entry' | 'record', bytes: string): void {
    const { half = 0 } = this.entry ?? {};
    const entryAt = INDEX_AT + this.slot * 64;
    const recordAt = SLOTS_AT + (2 * this.slot + half) * RECORD_BYTES;
    const descriptor = openSync(this.file.path, 'r+');
    writeSync(descriptor, Buffer.from(bytes), 0, bytes.length, what === 'entry' ? entryAt : recordAt);
    closeSync(descriptor);
  }

  /** As the end of its process does it: without a word. */
  end(): void {
    this.file.close();
  }
}

function makeReader(own?: number, changed: Partial<NativeLocks> = {}) {
  const path = makeLedgerFile();
  const file = openLedgerFile(path);
  const members = new LedgerMembers(file, { ...locks, ...changed });
  const read = () => members.read(own);
  const readHeld = () => read().members.map(({ record }) => record.promisedAnonymousBytes);
  return { path, file, read, readHeld };
}

describe.runIf(locks)('the members of a ledger', () => {
  it('are read with what each told last, but oneself', () => {
    const { path, read, readHeld } = makeReader(1);
    const first = new Told(path, 0).tell({ promisedAnonymousBytes: 5 });
    new Told(path, 1).tell({ promisedAnonymousBytes: 6 });
    new Told(path, SLOTS - 1).tell({ promisedAnonymousBytes: 7 });
    new Told(path, 3); // has told nothing yet
    expect(readHeld()).toEqual([5, 7]);
    first.tell({ promisedAnonymousBytes: 8 });
    expect(readHeld()).toEqual([8, 7]);
    expect(read()).toEqual({
      members: [8, 7].map((promisedAnonymousBytes) => ({
        record: makeRecord({ promisedAnonymousBytes }),
        meteredBytes: 0,
      })),
    });
  });

  it('that ended without a word are not, and their slots are emptied', () => {
    const { path, file, readHeld } = makeReader();
    const [first] = [0, 1].map((slot) => new Told(path, slot).tell({ promisedAnonymousBytes: slot }));
    expect(readHeld()).toEqual([0, 1]);
    first?.end();
    expect(readHeld()).toEqual([1]);
    file.readIndex();
    expect(file.listUsed()).toEqual([1]);
    expect(locks.ask(file.descriptor, LOCK.lives, 1)).toBe(1);
    const other = openLedgerFile(path);
    expect(locks.ask(other.descriptor, LOCK.lives, SLOTS)).toBe(0);
    expect(locks.ask(other.descriptor, LOCK.lives, 1)).toBe(1);
  });

  it('that take the slot of a former one never say what that one said', () => {
    const { path, readHeld } = makeReader();
    for (let times = 0; times < 50; times++) {
      const former = new Told(path, 4).tell({ promisedAnonymousBytes: 99 });
      if (times % 2) expect(readHeld()).toEqual([99]);
      former.end();
      const next = new Told(path, 4);
      expect(readHeld()).toEqual([]);
      next.tell({ promisedAnonymousBytes: 1 });
      expect(readHeld()).toEqual([1]);
      next.end();
    }
  });

  it('count with what they said last while their entry or their record is damaged, and it is told', () => {
    const { path, read, readHeld } = makeReader();
    const member = new Told(path, 2).tell({ pid: 4711, promisedAnonymousBytes: 5 });
    new Told(path, 3).tell({ promisedAnonymousBytes: 6 });
    expect(readHeld()).toEqual([5, 6]);
    for (const bytes of ['damaged', '\0\0\0\0']) {
      member.damage('entry', bytes);
      expect(readHeld()).toEqual([5, 6]);
    }
    expect(read().unread?.message).toBe(
      `Expected to understand all records in ${path}, found that of process 4711 damaged or written by a newer version of this package.`,
    );
    member.tell({ promisedAnonymousBytes: 7 }).damage('record', 'damaged');
    expect(readHeld()).toEqual([5, 6]);
    member.tell({ promisedAnonymousBytes: 8 });
    expect(read().unread).toBeUndefined();
    expect(readHeld()).toEqual([8, 6]);
  });

  it('whose record was never understood are not known, and it is told', () => {
    const { path, read } = makeReader();
    const member = new Told(path, 2).tell({});
    member.damage('record', 'damaged');
    const { members, unread } = read();
    expect(members).toEqual([]);
    expect(unread?.message).toContain('found one damaged or written by a newer version of this package.');
    member.end();
    expect(read()).toEqual({ members: [] });
  });

  it.each([
    ['of a newer format', '{"format":3,"pid":5}'],
    ['that is no JSON', '{"format":2,'],
    ['of nothing', ''],
  ])('tell that a record %s is not understood', (_, text) => {
    const { path, read, readHeld } = makeReader();
    const member = new Told(path, 2).tellText(text);
    expect(read().unread?.message).toContain('found one damaged or written by a newer version');
    member.tell({ promisedAnonymousBytes: 3 });
    expect(read().unread).toBeUndefined();
    member.tellText(text);
    expect(read().unread?.message).toContain('found that of process');
    expect(readHeld()).toEqual([3]);
  });

  it('are read although they tell something new at every look', () => {
    const { path, file, readHeld } = makeReader();
    const member = new Told(path, 2).tell({ promisedAnonymousBytes: 1 });
    let told = 1;
    const readRecord = file.readRecord.bind(file);
    // Two records between the look at the entry and that at the record: the half is used again.
    file.readRecord = (slot, entry) => {
      if (told === 1) for (; told < 3; told++) member.tell({ promisedAnonymousBytes: told + 1 });
      return readRecord(slot, entry);
    };
    expect(readHeld()).toEqual([3]);
  });

  it('are alive if it can’t be said, and count', () => {
    let answer: number | undefined;
    const { path, file, readHeld } = makeReader(undefined, {
      ask: (descriptor, first, count) => answer ?? locks.ask(descriptor, first, count),
    });
    new Told(path, 2).tell({ promisedAnonymousBytes: 5 }).end();
    answer = -9;
    expect(readHeld()).toEqual([5]);
    answer = undefined;
    expect(readHeld()).toEqual([]);
    file.close();
    expect(readHeld).toThrow('EBADF');
  });

  it('whose slot is being taken by another one at this moment are gone, and it stays theirs', () => {
    let next: Told | undefined;
    const { path, readHeld } = makeReader(undefined, {
      tryLock: (descriptor, number) => {
        next = new Told(path, 2).tell({ promisedAnonymousBytes: 6 });
        return locks.tryLock(descriptor, number);
      },
    });
    new Told(path, 2).tell({ promisedAnonymousBytes: 5 }).end();
    expect(readHeld()).toEqual([]);
    expect(next).toBeDefined();
    expect(readHeld()).toEqual([6]);
  });

  it('that leave while they are looked at, and whose slot another one takes, are no damage', () => {
    let leaving: Told | undefined;
    const { path, read } = makeReader(undefined, {
      ask: (descriptor, first, count) => {
        const answer = locks.ask(descriptor, first, count);
        if (leaving) {
          leaving.file.clear(2);
          leaving.end();
          leaving = undefined;
          new Told(path, 2);
        }
        return answer;
      },
    });
    leaving = new Told(path, 2).tell({ promisedAnonymousBytes: 5 });
    expect(read()).toEqual({ members: [] });
  });

  it('have taken what their meter says, if it is the one that their record names', () => {
    const { path, read } = makeReader();
    const member = new Told(path, 2).tell({ meter: { number: 77, takenBytes: 0 } });
    const value = new Float64Array([5e8]);
    const [low = 0, high = 0] = new Uint32Array(value.buffer);
    const words = Uint32Array.of(77, (77 ^ low ^ high) >>> 0, low, high);
    writeSync(member.file.descriptor, words, 0, 16, LedgerFile.meterOffset(2));
    expect(read().members[0]?.meteredBytes).toBe(5e8);
    member.tell({ meter: { number: 77, takenBytes: 2e8 } }); // the record has taken them off already
    expect(read().members[0]?.meteredBytes).toBe(3e8);
    member.tell({ meter: { number: 78, takenBytes: 0 } });
    expect(read().members[0]?.meteredBytes).toBe(0);
    member.tell({});
    expect(read().members[0]?.meteredBytes).toBe(0);
  });
});
