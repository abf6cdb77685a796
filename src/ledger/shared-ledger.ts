/**
 * The ledger that the processes of one user share: a directory with one locked file for each of them, and one lock under
 * which they decide. docs/ledger.md has the protocol. It judges nothing and reads no memory but its peers' growth.
 */
import { constants, fstatSync, openSync, readdirSync, readlinkSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { NativeLocks } from '../addon/addon.ts';
import { closeFile } from '../core/close-file.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { ensureLedgerDirectory } from './ledger-directory.ts';
import { formatRecord, type Holdings, type LedgerEntry, type LedgerRecord, parseRecord } from './ledger-record.ts';
import type { Peer } from './peer-headroom.ts';

/** A step under the lock takes a fraction of a millisecond; a process that was stopped in one is not waited for any longer. */
const LONGEST_WAIT_MS = 2000;
/** So many tries come first, each after a turn of the event loop, before timers are worth it. */
const QUICK_TRIES = 20;
/** A record is written in microseconds, so one that is cut twice in a row is damaged. */
const READ_TRIES = 3;

/** Reads what processes have taken, as RssAnon + VmSwap in bytes. `undefined`: the system doesn't tell. */
export interface AnonymousMemory {
  readonly readOwnBytes: () => number | undefined;
  readonly readPeerBytes: (pid: number) => number | undefined;
}

/** What this process is, as far as the others care. */
export interface OwnProcess {
  /** `undefined` on Windows, whose users have no number. */
  readonly uid: number | undefined;
  readonly pid: number;
  readonly pidNamespace: string;
  readonly memory: AnonymousMemory;
}

interface PublishedHoldings {
  readonly scopes: readonly string[];
  readonly holdings: Holdings;
}

interface OpenFiles {
  readonly sectionFile: number;
  readonly memberFile: number;
  readonly memberName: string;
}

interface KnownRecord {
  readonly text: string;
  readonly record: LedgerRecord;
}

export class SharedLedger {
  readonly directory: string;
  readonly #locks: NativeLocks;
  readonly #own: OwnProcess;
  readonly #onProblem: (error: unknown) => void;
  readonly #known = new Map<string, KnownRecord>();
  #open: OpenFiles | undefined;
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #written: PublishedHoldings | undefined;
  #closed = false;

  /** `onProblem` hears of everything that lets the ledger see less than it should; nothing of it stops a load. */
  constructor(directory: string, locks: NativeLocks, own: OwnProcess, onProblem: (error: unknown) => void) {
    this.directory = directory;
    this.#locks = locks;
    this.#own = own;
    this.#onProblem = onProblem;
  }

  /**
   * Runs one synchronous step while no other process decides. Without the directory it runs all the same: what is held
   * here still counts. Rejects with `ERR_ADMISSION_TIMEOUT` if the lock is not free after two seconds, and with the
   * signal's reason.
   */
  async inSection<T>(step: () => T, signal?: AbortSignal): Promise<T> {
    const untilMs = performance.now() + LONGEST_WAIT_MS;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const sectionFile = this.#findSectionFile();
      if (sectionFile === undefined) return step();
      const answer = this.#locks.tryLock(sectionFile);
      // Between the lock and its end there must be no `await`: the lock doesn't keep out this thread.
      if (answer === 1) return this.#inLock(sectionFile, step);
      if (answer < 0) {
        this.#onProblem(new Error(`${join(this.directory, 'lock')} could not be locked (errno ${-answer}).`));
        return step();
      }
      if (performance.now() > untilMs) throw this.#stuckError(sectionFile);
      await (attempt < QUICK_TRIES ? nextTurn() : sleep(1));
    }
  }

  /** Reads every other process that is alive, as it last told. Without the lock a record that is being written is read again. */
  peers(): readonly Peer[] {
    return this.#readRecords(false).map((record) => this.#toPeer(record));
  }

  /** Lists what all processes hold, ours first. */
  entries(): readonly LedgerEntry[] {
    return [...(this.#written?.holdings.entries ?? []), ...this.#readRecords(false).flatMap(({ entries }) => entries)];
  }

  /** Tells the others what we hold. Before the first step under the lock nothing is told. */
  publish(scopes: readonly string[], holdings: Holdings): void {
    this.#written = { scopes, holdings };
    if (this.#open) this.#write(this.#open.memberFile, this.#written);
  }

  /** Takes our file away for good. What we held is forgotten by the others. */
  close(): void {
    this.#closed = true;
    this.#closeFiles();
  }

  #closeFiles(): void {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    ignoreErrors(() => unlinkSync(join(this.directory, open.memberName)));
    closeFile(open.memberFile);
    closeFile(open.sectionFile);
  }

  #inLock<T>(sectionFile: number, step: () => T): T {
    try {
      ignoreErrors(() => writeSync(sectionFile, `${this.#own.pid}\n`.padEnd(12), 0, 'latin1'));
      this.#readRecords(true);
      return step();
    } finally {
      this.#locks.unlock(sectionFile);
    }
  }

  /** Finds the file whose lock is the section's. A directory that was deleted is made anew, with our record in it. */
  #findSectionFile(): number | undefined {
    if (this.#closed) return undefined;
    try {
      const open = this.#open;
      if (open && fstatSync(open.sectionFile).nlink > 0 && fstatSync(open.memberFile).nlink > 0)
        return open.sectionFile;
      this.#closeFiles();
      this.#open = this.#openFiles();
      if (this.#written) this.#write(this.#open.memberFile, this.#written);
      return this.#open.sectionFile;
    } catch (error) {
      this.#onProblem(error);
      return undefined;
    }
  }

  #openFiles(): OpenFiles {
    ensureLedgerDirectory(this.directory, this.#own.uid);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    const memberName = `${this.#own.pid}-${crypto.randomUUID().slice(-12)}`;
    const sectionFile = openSync(join(this.directory, 'lock'), flags, 0o600);
    let memberFile: number | undefined;
    try {
      memberFile = openSync(join(this.directory, memberName), flags | constants.O_EXCL, 0o600);
      const answer = this.#locks.tryLock(memberFile);
      if (answer !== 1) throw new Error(`${join(this.directory, memberName)} could not be locked (${answer}).`);
      return { sectionFile, memberFile, memberName };
    } catch (error) {
      closeFile(memberFile);
      closeFile(sectionFile);
      throw error;
    }
  }

  #write(file: number, { scopes, holdings }: PublishedHoldings): void {
    const { pid, pidNamespace, memory } = this.#own;
    try {
      // Only a load under way is followed from outside.
      const nowBytes = holdings.loadingAnonymousBytes > 0 ? memory.readOwnBytes() : undefined;
      const record = { pid, pidNamespace, scopes, ...(nowBytes !== undefined && { anonymousBytes: nowBytes }) };
      // Not cut afterwards: what an older, longer record leaves behind the line's end is not read.
      writeSync(file, formatRecord({ ...record, ...holdings }), 0, 'utf8');
    } catch (error) {
      this.#onProblem(error);
    }
  }

  /** `inLock`: files that nobody holds any more are taken away. Only then is it sure that none is about to be locked. */
  #readRecords(inLock: boolean): LedgerRecord[] {
    // In the lock they are open; before it, a reading may be the first thing that is asked of this ledger.
    const own = inLock || this.#findSectionFile() !== undefined ? this.#open : undefined;
    if (!own) return [];
    let names: string[];
    try {
      names = readdirSync(this.directory);
    } catch (error) {
      this.#onProblem(error);
      return [...this.#known.values()].map(({ record }) => record);
    }
    const records: LedgerRecord[] = [];
    for (const name of names) {
      if (name === 'lock' || name === own.memberName) continue;
      const record = this.#readRecord(name, inLock);
      if (record) records.push(record);
    }
    for (const name of this.#known.keys()) if (!names.includes(name)) this.#known.delete(name);
    return records;
  }

  #readRecord(name: string, inLock: boolean): LedgerRecord | undefined {
    const path = join(this.directory, name);
    let file: number | undefined;
    try {
      file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
      if (this.#locks.ask(file) === 1) {
        this.#known.delete(name);
        if (inLock && /^\d+-[0-9a-f]{12}$/.test(name) && this.#isOld(file)) unlinkSync(path);
        return undefined;
      }
      return this.#parseFile(file, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      this.#onProblem(error);
      return this.#known.get(name)?.record; // what it said last counts on
    } finally {
      closeFile(file);
    }
  }

  /** A process that starts makes its file before it locks it; so young a file may be such a one. */
  #isOld(file: number): boolean {
    return Math.abs(Date.now() - fstatSync(file).ctimeMs) > 1000;
  }

  #parseFile(file: number, name: string): LedgerRecord | undefined {
    const known = this.#known.get(name);
    for (let attempt = 1; attempt <= READ_TRIES; attempt++) {
      const text = this.#readText(file);
      if (text === known?.text) return known?.record;
      const record = parseRecord(text);
      if (!record) continue;
      this.#known.set(name, { text, record });
      return record;
    }
    if (fstatSync(file).size > 0) this.#onProblem(new Error(`${join(this.directory, name)} can't be understood.`));
    return known?.record;
  }

  #readText(file: number): string {
    for (;;) {
      const length = readSync(file, this.#buffer, 0, this.#buffer.length, 0);
      if (length < this.#buffer.length) return this.#buffer.toString('utf8', 0, length);
      this.#buffer = Buffer.allocUnsafe(this.#buffer.length * 4);
    }
  }

  /** What a running load has taken since its process wrote is taken off here: while it blocks, its process can't tell. */
  #toPeer(record: LedgerRecord): Peer {
    const { pid, pidNamespace, anonymousBytes: thenBytes, loadingAnonymousBytes } = record;
    const sameNamespace = pidNamespace === this.#own.pidNamespace;
    const nowBytes =
      loadingAnonymousBytes > 0 && sameNamespace && thenBytes !== undefined
        ? this.#own.memory.readPeerBytes(pid)
        : undefined;
    const takenBytes = nowBytes === undefined ? 0 : Math.max(0, Math.min(loadingAnonymousBytes, nowBytes - thenBytes!));
    return {
      ownProcess: sameNamespace && pid === this.#own.pid,
      scopes: record.scopes,
      files: record.files,
      promisedMappedBytes: record.promisedMappedBytes,
      promisedAnonymousBytes: Math.max(0, record.promisedAnonymousBytes - takenBytes),
      loadingAnonymousBytes: loadingAnonymousBytes - takenBytes,
      waiting: record.waiting,
      waitingCount: record.waitingCount ?? record.waiting.length,
    };
  }

  #stuckError(sectionFile: number): MemoryGuardError {
    const length = readSync(sectionFile, this.#buffer, 0, 12, 0);
    const holder = Number.parseInt(this.#buffer.toString('latin1', 0, length), 10);
    const who = Number.isNaN(holder) ? 'another process' : `process ${holder}`;
    return new MemoryGuardError(
      'ERR_ADMISSION_TIMEOUT',
      `Expected the ledger in ${this.directory} to be free within ${LONGEST_WAIT_MS / 1000} s, found it locked by ${who}, which may be stopped: continue or end it.`,
    );
  }
}

/**
 * Reads the name of our process namespace, `pid:[4026531836]`. A system without namespaces gives its own name, and one that
 * can't be read something that equals no other.
 */
export function readPidNamespace(platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'linux') return platform;
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return `unknown ${crypto.randomUUID()}`;
  }
}

function ignoreErrors(act: () => unknown): void {
  try {
    act();
  } catch {
    // What it would have left behind is a convenience.
  }
}
