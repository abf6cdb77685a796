/** One member of a ledger file: its slot, its section, and the other members, those of a former file too. It has no opinion on what can't be read. */
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeLocks } from '../addon/addon.ts';
import { closeFile } from '../core/close-file.ts';
import { loadNodeModule } from '../core/node-module.ts';
import { findFormerFiles, openFormerFiles } from './former-files.ts';
import {
  ensureLedgerDirectory,
  explainAbsence,
  findDirectoryFault,
  type LedgerPlace,
  type MeetingPoint,
} from './ledger-directory.ts';
import { LedgerFailure, NoLedgerHere } from './ledger-failure.ts';
import { FILE_NAME, identify, LedgerFile, RECORD_BYTES, SLOTS, type SlotEntry } from './ledger-file.ts';
import { LedgerMembers, LOCK, type ReadMembers } from './ledger-members.ts';
import { formatRecord, type LedgerRecord } from './ledger-record.ts';
import { LedgerSection } from './ledger-section.ts';

/** What this process is, as far as the others care. */
export interface OwnProcess {
  /** `undefined` on Windows, whose users have no number. */
  readonly uid: number | undefined;
  readonly pid: number;
  readonly pidNamespace: string;
}

/** Sixteen bytes of a file. */
export interface MeterPlace {
  readonly descriptor: number;
  readonly offset: number;
}

/** Files that others make and give up at the same moment settle after this many. */
const JOIN_TRIES = 20;

/** Whoever decides in a former file is done within microseconds, unless he is stopped. */
const FORMER_TRIES = 2000;

export class Membership {
  readonly directory: string;
  readonly section: LedgerSection;
  readonly #file: LedgerFile;
  readonly #uid: number | undefined;
  readonly #slot: number;
  readonly #members: LedgerMembers;
  #former: { readonly file: LedgerFile; readonly members: LedgerMembers }[];
  #entry: SlotEntry | undefined;
  #versions = 0;

