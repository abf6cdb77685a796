/** Asks the gate for one load and lets it wait if it may. It loads nothing, and what it decides is told elsewhere. */
import { setImmediate } from 'node:timers/promises';
import type {
  AdmissionGate,
  DecideOptions,
  GateOutcome,
  InSection,
  ReservedCandidate,
} from '../admission/admission-gate.ts';
import { AdmissionTimeoutError } from '../admission/admission-timeout-error.ts';
import { InsufficientMemoryError } from '../admission/insufficient-memory-error.ts';
import type { Clock } from '../core/clock.ts';
import { MemoryGuardError } from '../core/errors.ts';
import type { MemoryReader } from '../core/memory-reader.ts';
import { DEFAULT_QUANTIZATION } from '../core/quantizations.ts';
import type { Quantization } from '../core/types.ts';
import type { WaitTicket } from '../ledger/ledger.ts';
import type { LoadedModels } from '../models/loaded-models.ts';
import { type AdmissionRequest, canBeFreed, type Decision, nearestCandidate } from '../policy/decision.ts';
import { comparedTotalBytes, recommendQuantization } from '../policy/recommend-quantization.ts';
import { type ExplainedDecision, explainRefusal } from './explain-refusal.ts';
import { listVictims } from './list-victims.ts';
import type { LoadPlace } from './load-queue.ts';
import type { LoadSettings } from './load-settings.ts';
import type { PreparedLoad } from './prepare-load.ts';
import type { DecisionTeller } from './tell-decision.ts';
import { type Waiter, WaitingLine, waitedMs } from './waiting-line.ts';

export interface LoadAdmissionParts {
  readonly settings: LoadSettings;
  readonly reader: MemoryReader;
  readonly gate: AdmissionGate;
  readonly inSection: InSection;
  /** Resolves once the load may be decided on, `first` before all others that wait for that. */
  readonly enter: (signal: AbortSignal, first: boolean) => Promise<LoadPlace>;
  readonly models: LoadedModels;
  readonly clock: Clock;
  readonly teller: DecisionTeller;
}

/** What was reserved for a load, and the sentence that let it in. */
export interface AdmittedLoad extends ReservedCandidate {
  readonly reason: string;
}

interface ReservedLook {
  readonly kind: 'reserved';
  readonly decision: Decision;
  readonly reserved: ReservedCandidate;
}

/** What one look at the machine says of a load. */
type Look =
  | ReservedLook
  | { readonly kind: 'refused'; readonly decision: Decision }
  | { readonly kind: 'unread'; readonly error: MemoryGuardError };

/** What a load waits for before it looks again. It gives its turn back meanwhile. */
type Pause = 'memory' | 'end';

export class LoadAdmission {
  readonly #parts: LoadAdmissionParts;
  readonly #line: WaitingLine;

  constructor(parts: LoadAdmissionParts) {
    this.#parts = parts;
    this.#line = new WaitingLine(parts);
  }

  /** Memory may have returned: the load that waits first looks again. */
  wake(): void {
    this.#line.wake();
  }

  /** Refuses every load that is not in yet. */
  close(reason: unknown): void {
    this.#line.close(reason);
  }

  /** How many loads wait for memory. */
  get waitingCount(): number {
    return this.#line.count;
  }

