/**
 * The ledger that the processes of one user share: one file with a slot for each of them, and one lock under which they decide. docs/ledger.md
 * has the protocol. It judges nothing and reads no memory.
 */
import { readlinkSync } from 'node:fs';
import type { NativeLocks } from '../addon/addon.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { isDying } from './is-dying.ts';
import type { MeetingPoint } from './ledger-directory.ts';
import { LedgerFailure, LedgerMoved, ledgerError, NoLedgerHere, type OnLedgerFailure } from './ledger-failure.ts';
import type { Member, ReadMembers } from './ledger-members.ts';
import type { Holdings, LedgerEntry, LedgerRecord } from './ledger-record.ts';
import { Membership, type MeterPlace, type OwnProcess } from './membership.ts';
import type { Peer } from './peer-headroom.ts';

export interface SharedLedgerParts {
  readonly meeting: MeetingPoint;
  readonly locks: NativeLocks;
  readonly own: OwnProcess;
  /** Hears of everything that lets the ledger see less than it should. */
  readonly onProblem: (error: unknown) => void;
  /** Called when what is held here has changed. */
  readonly onPublished: () => void;
}

interface Step<J, T> {
  readonly judge: () => J;
  readonly commit: (judged: J) => T;
  readonly onFailure: OnLedgerFailure;
}

/** Where others make files and give them up at the same moment, it is over after this many. */
const MOST_MOVES = 20;

function movesForEver(): LedgerFailure {
  return new LedgerFailure(
    `Expected the members to meet in one place, found that it was another one ${MOST_MOVES} times.`,
  );
}

/** What a step gave or threw, told apart from what the ledger throws. */
type Outcome<T> = { readonly value: T } | { readonly error: unknown };

export class SharedLedger {
  readonly #parts: SharedLedgerParts;
  #membership: Membership | undefined;
  /** The others, as they were when they could be read last. */
  #members: readonly Member[] = [];
  #published: { readonly scopes: readonly string[]; readonly holdings: Holdings } | undefined;
  /** Whether the others know what was published last. */
  #told = true;
  #worked = false;
  #judging = false;
  #closed = false;

  constructor(parts: SharedLedgerParts) {
    this.#parts = parts;
  }

  /** Where the members meet, or would. */
  get directory(): string {
    return this.#membership?.directory ?? this.#parts.meeting.places[0]!.directory;
  }

  /**
   * Judges and commits what was judged while no other process commits anything in between. `judge` runs before the section is entered, and once more
   * in it if any process has told something new meanwhile: so most sections are as short as a commit. Both are synchronous. If there is a ledger and
   * it can't be used, `onFailure` says whether they run all the same; where none can exist they do.
   *
   * Rejects with `ERR_LEDGER`, with `ERR_ADMISSION_TIMEOUT` if whoever holds the lock makes no progress, and with the signal's reason.
   */
  async inSection<J, T>(
    judge: () => J,
    commit: (judged: J) => T,
    signal?: AbortSignal,
    onFailure: OnLedgerFailure = 'refuse',
  ): Promise<T> {
    const step: Step<J, T> = { judge, commit, onFailure };
    for (let moves = 0; ; moves++) {
      signal?.throwIfAborted();
      const outcome = moves < MOST_MOVES ? await this.#enter(step, signal) : this.#decideWithout(step, movesForEver());
      if (outcome && 'error' in outcome) throw outcome.error;
      if (outcome) return outcome.value;
    }
  }

