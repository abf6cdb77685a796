/**
 * The one file of a ledger: a header, an index, and a slot of two halves for each member. It knows where each byte lies, and neither what a
 * record says nor who may decide. docs/ledger.md has the layout.
 */
import { constants, fstatSync, linkSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { closeFile } from '../core/close-file.ts';
import { LedgerFailure } from './ledger-failure.ts';

export const FILE_NAME = 'nexa-ledger';

/** So many members find room. */
export const SLOTS = 256;

/** The longest record, in bytes. */
export const RECORD_BYTES = 16 * 1024;

/** Two doubles: the last holder of the section, and when it began, in microseconds of the monotonic clock. */
export const HOLDER_AT = 32;

const MAGIC = 'NMGuard\n';
/** It is raised only if an older version of this package would misread a newer file. */
const LAYOUT = 2;
const LAYOUT_AT = 8;
/** 1 as soon as its members are to go on in another file. */
const MOVED_AT = 12;
/** Its own inode: a copy of it is no ledger that anybody meets in. */
const INODE_AT = 16;
const NAME_LENGTH_AT = 56;
const FORMER_LENGTH_AT = 60;
const NAME_AT = 64;
const NAME_BYTES = 960;
const FORMER_AT = 1024;
const FORMER_BYTES = 3072;
const INDEX_AT = FORMER_AT + FORMER_BYTES;
const ENTRY_BYTES = 64;
const SLOTS_AT = INDEX_AT + SLOTS * ENTRY_BYTES;
const SLOT_BYTES = 2 * RECORD_BYTES;

/** Fields of an entry, in words of four bytes. */
const FIELD = { version: 0, half: 1, bytes: 2, checksum: 3, check: 4 };
const ENTRY_WORDS = ENTRY_BYTES / 4;
/** Where a meter writes: its number, a check, and the bytes that its loads have taken, as a double. */
const METER_OFFSET = 32;

/** An entry of the index: where a member's record is. */
export interface SlotEntry {
  /** Another one with each record of this slot. */
  readonly version: number;
  readonly half: number;
  readonly bytes: number;
  readonly checksum: number;
}

/** A process that has a former file of this ledger open, and under which descriptor. */
export interface FileReference {
  readonly pid: number;
  readonly descriptor: number;
}

/** Who got the section last. */
export interface SectionHolder {
  readonly pid: number;
  readonly sinceUs: number;
}

/** All files of this thread are read into it; what is needed of a reading is taken out before the next one. */
const buffer = Buffer.allocUnsafeSlow(SLOTS_AT);
const words = new Uint32Array(buffer.buffer, buffer.byteOffset, SLOTS_AT / 4);
const doubles = new Float64Array(buffer.buffer, buffer.byteOffset, SLOTS_AT / 8);
const body = Buffer.allocUnsafeSlow(RECORD_BYTES);
const entryWords = new Uint32Array(FIELD.check + 1);
const note = new Float64Array(2);

export class LedgerFile {
  readonly path: string;
  readonly descriptor: number;
  /** Device and inode. */
  readonly identity: string;
  /** The name of the ledger, which its former and its later files have too. */
  readonly name: string;
  /** Who had its former files open when it was made. */
  readonly former: readonly FileReference[];

  readonly #copied: boolean;

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.descriptor = descriptor;
    const stats = fstatSync(descriptor, { bigint: true });
    this.identity = formatIdentity(stats);
    this.readIndex();
    this.#copied = buffer.readBigUInt64LE(INODE_AT) !== stats.ino;
    const layout = words[LAYOUT_AT / 4]!;
    const isOurs = buffer.toString('latin1', 0, MAGIC.length) === MAGIC;
    if (!isOurs || layout !== LAYOUT) {
      const newer = isOurs && layout > LAYOUT;
      const found = newer
        ? `layout ${layout} of a newer version of this package`
        : 'another kind of file, which may be deleted';
      throw new LedgerFailure(`Expected ${path} to be a ledger of layout ${LAYOUT}, found ${found}.`);
    }
    this.name = readText(NAME_LENGTH_AT, NAME_AT, NAME_BYTES);
    this.former = parseReferences(readText(FORMER_LENGTH_AT, FORMER_AT, FORMER_BYTES));
  }

  /**
   * Opens a file that is there. Throws what the system says, or a LedgerFailure if it is no ledger.
   *
   * @param raise Gives a further descriptor of the same open file, which is used then; a negative one if there is none.
   */
  static open(path: string, raise: (descriptor: number) => number = () => -1): LedgerFile {
    const opened = openSync(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0));
    const raised = raise(opened);
    if (raised >= 0) closeFile(opened);
    return LedgerFile.#adopt(path, raised >= 0 ? raised : opened);
  }

  /** Opens the file that another process has open, wherever it lies now. */
  static openReference({ pid, descriptor }: FileReference): LedgerFile {
    const path = `/proc/${pid}/fd/${descriptor}`;
    return LedgerFile.#adopt(path, openSync(path, constants.O_RDWR));
  }

  /** Makes the file of a directory, whole from its first moment. `beforeItStands` is called when nothing else can fail. False: there is one already. */
  static make(directory: string, name: string, former: readonly FileReference[], beforeItStands: () => void): boolean {
    const path = join(directory, FILE_NAME);
    // One that was cut would be found under no name, or under that of another ledger.
    if (Buffer.byteLength(name) > NAME_BYTES)
      throw new LedgerFailure(`Expected a path of less than ${NAME_BYTES} bytes, found a longer one: name another.`);
    const temporary = `${path}.${crypto.randomUUID()}`;
    const descriptor = openSync(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      const header = Buffer.alloc(SLOTS_AT);
      header.write(MAGIC, 'latin1');
      header.writeUInt32LE(LAYOUT, LAYOUT_AT);
      header.writeBigUInt64LE(fstatSync(descriptor, { bigint: true }).ino, INODE_AT);
      writeText(header, name, NAME_LENGTH_AT, NAME_AT, NAME_BYTES);
      writeText(header, formatReferences(former), FORMER_LENGTH_AT, FORMER_AT, FORMER_BYTES);
      writeWhole(descriptor, header, 0);
      beforeItStands();
      linkSync(temporary, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      closeFile(descriptor);
      unlinkSync(temporary);
    }
  }

  static #adopt(path: string, descriptor: number): LedgerFile {
    try {
      return new LedgerFile(path, descriptor);
    } catch (error) {
      closeFile(descriptor);
      throw error;
    }
  }

  /** Reads header and index, for the methods below that look at "the last reading". */
  readIndex(): void {
    const length = readSync(this.descriptor, buffer, 0, SLOTS_AT, 0);
    if (length < SLOTS_AT)
      throw new LedgerFailure(`Expected ${this.path} to be a ledger, found a file that was cut: delete it.`);
  }

  /** Whether its members are to go on in another file, by the last reading. */
  get moved(): boolean {
    return this.#copied || words[MOVED_AT / 4] !== 0;
  }

  /** By the last reading. */
  get holder(): SectionHolder {
    return { pid: doubles[HOLDER_AT / 8]!, sinceUs: doubles[HOLDER_AT / 8 + 1]! };
  }

  /** The slots that have a record, by the last reading. */
  listUsed(): number[] {
    const used: number[] = [];
    for (let slot = 0; slot < SLOTS; slot++) if (this.isUsed(slot)) used.push(slot);
    return used;
  }

  /** By the last reading. An entry that is damaged in part is one. */
  isUsed(slot: number): boolean {
    return words[toWord(slot) + FIELD.version] !== 0 || words[toWord(slot) + FIELD.check] !== 0;
  }

  /** By the last reading. `undefined`: the entry was just being written, or it is damaged. */
  getEntry(slot: number): SlotEntry | undefined {
    const at = toWord(slot);
    const [version, half, bytes] = [words[at]!, words[at + FIELD.half]!, words[at + FIELD.bytes]!];
    const checksum = words[at + FIELD.checksum]!;
    const sound =
      half <= 1 && bytes <= RECORD_BYTES && words[at + FIELD.check] === checkEntry(version, half, bytes, checksum);
    return sound ? { version, half, bytes, checksum } : undefined;
  }

  /** What the meter of this number has measured in a slot, by the last reading. 0 if it is another one's. */
  getMeteredBytes(slot: number, number: number): number {
    const at = toWord(slot) + METER_OFFSET / 4;
    const [low, high] = [words[at + 2]!, words[at + 3]!];
    if (words[at] !== number || words[at + 1] !== (number ^ low ^ high) >>> 0) return 0;
    const bytes = doubles[(at + 2) / 2]!;
    return bytes > 0 ? bytes : 0;
  }

  /** Where a meter writes for a slot. */
  static meterOffset(slot: number): number {
    return INDEX_AT + slot * ENTRY_BYTES + METER_OFFSET;
  }

  /** A number that another record of any slot but `own` would change, by the last reading. */
  sumVersions(own: number): number {
    let hash = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const version = slot === own ? 0 : words[toWord(slot)]!;
      if (version !== 0) hash = Math.imul(hash ^ version ^ slot, 0x01000193);
    }
    return hash;
  }

  /** `undefined`: the record was replaced meanwhile, or it is damaged. */
  readRecord(slot: number, { half, bytes, checksum }: SlotEntry): string | undefined {
    const length = readSync(this.descriptor, body, 0, bytes, SLOTS_AT + slot * SLOT_BYTES + half * RECORD_BYTES);
    return length === bytes && sum(body, bytes) === checksum ? body.toString('utf8', 0, bytes) : undefined;
  }

  /** Takes the room that records of a slot will need, and empties the slot. */
  takeRoom(slot: number): void {
    this.clear(slot);
    writeWhole(this.descriptor, Buffer.alloc(SLOT_BYTES), SLOTS_AT + slot * SLOT_BYTES);
  }

  /** Writes beside the record that stands, then points to the new one. */
  writeRecord(slot: number, last: SlotEntry | undefined, text: Buffer): SlotEntry {
    const half = last ? 1 - last.half : 0;
    // The next member of a slot begins elsewhere, so that its records are never taken for those of the last one. 0 stands for a slot without one.
    const version = ((last?.version ?? Math.floor(Math.random() * 2 ** 32)) + 1) >>> 0 || 1;
    const checksum = sum(text, text.length);
    writeWhole(this.descriptor, text, SLOTS_AT + slot * SLOT_BYTES + half * RECORD_BYTES);
    entryWords.set([version, half, text.length, checksum, checkEntry(version, half, text.length, checksum)]);
    writeWhole(this.descriptor, entryWords, INDEX_AT + slot * ENTRY_BYTES);
    return { version, half, bytes: text.length, checksum };
  }

  clear(slot: number): void {
    writeWhole(this.descriptor, Buffer.alloc(ENTRY_BYTES), INDEX_AT + slot * ENTRY_BYTES);
  }

  noteHolder(pid: number, sinceUs: number): void {
    note[0] = pid;
    note[1] = sinceUs;
    writeWhole(this.descriptor, note, HOLDER_AT);
  }

  markMoved(): void {
    writeWhole(this.descriptor, Uint32Array.of(1), MOVED_AT);
  }

  /** Whether this file still stands where it was opened. */
  get stands(): boolean {
    return identify(this.path) === this.identity;
  }

  /** Another descriptor of the same file, whose locks are not those of the first. The caller closes it. */
  openAgain(): number {
    const descriptor = openSync(this.path, constants.O_RDWR);
    if (formatIdentity(fstatSync(descriptor, { bigint: true })) === this.identity) return descriptor;
    closeFile(descriptor);
    throw new LedgerFailure(`Expected ${this.path} to stay where it is, found another file there.`);
  }

  close(): void {
    closeFile(this.descriptor);
  }
}

