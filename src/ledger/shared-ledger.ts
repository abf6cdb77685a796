/**
 * The ledger that the processes of one user share: a directory with one locked file for each of them, and one lock under
 * which they decide. docs/ledger.md has the protocol. It judges nothing and reads no memory but its peers' growth.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { NativeLocks } from '../addon/addon.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { openDirectory } from './ledger-directory.ts';
import { formatRecord, type Holdings, type LedgerEntry, type LedgerRecord, parseRecord } from './ledger-record.ts';
import type { Peer } from './peer-headroom.ts';

/** A step under the lock takes a fraction of a millisecond; a process that was stopped in one is not waited for any longer. */
const MOST_WAIT_MS = 2000;
/** So many tries come first, each after a turn of the event loop, before timers are worth it. */
const QUICK_TRIES = 20;
/** A record is written in microseconds, so one that is cut twice in a row is damaged. */
const READ_TRIES = 3;

/** What this process is, as far as the others care. */
export interface Self {
  /** `undefined` on Windows, whose users have none. */
  readonly uid: number | undefined;
  readonly pid: number;
  readonly pidNamespace: string;
  /** RssAnon + VmSwap; absent where the system doesn't tell. */
  readonly anonymousBytes: () => number | undefined;
}

interface Written {
  readonly scopes: readonly string[];
  readonly holdings: Holdings;
}

interface Open {
  readonly sectionFile: number;
  readonly memberFile: number;
  readonly memberName: string;
}

interface Known {
  readonly text: string;
  readonly record: LedgerRecord;
}

export class SharedLedger {
  readonly directory: string;
  readonly #locks: NativeLocks;
  readonly #self: Self;
  readonly #told: (error: unknown) => void;
  readonly #known = new Map<string, Known>();
  #open: Open | undefined;
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #written: Written | undefined;

  /** `told` hears of everything that lets the ledger see less than it should; nothing of it stops a load. */
  constructor(directory: string, locks: NativeLocks, self: Self, told: (error: unknown) => void) {
    this.directory = directory;
    this.#locks = locks;
    this.#self = self;
    this.#told = told;
  }