  /** Reads every other process that is alive, as it last told. */
  peers(): readonly Peer[] {
    if (!this.#judging) this.#look();
    return this.#members.map((member) => this.#toPeer(member));
  }

  /** Lists what all processes hold, ours first. */
  entries(): readonly LedgerEntry[] {
    this.#look();
    const records = this.#members.map(({ record }) => record).filter((record) => !this.#isLeaving(record));
    return [...(this.#published?.holdings.entries ?? []), ...records.flatMap(({ entries }) => entries)];
  }

  /**
   * Tells the others what we hold. Before the first step in the section nothing is told.
   *
   * @throws MemoryGuardError `ERR_LEDGER` if the others can't know it.
   */
  publish(scopes: readonly string[], holdings: Holdings): void {
    this.#published = { scopes, holdings };
    this.#told = false;
    try {
      if (this.#membership) this.#write(this.#membership);
    } catch (error) {
      throw this.#tell(error);
    } finally {
      this.#parts.onPublished();
    }
  }

  /** Where a meter may write what a running load takes. `undefined`: nobody would read it. */
  get meterPlace(): MeterPlace | undefined {
    return this.#membership?.meterPlace;
  }

  /** Gives our slot back for good. What we held is forgotten by the others. */
  close(): void {
    this.#closed = true;
    this.#leave();
  }

  /** `undefined`: the members meet elsewhere by now. */
  async #enter<J, T>(step: Step<J, T>, signal: AbortSignal | undefined): Promise<Outcome<T> | undefined> {
    try {
      const membership = this.#join();
      if (!membership) return this.#commit(step, this.#judge(step));
      if (!this.#take(membership.read())) return undefined;
      const judged = this.#judge(step);
      const inSection = (waited: boolean) => this.#decide(membership, step, waited ? undefined : judged);
      return await membership.section.run(inSection, signal);
    } catch (error) {
      if (error instanceof LedgerMoved) return undefined;
      if (signal?.aborted || error instanceof MemoryGuardError) throw error;
      return this.#decideWithout(step, error);
    }
  }

  /** In the section. `undefined`: the members meet elsewhere by now. */
  #decide<J, T>(membership: Membership, step: Step<J, T>, judged: Outcome<J> | undefined): Outcome<T> | undefined {
    let last = judged;
    try {
      if (!last || !membership.isUnchanged()) {
        if (!this.#take(membership.readInSection())) return undefined;
        last = undefined;
      }
      if (!this.#told) this.#write(membership);
    } catch (error) {
      return this.#decideWithout(step, error);
    }
    return this.#commit(step, last ?? this.#judge(step));
  }

  /** The last known holdings of the others count on. */
  #decideWithout<J, T>(step: Step<J, T>, cause: unknown): Outcome<T> {
    const error = this.#tell(cause);
    if (step.onFailure === 'refuse') throw error;
    return this.#commit(step, this.#judge(step));
  }

  #judge<J, T>({ judge }: Step<J, T>): Outcome<J> {
    this.#judging = true;
    try {
      return { value: judge() };
    } catch (error) {
      return { error };
    } finally {
      this.#judging = false;
    }
  }

  #commit<J, T>({ commit }: Step<J, T>, judged: Outcome<J>): Outcome<T> {
    if ('error' in judged) return judged;
    try {
      return { value: commit(judged.value) };
    } catch (error) {
      return { error };
    }
  }

  /** False: the members meet elsewhere by now, and we went there. */
  #take(read: ReadMembers | undefined): boolean {
    if (!read) {
      this.#move();
      return false;
    }
    this.#members = read.members;
    if (read.unread) throw read.unread;
    return true;
  }

  /** `undefined`: there can be no ledger here, so that nobody else has one either. */
  #join(): Membership | undefined {
    if (this.#closed || this.#membership) return this.#membership;
    const { meeting, locks, own } = this.#parts;
    try {
      const membership = Membership.join(meeting, locks, own);
      this.#membership = membership;
      this.#worked = true;
      if (this.#published) this.#write(membership);
      return membership;
    } catch (error) {
      if (!(error instanceof NoLedgerHere) || this.#worked) throw error;
      this.#parts.onProblem(error);
      return undefined; // told, and no load is refused for it
    }
  }

  /** Goes on where the others are by now, with what we hold. The place here is given up only once there is one there. */
  #move(): void {
    const former = this.#membership;
    this.#membership = undefined;
    try {
      this.#join();
      former?.close(new LedgerMoved());
    } catch (error) {
      this.#membership = former;
      throw error;
    }
  }

  #look(): void {
    try {
      const membership = this.#join();
      // Where the others are by now, they are looked at again.
      if (membership && !this.#take(membership.read())) this.#take(this.#membership?.read());
    } catch (error) {
      this.#tell(error);
    }
  }

  /** A member that was killed keeps its lock until its memory is back, but it takes nothing more. Decisions count it until then: asking costs more than all the rest. */
  #isLeaving({ pid, pidNamespace }: LedgerRecord): boolean {
    return pidNamespace === this.#parts.own.pidNamespace && isDying(pid);
  }

  #tell(cause: unknown): MemoryGuardError {
    const error = ledgerError(this.directory, cause);
    this.#parts.onProblem(error);
    return error;
  }

  #write(membership: Membership): void {
    const { pid, pidNamespace } = this.#parts.own;
    const { scopes, holdings } = this.#published!;
    membership.write({ pid, pidNamespace, scopes, ...holdings });
    this.#told = true;
  }

  #leave(): void {
    const membership = this.#membership;
    this.#membership = undefined;
    membership?.close(new LedgerFailure('The guard was closed.'));
  }

  #toPeer({ record, meteredBytes }: Member): Peer {
    const { own } = this.#parts;
    const takenBytes = Math.min(record.loadingAnonymousBytes, meteredBytes);
    return {
      ownProcess: record.pidNamespace === own.pidNamespace && record.pid === own.pid,
      scopes: record.scopes,
      files: record.files,
      promisedMappedBytes: record.promisedMappedBytes,
      promisedAnonymousBytes: Math.max(0, record.promisedAnonymousBytes - takenBytes),
      loadingAnonymousBytes: record.loadingAnonymousBytes - takenBytes,
      waiting: record.waiting,
      waitingCount: record.waitingCount ?? record.waiting.length,
    };
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