function toWord(slot: number): number {
  return INDEX_AT / 4 + slot * ENTRY_WORDS;
}

function checkEntry(version: number, half: number, bytes: number, checksum: number): number {
  return (0x9e3779b9 ^ version ^ (half << 31) ^ (bytes << 8) ^ checksum) >>> 0;
}

/** FNV-1a. */
function sum(bytes: Uint8Array, length: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

function writeWhole(descriptor: number, bytes: NodeJS.ArrayBufferView, at: number): void {
  const written = writeSync(descriptor, bytes, 0, bytes.byteLength, at);
  if (written < bytes.byteLength)
    throw new LedgerFailure(`Expected ${bytes.byteLength} bytes to be written, found room for ${written}.`);
}

/** Device and inode of what lies there. `undefined`: nothing does. */
export function identify(path: string): string | undefined {
  try {
    return formatIdentity(statSync(path, { bigint: true }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function formatIdentity({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev} ${ino}`;
}

function readText(lengthAt: number, at: number, most: number): string {
  return buffer.toString('utf8', at, at + Math.min(most, words[lengthAt / 4]!));
}

function writeText(header: Buffer, text: string, lengthAt: number, at: number, most: number): void {
  header.writeUInt32LE(header.write(text, at, most, 'utf8'), lengthAt);
}

/** `4711:22 4712:19`. */
function formatReferences(references: readonly FileReference[]): string {
  return references.map(({ pid, descriptor }) => `${pid}:${descriptor}`).join(' ');
}

function parseReferences(text: string): FileReference[] {
  const pairs = [...text.matchAll(/(\d{1,10}):(\d{1,10})/g)];
  return pairs.map(([, pid, descriptor]) => ({ pid: Number(pid), descriptor: Number(descriptor) }));
}