  /**
   * Runs one synchronous step while no other process decides. Without the directory it runs all the same: what is held
   * here still counts. Rejects with `ERR_ADMISSION_TIMEOUT` where the lock is not free after two seconds, and with the
   * signal's reason.
   */
  async inSection<T>(step: () => T, signal?: AbortSignal): Promise<T> {
    const untilMs = performance.now() + MOST_WAIT_MS;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const sectionFile = this.#sectionFile();
      if (sectionFile === undefined) return step();
      const answer = this.#locks.tryLock(sectionFile);
      // Between the lock and its end there must be no `await`: the lock doesn't keep out this thread.
      if (answer === 1) return this.#inLock(sectionFile, step);
      if (answer < 0) {
        this.#told(new Error(`${join(this.directory, 'lock')} could not be locked (errno ${-answer}).`));
        return step();
      }
      if (performance.now() > untilMs) throw this.#stuck(sectionFile);
      await (attempt < QUICK_TRIES ? nextTurn() : sleep(1));
    }
  }

  /** Every other process that is alive, as it last told. Without the lock a record that is being written is read again. */
  peers(): readonly Peer[] {
    return this.#records(false).map((record) => this.#peerOf(record));
  }

  /** What all processes hold, ours first. */
  entries(): readonly LedgerEntry[] {
    return [...(this.#written?.holdings.entries ?? []), ...this.#records(false).flatMap(({ entries }) => entries)];
  }

  /** Tells the others what we hold. Before the first step under the lock nothing is told. */
  publish(scopes: readonly string[], holdings: Holdings): void {
    const entries = holdings.entries.map((entry) => ({ ...entry, atMs: performance.timeOrigin + entry.atMs }));
    this.#written = { scopes, holdings: { ...holdings, entries } };
    if (this.#open) this.#write(this.#open.memberFile, this.#written);
  }

  /** Takes our file away. What we held is forgotten by the others. */
  close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    quietly(() => unlinkSync(join(this.directory, open.memberName)));
    closeSync(open.memberFile);
    closeSync(open.sectionFile);
  }

  #inLock<T>(sectionFile: number, step: () => T): T {
    try {
      quietly(() => writeSync(sectionFile, `${this.#self.pid}\n`.padEnd(12), 0, 'latin1'));
      this.#records(true);
      return step();
    } finally {
      this.#locks.unlock(sectionFile);
    }
  }

  /** The file whose lock is the section's. A directory that was deleted is made anew, with our record in it. */
  #sectionFile(): number | undefined {
    try {
      const open = this.#open;
      if (open && fstatSync(open.sectionFile).nlink > 0 && fstatSync(open.memberFile).nlink > 0)
        return open.sectionFile;
      this.close();
      this.#open = this.#openFiles();
      if (this.#written) this.#write(this.#open.memberFile, this.#written);
      return this.#open.sectionFile;
    } catch (error) {
      this.#told(error);
      return undefined;
    }
  }

  #openFiles(): Open {
    openDirectory(this.directory, this.#self.uid);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    const memberName = `${this.#self.pid}-${randomBytes(6).toString('hex')}`;
    const sectionFile = openSync(join(this.directory, 'lock'), flags, 0o600);
    let memberFile: number | undefined;
    try {
      memberFile = openSync(join(this.directory, memberName), flags | constants.O_EXCL, 0o600);
      const answer = this.#locks.tryLock(memberFile);
      if (answer !== 1) throw new Error(`${join(this.directory, memberName)} could not be locked (${answer}).`);
      return { sectionFile, memberFile, memberName };
    } catch (error) {
      if (memberFile !== undefined) closeSync(memberFile);
      closeSync(sectionFile);
      throw error;
    }
  }

  #write(file: number, { scopes, holdings }: Written): void {
    const { pid, pidNamespace, anonymousBytes } = this.#self;
    try {
      // Only a load under way is followed from outside.
      const nowBytes = holdings.loadingAnonymousBytes > 0 ? anonymousBytes() : undefined;
      const record = { pid, pidNamespace, scopes, ...(nowBytes !== undefined && { anonymousBytes: nowBytes }) };
      // Not cut afterwards: what an older, longer record leaves behind the line's end is not read.
      writeSync(file, formatRecord({ ...record, ...holdings }), 0, 'utf8');
    } catch (error) {
      this.#told(error);
    }
  }

  /** `inLock`: files that nobody holds any more are taken away. Only then is it sure that none is about to be locked. */
  #records(inLock: boolean): LedgerRecord[] {
    // In the lock they are open; before it, a reading may be the first thing that is asked of this ledger.
    const own = inLock || this.#sectionFile() !== undefined ? this.#open : undefined;
    if (!own) return [];
    let names: string[];
    try {
      names = readdirSync(this.directory);
    } catch (error) {
      this.#told(error);
      return [];
    }
    const records: LedgerRecord[] = [];
    for (const name of names) {
      if (name === 'lock' || name === own.memberName) continue;
      const record = this.#recordOf(name, inLock);
      if (record) records.push(record);
    }
    for (const name of this.#known.keys()) if (!names.includes(name)) this.#known.delete(name);
    return records;
  }

  #recordOf(name: string, inLock: boolean): LedgerRecord | undefined {
    const path = join(this.directory, name);
    let file: number | undefined;
    try {
      file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
      if (this.#locks.ask(file) === 1) {
        this.#known.delete(name);
        if (inLock && /^\d+-[0-9a-f]{12}$/.test(name) && this.#old(file)) unlinkSync(path);
        return undefined;
      }
      return this.#read(file, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#told(error);
      return undefined;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  /** A process that starts makes its file before it locks it; so young a file may be such a one. */
  #old(file: number): boolean {
    return Math.abs(Date.now() - fstatSync(file).ctimeMs) > 1000;
  }

  #read(file: number, name: string): LedgerRecord | undefined {
    const known = this.#known.get(name);
    for (let attempt = 1; attempt <= READ_TRIES; attempt++) {
      const text = this.#textOf(file);
      if (text === known?.text) return known?.record;
      const record = parseRecord(text);
      if (!record) continue;
      this.#known.set(name, { text, record });
      return record;
    }
    if (fstatSync(file).size > 0) this.#told(new Error(`${join(this.directory, name)} can't be understood.`));
    return known?.record;
  }

  #textOf(file: number): string {
    for (;;) {
      const length = readSync(file, this.#buffer, 0, this.#buffer.length, 0);
      if (length < this.#buffer.length) return this.#buffer.toString('utf8', 0, length);
      this.#buffer = Buffer.allocUnsafe(this.#buffer.length * 4);
    }
  }

  /** What a running load has taken since its process wrote is taken off here: while it blocks, its process can't tell. */
  #peerOf(record: LedgerRecord): Peer {
    const { pid, pidNamespace, anonymousBytes: thenBytes, loadingAnonymousBytes } = record;
    const sameNamespace = pidNamespace === this.#self.pidNamespace;
    const nowBytes =
      loadingAnonymousBytes > 0 && sameNamespace && thenBytes !== undefined ? anonymousOf(pid) : undefined;
    const takenBytes =
      nowBytes === undefined ? 0 : Math.max(0, Math.min(loadingAnonymousBytes, nowBytes - (thenBytes as number)));
    return {
      ownProcess: sameNamespace && pid === this.#self.pid,
      scopes: record.scopes,
      files: record.files,
      promisedMappedBytes: record.promisedMappedBytes,
      promisedAnonymousBytes: Math.max(0, record.promisedAnonymousBytes - takenBytes),
      loadingAnonymousBytes: loadingAnonymousBytes - takenBytes,
      waiting: record.waiting,
    };
  }

  #stuck(sectionFile: number): MemoryGuardError {
    const length = readSync(sectionFile, this.#buffer, 0, 12, 0);
    const holder = Number.parseInt(this.#buffer.toString('latin1', 0, length), 10);
    const who = Number.isNaN(holder) ? 'another process' : `process ${holder}`;
    return new MemoryGuardError(
      'ERR_ADMISSION_TIMEOUT',
      `Expected the ledger in ${this.directory} to be free within ${MOST_WAIT_MS / 1000} s, found it locked by ${who}, which may be stopped: continue or end it.`,
    );
  }
}

/** `pid:[4026531836]`; the system's name where there are no namespaces, and nothing that equals another's where it can't be read. */
export function pidNamespace(platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'linux') return platform;
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return `unknown ${randomBytes(8).toString('hex')}`;
  }
}

/** RssAnon + VmSwap of another process; `undefined` where it can't be read. */
function anonymousOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    const [anonymous, swap] = [/^RssAnon:\s+(\d+)/m.exec(text), /^VmSwap:\s+(\d+)/m.exec(text)];
    return anonymous && swap ? (Number(anonymous[1]) + Number(swap[1])) * 1024 : undefined;
  } catch {
    return undefined;
  }
}

function quietly(act: () => unknown): void {
  try {
    act();
  } catch {
    // What it would have told is a convenience.
  }
}