  /** Every candidate with its verdict as things stand now. Nothing is reserved or told. */
  plan(load: PreparedLoad): Decision {
    const { gate } = this.#parts;
    const decide = () => gate.judge(this.#listCandidates(load), { reserve: 'nothing' }).decision;
    const decision = decide();
    return this.#explain(gate.collectFor(decision) ? decide() : decision, load).decision;
  }

  /**
   * Runs `run` in the load's turn, with what was reserved for it. A load that waits, for memory or for a model to end, gives its turn
   * back until it looks again. It refuses by throwing. Whatever happens, the load leaves the line.
   */
  async through<T>(load: PreparedLoad, run: (admitted: AdmittedLoad) => Promise<T>): Promise<T> {
    const { enter, models } = this.#parts;
    const waiter = this.#line.enter(load);
    const { signal } = waiter.deadline;
    try {
      for (let pause: Pause | undefined; ; ) {
        const place = await enter(signal, pause === 'end');
        try {
          const next = await this.#admit(load, waiter);
          if (typeof next === 'object') {
            this.#line.leave(waiter);
            return await place.run(() => run(next));
          }
          pause = next;
        } finally {
          place.leave();
        }
        await (pause === 'end' ? models.waitForEnd(signal) : this.#line.sleep(waiter));
      }
    } finally {
      this.#line.leave(waiter);
    }
  }

  /** Gives what was reserved, or what the load is to wait for. Refuses by throwing. */
  async #admit(load: PreparedLoad, waiter: Waiter): Promise<AdmittedLoad | Pause> {
    const { signal } = waiter.deadline;
    signal.throwIfAborted();
    const look = await this.#look(load, waiter);
    if (look.kind === 'reserved') return this.#letIn(load, look, waiter);
    signal.throwIfAborted();
    if (look.kind === 'unread') return this.#passUnread(load, look.error, waiter);
    const freeable = canBeFreed(look.decision);
    if (freeable && (await this.#makeRoom(look.decision, waiter))) return 'end';
    const explain = once(() => {
      const { decision, message, retryAfterMs } = this.#explain(look.decision, load, waiter.ticket);
      return new InsufficientMemoryError(decision, message, retryAfterMs);
    });
    if (!freeable || !waiter.mayWait) {
      const refusal = explain();
      this.#parts.teller.refused(refusal.plan, refusal.message, waitedMs(waiter));
      throw refusal;
    }
    this.#line.letWait(waiter, look.decision, explain);
    return 'memory';
  }

  /** One look: read, judged and reserved. It tells nothing. */
  async #look(load: PreparedLoad, { ticket, deadline }: Waiter): Promise<Look> {
    const { signal } = deadline;
    const { settings, clock } = this.#parts;
    const reserve = settings.mode === 'observe' ? 'first' : load.choices.force ? 'chosen-or-first' : 'chosen';
    const startMs = clock.nowMs();
    try {
      const { decision, reserved } = await this.#decide(load, { reserve, ticket }, signal);
      return reserved ? { kind: 'reserved', decision, reserved } : { kind: 'refused', decision };
    } catch (error) {
      if (signal.aborted || !(error instanceof MemoryGuardError)) throw error;
      if (error.code === 'ERR_SENSOR') return { kind: 'unread', error };
      if (error.code === 'ERR_LEDGER') return { kind: 'unread', error };
      if (error.code !== 'ERR_ADMISSION_TIMEOUT') throw error;
      // The ledger's lock: whoever holds it may be stopped.
      return { kind: 'unread', error: new AdmissionTimeoutError(error.message, clock.nowMs() - startMs, error) };
    }
  }

  /**
   * Decides while no other process does. Garbage is collected in between, outside the section: once, since a load that waits looks
   * up to a hundred times a second.
   */
  async #decide(load: PreparedLoad, options: DecideOptions, signal: AbortSignal): Promise<GateOutcome> {
    const { gate } = this.#parts;
    const outcome = await this.#decideOnFiles(load, options, signal);
    const collects = !outcome.reserved && options.ticket === undefined && gate.collectFor(outcome.decision);
    return collects ? this.#decideOnFiles(load, options, signal) : outcome;
  }

  /** Decides on the files as they are at that moment: those that have changed since they were read are read again first. */
  async #decideOnFiles(load: PreparedLoad, options: DecideOptions, signal: AbortSignal): Promise<GateOutcome> {
    const { gate, inSection } = this.#parts;
    for (let readings = 0; ; readings++) {
      const judge = () => {
        if (load.haveFilesChanged?.()) return undefined;
        return gate.judge(this.#listCandidates(load), { ...options, completes: load.takeRoom?.() });
      };
      const outcome = await inSection(judge, (judged) => judged && gate.commit(judged), signal);
      if (outcome) return outcome;
      await load.readFilesAgain?.(readings);
    }
  }

  /** A load that could not be judged, as the user chose for that. If it may wait, then it does so for a ledger that is kept locked. */
  #passUnread(load: PreparedLoad, error: MemoryGuardError, waiter: Waiter): AdmittedLoad | Pause {
    const { settings, gate, teller } = this.#parts;
    // What happens if a ledger fails is said by `onLedgerFailure`.
    const admitsUnread = settings.onSensorFailure === 'admit' && error.code !== 'ERR_LEDGER';
    const admits = settings.mode === 'observe' || load.choices.force || admitsUnread;
    if (error instanceof AdmissionTimeoutError && waiter.mayWait && !admits) {
      this.#line.letTryAgain(waiter, error);
      return 'memory';
    }
    const reason = admits ? `Admitted unread: ${error.message}` : error.message;
    const failed = error.code === 'ERR_SENSOR' ? 'sensor-failed' : 'ledger-failed';
    // A ledger tells itself what is wrong with it, once.
    if (admits || error.code !== 'ERR_LEDGER')
      teller.degraded({ reason: admits ? 'admitted-unread' : failed, message: reason }, error);
    if (!admits) throw error;
    return { ...gate.reserveFirst(load.listCandidates(() => DEFAULT_QUANTIZATION)), reason };
  }