  private constructor(directory: string, file: LedgerFile, locks: NativeLocks, { uid, pid }: OwnProcess) {
    this.directory = directory;
    this.#file = file;
    this.#uid = uid;
    this.#slot = takeSlot(file, locks);
    this.#former = openFormerFiles(file).map((each) => ({ file: each, members: new LedgerMembers(each, locks) }));
    this.#members = new LedgerMembers(file, locks);
    this.section = new LedgerSection(file, locks, { pid, slot: this.#slot });
  }

  /**
   * Joins the ledger of a meeting point at the first place that can have one; its file is made if there is none.
   *
   * @throws NoLedgerHere if no place can, LedgerFailure if the one that was named can't or something is not as it must be, or what the system says.
   */
  static join(meeting: MeetingPoint, locks: NativeLocks, own: OwnProcess): Membership {
    const reasons: string[] = [];
    for (const place of meeting.places) {
      try {
        return Membership.#joinAt(place, meeting.name, locks, own);
      } catch (error) {
        if (!(error instanceof NoLedgerHere)) throw error;
        reasons.push(error.message);
      }
    }
    if (meeting.named) throw new LedgerFailure(reasons.join());
    throw new NoLedgerHere(`Other processes are not seen, and this one is counted alone: ${reasons.join(', and ')}.`);
  }

  static #joinAt(place: LedgerPlace, name: string, locks: NativeLocks, own: OwnProcess): Membership {
    const { directory } = place;
    for (let tries = 1; tries <= JOIN_TRIES; tries++) {
      ensureLedgerDirectory(place, own.uid);
      const file = openIfThere(join(directory, FILE_NAME), locks);
      if (!file || file.moved) {
        if (file) removeMoved(file, locks);
        makeFile(directory, name, locks, own.uid);
        continue;
      }
      try {
        return new Membership(directory, file, locks, own);
      } catch (error) {
        file.close();
        throw error;
      }
    }
    throw new LedgerFailure(
      `Expected the ledger in ${directory} to stay, found that it was replaced ${JOIN_TRIES} times.`,
    );
  }

  /** Reads all other members. `undefined`: they meet elsewhere by now. */
  read(): ReadMembers | undefined {
    if (!this.#file.stands) return undefined;
    const fault = findDirectoryFault(this.directory, this.#uid);
    if (fault !== undefined)
      throw new LedgerFailure(
        `Expected ${this.directory} to stay a directory of ours alone, found that it is ${fault}.`,
      );
    return this.readInSection();
  }

  /** The same in the section: whoever makes another file has to enter it before. */
  readInSection(): ReadMembers | undefined {
    // A member that moves is here before it leaves the former file: looked at in this order, it is found in one of them at least.
    const former = this.#readFormer();
    const { members, unread = former.unread } = this.#members.read(this.#slot);
    this.#versions = this.#file.sumVersions(this.#slot);
    if (this.#file.moved) return undefined;
    return { members: [...members, ...former.members], ...(unread && { unread }) };
  }

  /** Whether nobody has told anything since the last reading. */
  isUnchanged(): boolean {
    this.#file.readIndex();
    return this.#former.length === 0 && !this.#file.moved && this.#file.sumVersions(this.#slot) === this.#versions;
  }

  /** Tells the others what we hold. */
  write(record: LedgerRecord): void {
    this.#entry = this.#file.writeRecord(this.#slot, this.#entry, formatRecord(record, RECORD_BYTES));
  }

  /** Where a meter writes what our running loads take. */
  get meterPlace(): MeterPlace {
    return { descriptor: this.#file.descriptor, offset: LedgerFile.meterOffset(this.#slot) };
  }

  /** What we held is forgotten by the others. `error` goes to those who wait for the section. */
  close(error: unknown): void {
    this.section.close(error);
    try {
      this.#file.clear(this.#slot);
    } catch {
      // The lock of the slot, which ends with the file, tells the same.
    }
    this.#file.close();
    for (const { file } of this.#former) file.close();
  }

  #readFormer(): ReadMembers {
    const reads = this.#former.map((former) => ({ former, read: former.members.read(undefined) }));
    const isLeft = ({ read }: (typeof reads)[number]) => read.members.length > 0 || read.unread !== undefined;
    this.#former = reads.filter(isLeft).map(({ former }) => former);
    for (const each of reads) if (!isLeft(each)) each.former.file.close();
    const members = reads.flatMap(({ read }) => read.members);
    const unread = reads.find(({ read }) => read.unread)?.read.unread;
    return { members, ...(unread && { unread }) };
  }
}

function openIfThere(path: string, locks: NativeLocks): LedgerFile | undefined {
  try {
    // A worker that is terminated closes what it has opened itself, and nothing else.
    return LedgerFile.open(
      path,
      loadNodeModule('node:worker_threads').isMainThread ? (descriptor) => locks.raise(descriptor) : undefined,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function takeSlot(file: LedgerFile, locks: NativeLocks): number {
  for (let slot = 0; slot < SLOTS; slot++) {
    const answer = locks.tryLock(file.descriptor, LOCK.lives + slot);
    if (answer < 0) throw new LedgerFailure(`Expected to lock ${file.path}, found that it fails (errno ${-answer}).`);
    if (answer === 0) continue;
    file.takeRoom(slot);
    return slot;
  }
  throw new LedgerFailure(`Expected one of the ${SLOTS} places in ${file.path} to be free, found all of them taken.`);
}

/**
 * Makes the file, whose header leads to the former files that are still open somewhere. Nobody decides in those from then on, and what their
 * members hold counts until they have come here.
 */
function makeFile(directory: string, name: string, locks: NativeLocks, uid: number | undefined): void {
  const former = findFormerFiles(name, uid);
  const references = former.flatMap((each) => each.references);
  try {
    // Somebody else was faster: what stands there by now is no former file.
    const standing = identify(join(directory, FILE_NAME));
    if (former.some(({ file }) => file.identity === standing)) return;
    LedgerFile.make(directory, name, references, () => {
      for (const { file } of former) giveUp(file, locks);
    });
  } catch (error) {
    throw explainAbsence(directory, error);
  } finally {
    for (const { file } of former) file.close();
  }
}

function giveUp(file: LedgerFile, locks: NativeLocks): void {
  let tries = 1;
  while (locks.tryLock(file.descriptor, LOCK.section) !== 1 && tries < FORMER_TRIES) tries++;
  file.markMoved();
  locks.unlock(file.descriptor, LOCK.section);
}

/** Takes away a file that was given up, and that somebody has put back. Only one process does so, and none takes away a newer one. */
function removeMoved(file: LedgerFile, locks: NativeLocks): void {
  try {
    if (locks.tryLock(file.descriptor, LOCK.section) === 1 && file.stands) unlinkSync(file.path);
  } finally {
    closeFile(file.descriptor);
  }
}
