/** Where each byte of a ledger's file lies, and what is believed of one that is damaged. */
import {
  closeSync,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LedgerFailure } from '../../src/ledger/ledger-failure.ts';
import { FILE_NAME, LedgerFile, RECORD_BYTES, SLOTS } from '../../src/ledger/ledger-file.ts';
import { countDescriptors, makeLedgerFile, makePlace, openLedgerFile } from '../support/ledger-places.ts';

/** Offsets of docs/ledger.md. */
const LAYOUT_AT = 8;
const INDEX_AT = 4096;
const ENTRY_BYTES = 64;
const SLOTS_AT = INDEX_AT + SLOTS * ENTRY_BYTES;

const text = (letters: string) => Buffer.from(letters);

/** Writes into a file as somebody would who is no ledger. */
function damage(path: string, at: number, bytes: NodeJS.ArrayBufferView): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, bytes, 0, bytes.byteLength, at);
  closeSync(descriptor);
}

function readSlot(file: LedgerFile, slot: number): string | undefined {
  file.readIndex();
  const entry = file.getEntry(slot);
  return entry && file.readRecord(slot, entry);
}

describe('the file of a ledger', () => {
  it('is made whole, for its user alone, with its name and who had the former ones open', () => {
    const directory = makePlace();
    mkdirSync(directory);
    const former = [
      { pid: 4711, descriptor: 22 },
      { pid: 2 ** 22, descriptor: 1_048_575 },
    ];
    let others: string[] = [];
    const look = () => {
      others = readdirSync(directory);
    };
    expect(LedgerFile.make(directory, 'directory /é', former, look)).toBe(true);
    expect(others).toEqual([expect.stringMatching(/^nexa-ledger\../)]);
    expect(readdirSync(directory)).toEqual([FILE_NAME]);
    const file = openLedgerFile(join(directory, FILE_NAME));
    expect(file).toMatchObject({ name: 'directory /é', former, moved: false });
    expect(file.listUsed()).toEqual([]);
    expect(fstatSync(file.descriptor).mode & 0o777).toBe(0o600);
  });

  it('is not made twice, and the one that stands stays', () => {
    const path = makeLedgerFile('first');
    expect(LedgerFile.make(dirname(path), 'second', [], () => {})).toBe(false);
    expect(readdirSync(dirname(path))).toEqual([FILE_NAME]);
    expect(openLedgerFile(path).name).toBe('first');
  });

  it('does not stand if what comes before it fails', () => {
    const directory = makePlace();
    mkdirSync(directory);
    const before = countDescriptors();
    const fail = () => {
      throw new Error('not yet');
    };
    expect(() => LedgerFile.make(directory, 'test', [], fail)).toThrow('not yet');
    expect(readdirSync(directory)).toEqual([]);
    expect(countDescriptors()).toBe(before);
  });

  it('has room for so many former ones, and for a name of so many letters', () => {
    const directory = makePlace();
    mkdirSync(directory);
    const former = Array.from({ length: 128 }, (_, at) => ({ pid: 2 ** 22 - at, descriptor: 1_048_575 - at }));
    LedgerFile.make(directory, '模'.repeat(320), former, () => {});
    const file = openLedgerFile(join(directory, FILE_NAME));
    expect(file.former).toEqual(former);
    expect(file.name).toBe('模'.repeat(320));
    expect(file.listUsed()).toEqual([]);
    rmSync(file.path);
    expect(() => LedgerFile.make(directory, '模'.repeat(321), [], () => {})).toThrow(
      new LedgerFailure('Expected a path of less than 960 bytes, found a longer one: name another.'),
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  it('that is a copy of another one is one that was given up', () => {
    const path = makeLedgerFile();
    expect(openLedgerFile(path).moved).toBe(false);
    copyFileSync(path, `${path}-copy`);
    expect(openLedgerFile(`${path}-copy`).moved).toBe(true);
  });

  it.each<[string, (path: string) => void, string]>([
    [
      'has the magic of nobody',
      (path) => damage(path, 0, text('SQLite f')),
      'found another kind of file, which may be deleted.',
    ],
    [
      'has an older layout',
      (path) => damage(path, LAYOUT_AT, Uint32Array.of(1)),
      'found another kind of file, which may be deleted.',
    ],
    [
      'has a newer layout',
      (path) => damage(path, LAYOUT_AT, Uint32Array.of(3)),
      'to be a ledger of layout 2, found layout 3 of a newer version of this package.',
    ],
    ['was cut', (path) => truncateSync(path, SLOTS_AT - 1), 'to be a ledger, found a file that was cut: delete it.'],
    ['is empty', (path) => truncateSync(path, 0), 'to be a ledger, found a file that was cut: delete it.'],
  ])('is refused if it %s', (_, change, message) => {
    const path = makeLedgerFile();
    change(path);
    const before = countDescriptors();
    expect(() => LedgerFile.open(path)).toThrow(LedgerFailure);
    expect(() => LedgerFile.open(path)).toThrow(message);
    expect(countDescriptors()).toBe(before);
  });

  it('is no link and no directory', () => {
    const path = makeLedgerFile();
    symlinkSync(path, `${path}-link`);
    expect(() => LedgerFile.open(`${path}-link`)).toThrow('ELOOP');
    expect(() => LedgerFile.open(dirname(path))).toThrow('EISDIR');
    expect(() => LedgerFile.open(`${path}-none`)).toThrow('ENOENT');
  });

  it('is found through the descriptor of a process, even if it was deleted', () => {
    const path = makeLedgerFile('held');
    const file = openLedgerFile(path);
    file.writeRecord(3, undefined, text('told'));
    rmSync(path);
    const again = LedgerFile.openReference({ pid: process.pid, descriptor: file.descriptor });
    onTestFinished(() => again.close());
    expect(again).toMatchObject({ name: 'held', identity: file.identity });
    expect(readSlot(again, 3)).toBe('told');
  });

  it('is used through another descriptor if one is given for it', () => {
    const path = makeLedgerFile();
    const higher = openSync(path, 'r+');
    const before = countDescriptors();
    const file = LedgerFile.open(path, () => higher);
    expect(file.descriptor).toBe(higher);
    expect(countDescriptors()).toBe(before);
    const kept = LedgerFile.open(path, () => -24);
    expect(kept.descriptor).not.toBe(higher);
    file.close();
    kept.close();
    expect(countDescriptors()).toBe(before - 1);
  });

  it('notes who holds the section, and that its members are elsewhere', () => {
    const path = makeLedgerFile();
    const [one, other] = [openLedgerFile(path), openLedgerFile(path)];
    one.noteHolder(4711, 1.5e12);
    one.markMoved();
    other.readIndex();
    expect(other.holder).toEqual({ pid: 4711, sinceUs: 1.5e12 });
    expect(other.moved).toBe(true);
  });

  it('knows whether it still stands where it was', () => {
    const path = makeLedgerFile();
    const file = openLedgerFile(path);
    expect(file.stands).toBe(true);
    renameSync(path, `${path}-away`);
    expect(file.stands).toBe(false);
    copyFileSync(`${path}-away`, path);
    expect(file.stands).toBe(false);
    renameSync(`${path}-away`, path);
    expect(file.stands).toBe(true);
    rmSync(dirname(path), { recursive: true });
    expect(file.stands).toBe(false);
    writeFileSync(dirname(path), 'a file in its place');
    expect(() => file.stands).toThrow('ENOTDIR');
  });

  it('is opened again as the same file or not at all', () => {
    const path = makeLedgerFile();
    const file = openLedgerFile(path);
    const again = file.openAgain();
    expect(fstatSync(again).ino).toBe(fstatSync(file.descriptor).ino);
    closeSync(again);
    copyFileSync(path, `${path}-copy`);
    renameSync(`${path}-copy`, path);
    const before = countDescriptors();
    expect(() => file.openAgain()).toThrow('to stay where it is, found another file there.');
    expect(countDescriptors()).toBe(before);
  });
});

describe('a slot', () => {
  it('has a record in one half, and the next one in the other', () => {
    const path = makeLedgerFile();
    const [writer, reader] = [openLedgerFile(path), openLedgerFile(path)];
    const first = writer.writeRecord(0, undefined, text('one'));
    expect(readSlot(reader, 0)).toBe('one');
    const second = writer.writeRecord(0, first, text('the second'));
    expect(readSlot(reader, 0)).toBe('the second');
    expect(second).toMatchObject({ half: 1 - first.half, version: (first.version + 1) >>> 0 || 1 });
    expect(reader.readRecord(0, first)).toBe('one'); // until the one after it
    writer.writeRecord(0, second, text('third'));
    expect(readSlot(reader, 0)).toBe('third');
    expect(reader.readRecord(0, first)).toBeUndefined();
  });

  it('has a version with each record, and never 0', () => {
    const file = openLedgerFile(makeLedgerFile());
    const last = { version: 2 ** 32 - 1, half: 0, bytes: 0, checksum: 0 };
    expect(file.writeRecord(0, last, text('a')).version).toBe(1);
    const begins = new Set(Array.from({ length: 20 }, () => file.writeRecord(0, undefined, text('a')).version));
    expect(begins.size).toBe(20);
  });

  it('has room for the longest record, which leaves its neighbours alone', () => {
    const file = openLedgerFile(makeLedgerFile());
    const ends = [0, 1, 2, SLOTS - 1];
    const letters = (slot: number) => String.fromCharCode(97 + (slot % 26)).repeat(RECORD_BYTES);
    const entries = ends.map((slot) => file.writeRecord(slot, undefined, text(letters(slot))));
    for (const [at, slot] of ends.entries()) file.writeRecord(slot, entries[at], text(letters(slot + 1)));
    for (const slot of ends) expect(readSlot(file, slot)).toBe(letters(slot + 1));
    expect(file.listUsed()).toEqual(ends);
  });

  it('that was given its room takes none later, and has no record', () => {
    const path = makeLedgerFile();
    const file = openLedgerFile(path);
    file.writeRecord(7, undefined, text('of a former member'));
    file.takeRoom(7);
    file.readIndex();
    expect(file.listUsed()).toEqual([]);
    const { blocks } = statSync(path);
    expect(blocks * 512).toBeGreaterThanOrEqual(2 * RECORD_BYTES);
    const first = file.writeRecord(7, undefined, Buffer.alloc(RECORD_BYTES, 'a'));
    file.writeRecord(7, first, Buffer.alloc(RECORD_BYTES, 'b'));
    expect(statSync(path).blocks).toBe(blocks);
  });

  it('is emptied', () => {
    const file = openLedgerFile(makeLedgerFile());
    for (const slot of [1, 2, 3]) file.writeRecord(slot, undefined, text('told'));
    file.clear(2);
    file.readIndex();
    expect(file.listUsed()).toEqual([1, 3]);
    expect(file.getEntry(2)).toBeUndefined();
  });

  it('says nothing if any bit of its entry is another one', () => {
    const path = makeLedgerFile();
    const file = openLedgerFile(path);
    file.writeRecord(5, undefined, text('told'));
    const whole = readFileSync(path).subarray(INDEX_AT + 5 * ENTRY_BYTES, INDEX_AT + 5 * ENTRY_BYTES + 20);
    for (let bit = 0; bit < 20 * 8; bit++) {
      const changed = Buffer.from(whole);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      damage(path, INDEX_AT + 5 * ENTRY_BYTES, changed);
      expect([bit, readSlot(file, 5)]).toEqual([bit, undefined]);
    }
    damage(path, INDEX_AT + 5 * ENTRY_BYTES, whole);
    expect(readSlot(file, 5)).toBe('told');
  });

  it('says nothing if any byte of its record is another one, or the file ends before it', () => {
    const path = makeLedgerFile();
    const file = openLedgerFile(path);
    const told = '{"format":2,"pid":5}';
    const { half } = file.writeRecord(5, undefined, text(told));
    const at = SLOTS_AT + 5 * 2 * RECORD_BYTES + half * RECORD_BYTES;
    for (let letter = 0; letter < told.length; letter++) {
      damage(path, at + letter, text(told[letter] === 'x' ? 'y' : 'x'));
      expect([letter, readSlot(file, 5)]).toEqual([letter, undefined]);
      damage(path, at + letter, text(told[letter]!));
    }
    expect(readSlot(file, 5)).toBe(told);
    truncateSync(path, at + told.length - 1);
    expect(readSlot(file, 5)).toBeUndefined();
  });

  it('says what it said as long as the next record is only half written', () => {
    const path = makeLedgerFile();
    const file = openLedgerFile(path);
    const first = file.writeRecord(5, undefined, text('first'));
    damage(path, SLOTS_AT + 5 * 2 * RECORD_BYTES + (1 - first.half) * RECORD_BYTES, text('sec'));
    expect(readSlot(file, 5)).toBe('first');
  });

  it('changes the sum of versions with each record, unless it is one’s own', () => {
    const file = openLedgerFile(makeLedgerFile());
    const sum = (own: number) => {
      file.readIndex();
      return file.sumVersions(own);
    };
    const empty = sum(0);
    const entry = file.writeRecord(1, undefined, text('a'));
    const first = sum(0);
    expect(first).not.toBe(empty);
    expect(sum(1)).toBe(empty);
    file.writeRecord(1, entry, text('b'));
    expect(sum(0)).not.toBe(first);
    expect(sum(1)).toBe(empty);
    file.writeRecord(2, undefined, text('c'));
    expect(sum(1)).not.toBe(empty);
    file.clear(1);
    file.clear(2);
    expect(sum(0)).toBe(empty);
  });
});

describe('what a meter has written', () => {
  function write(path: string, slot: number, number: number, bytes: number, change = 0): void {
    const value = new Float64Array([bytes]);
    const [low, high] = new Uint32Array(value.buffer) as unknown as [number, number];
    const words = Uint32Array.of(number, (number ^ low ^ high ^ change) >>> 0, low, high);
    damage(path, LedgerFile.meterOffset(slot), words);
  }

  it.each([
    ['is read by its number', 77, 1.5e9, 0, 1.5e9],
    ['of another number is not', 78, 1.5e9, 0, 0],
    ['only in part is not', 77, 1.5e9, 1, 0],
    ['below nothing is not', 77, -5, 0, 0],
    ['and is no number is not', 77, Number.NaN, 0, 0],
  ])('%s', (_, number, bytes, change, read) => {
    const path = makeLedgerFile();
    const file = openLedgerFile(path);
    file.writeRecord(9, undefined, text('told'));
    write(path, 9, number, bytes, change);
    file.readIndex();
    expect(file.getMeteredBytes(9, 77)).toBe(read);
    expect(file.getMeteredBytes(8, 77)).toBe(0);
    expect(readSlot(file, 9)).toBe('told');
  });
});