  /** Whatever fails from here on, what was reserved is given back. */
  #letIn(load: PreparedLoad, { decision, reserved }: ReservedLook, waiter: Waiter): AdmittedLoad {
    try {
      // It may have been given up, or the guard closed, while it waited for a lock.
      waiter.deadline.signal.throwIfAborted();
      const reason = this.#tellEntry(load, decision, reserved, waitedMs(waiter));
      if (reserved.candidate.need.basis === 'unknown') {
        const message = `Nobody knows what ${decision.model} needs: nothing is reserved for it.`;
        this.#parts.teller.degraded({ reason: 'unknown-model', code: 'ERR_UNKNOWN_MODEL', message });
      }
      return { ...reserved, reason };
    } catch (error) {
      this.#parts.gate.release(reserved.reservation);
      throw error;
    }
  }

  #tellEntry(
    load: PreparedLoad,
    decision: Decision,
    { candidate }: ReservedCandidate,
    waited: number | undefined,
  ): string {
    const { teller } = this.#parts;
    if (decision.verdict !== 'refuse') return teller.admitted(decision, waited);
    if (load.choices.force) return teller.forced(decision, candidate, waited);
    const observed = this.#explain(decision, load);
    teller.refused(observed.decision, observed.message, waited);
    return observed.message;
  }

  /** Begins to end idle models as the user chose, unless an end runs already. False if memory comes back from neither. */
  async #makeRoom(decision: Decision, waiter: Waiter): Promise<boolean> {
    const { settings, models, clock } = this.#parts;
    const { victims, deadline } = waiter;
    const listIdle = () => models.idle().filter((held) => !victims.has(held));
    if (models.ending) return true;
    if (settings.evict === 'never' || listIdle().length === 0) return false;
    // Who was given a model just now calls it first: two loads that end each other's models would both get nothing done.
    await setImmediate();
    deadline.signal.throwIfAborted();
    const { rules, shortfallBytes } = nearestCandidate(decision);
    const sparesYoung = waiter.mayWait && deadline.waitedMs < deadline.leftMs;
    const { model, totalBytes } = decision;
    const request = { model, totalBytes, rules, shortfallBytes, sparesYoung, nowMs: clock.nowMs() };
    for (const { held, choice } of listVictims(settings, listIdle(), request)) {
      victims.add(held);
      models.evict(held, 'memory', choice);
    }
    return models.ending;
  }

  #explain(decision: Decision, load: PreparedLoad, ticket?: WaitTicket): ExplainedDecision {
    const explained = { listCandidates: () => this.#listCandidates(load), owner: load.owner };
    return explainRefusal(decision, this.#parts, explained, ticket);
  }

  /** As things stand now: without a quantization the recommendation of this moment counts. */
  #listCandidates(load: PreparedLoad): AdmissionRequest {
    return load.listCandidates(() => this.#recommend());
  }

  #recommend(): Quantization {
    const { measure, headroomBytes } = this.#parts.gate.look();
    return recommendQuantization(comparedTotalBytes(measure), headroomBytes);
  }
}

/** Calls `make` at most once. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
