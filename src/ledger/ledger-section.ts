/**
 * The section of a ledger file: one member decides at a time. Who finds it free and nobody waiting enters at once; the others wait in a line that
 * the system keeps, on a thread of the addon. It reads no record.
 */
import type { NativeLockQueue, NativeLocks } from '../addon/addon.ts';
import { closeFile } from '../core/close-file.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { LedgerFailure } from './ledger-failure.ts';
import { HOLDER_AT, type LedgerFile, type SectionHolder, SLOTS } from './ledger-file.ts';
import { LOCK } from './ledger-members.ts';

/** A step in the section takes a fraction of a millisecond: if nobody has entered or left for so many looks, its holder is stopped. */
const STUCK_LOOKS = 8;
const LOOK_MS = 250;

/** So often others may be faster. */
const PATIENCE = 3;

/** What a queue says. */
const [WAITING, OURS, FREE] = [0, 1, 2];

/** One step that waits for the section. Each method ends its waiting. */
interface Turn {
  run(): void;
  refuse(error: unknown): void;
}

export interface SectionMember {
  readonly pid: number;
  readonly slot: number;
}

export class LedgerSection {
  readonly #file: LedgerFile;
  readonly #locks: NativeLocks;
  readonly #member: SectionMember;
  readonly #turns = new Set<Turn>();
  #queue: NativeLockQueue | undefined;
  #looking: NodeJS.Timeout | undefined;
  /** How often the section was free and somebody else was faster. */
  #misses = 0;
  #closed = false;

  constructor(file: LedgerFile, locks: NativeLocks, member: SectionMember) {
    this.#file = file;
    this.#locks = locks;
    this.#member = member;
  }

  /**
   * Runs a synchronous step alone, at once or after it has waited. Throws or rejects with what the step throws, with the signal's reason, with
   * `ERR_ADMISSION_TIMEOUT` if the section's holder makes no progress for two seconds, and with a LedgerFailure if it can't be locked.
   */
  run<T>(step: (waited: boolean) => T, signal: AbortSignal | undefined): T | Promise<T> {
    if (!this.#enter()) return this.#wait(() => step(true), signal);
    try {
      return step(false);
    } finally {
      this.#unlock(LOCK.section);
    }
  }

  /** Refuses all who wait. The file is closed next, and with it the section is free. */
  close(error: unknown): void {
    this.#refuseAll(error);
    this.#closed = true;
    this.#queue?.close();
    this.#queue = undefined;
  }

  #enter(): boolean {
    return this.#turns.size === 0 && this.#tryEnter();
  }

  #tryEnter(): boolean {
    const { descriptor, path } = this.#file;
    // Who was overtaken too often comes first.
    if (this.#locks.ask(descriptor, LOCK.waits, SLOTS) === 0) return false;
    const answer = this.#locks.tryLock(descriptor, LOCK.section);
    if (answer < 0) throw lockFailure(path, answer);
    if (answer === 1) this.#noteHolder();
    return answer === 1;
  }

  #noteHolder(): void {
    try {
      this.#file.noteHolder(this.#member.pid, Number(process.hrtime.bigint() / 1000n));
    } catch {
      // It is for a message alone.
    }
  }

  #wait<T>(step: () => T, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const end = () => {
        this.#turns.delete(turn);
        signal?.removeEventListener('abort', give);
      };
      const turn: Turn = {
        run() {
          end();
          resolve(step());
        },
        refuse(error) {
          end();
          reject(error);
        },
      };
      const give = () => {
        turn.refuse(signal?.reason);
        if (this.#turns.size === 0) this.#leave();
      };
      signal?.addEventListener('abort', give);
      this.#turns.add(turn);
      try {
        this.#join();
      } catch (error) {
        turn.refuse(error);
      }
    });
  }

  /** Stands in line from now on, for all turns of this member. */
  #join(): void {
    if (this.#looking) return;
    this.#queue ??= this.#openQueue();
    this.#looking = this.#look();
    this.#queue.join(false);
  }

  #openQueue(): NativeLockQueue {
    const { LockQueue } = this.#locks;
    // With a descriptor of its own, or what it holds would be ours at once.
    const descriptor = this.#file.openAgain();
    try {
      return new LockQueue(descriptor, LOCK.section, () => this.#take(), HOLDER_AT, this.#member.pid);
    } finally {
      closeFile(descriptor);
    }
  }

  /** The line has something to say: the section was free, it is ours, it was and we were too busy, or it can't be locked. */
  #take(): void {
    const answer = this.#queue?.take() ?? WAITING;
    try {
      if (answer < 0) throw lockFailure(this.#file.path, answer);
      if (answer === OURS) this.#runNext(() => this.#queue?.release());
      else if (answer === FREE && this.#tryEnter()) this.#runNext(() => this.#unlock(LOCK.section));
      else if (answer === FREE) this.#waitAgain();
    } catch (error) {
      this.#refuseAll(error);
    }
  }

  #runNext(leave: () => void): void {
    const [turn] = this.#turns;
    this.#misses = 0;
    this.#unlock(LOCK.waits + this.#member.slot);
    try {
      turn?.run();
    } catch (error) {
      turn?.refuse(error);
    } finally {
      leave();
    }
    if (this.#turns.size > 0) this.#queue?.join(false);
    else this.#leave();
  }

  /** Waking up takes longer than a section, so a section is not kept for whoever does. Who is overtaken again and again gets it kept. */
  #waitAgain(): void {
    this.#misses += 1;
    const holds = this.#misses >= PATIENCE;
    if (holds) this.#standInLine();
    this.#queue?.join(holds);
  }

  /** From now on nobody enters at once. */
  #standInLine(): void {
    this.#locks.tryLock(this.#file.descriptor, LOCK.waits + this.#member.slot);
  }

  #leave(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
    this.#queue?.leave();
    this.#unlock(LOCK.waits + this.#member.slot);
  }

  #unlock(number: number): void {
    if (!this.#closed) this.#locks.unlock(this.#file.descriptor, number);
  }

  #refuseAll(error: unknown): void {
    for (const turn of [...this.#turns]) turn.refuse(error);
    this.#leave();
  }

  /** Looks whether the section's holder changes. It keeps the process alive, as those who wait must. */
  #look(): NodeJS.Timeout {
    let last: SectionHolder | undefined;
    let same = 0;
    return setInterval(() => {
      try {
        // Those who enter at once may be faster than a thread wakes up: then it misses nothing, and waits.
        this.#standInLine();
        this.#file.readIndex();
        const { holder } = this.#file;
        same = holder.pid === last?.pid && holder.sinceUs === last.sinceUs ? same + 1 : 0;
        last = holder;
        if (same >= STUCK_LOOKS) this.#refuseAll(this.#stuckError(holder));
      } catch (error) {
        this.#refuseAll(error);
      }
    }, LOOK_MS);
  }

  #stuckError({ pid }: SectionHolder): MemoryGuardError {
    const seconds = (STUCK_LOOKS * LOOK_MS) / 1000;
    return new MemoryGuardError(
      'ERR_ADMISSION_TIMEOUT',
      `Expected the ledger ${this.#file.path} to be free within ${seconds} s, found it locked, last by process ${pid}, which may be stopped: continue or end it.`,
    );
  }
}

function lockFailure(path: string, answer: number): LedgerFailure {
  return new LedgerFailure(`Expected to lock ${path}, found that it fails (errno ${-answer}).`);
}
