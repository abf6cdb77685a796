/** Asks the gate for one load, tells what was decided, and lets it wait where it may. It loads nothing. */

import type { AdmissionGate, GateOutcome, ReservedCandidate } from '../admission/admission-gate.ts';
import {
  admissionSentence,
  canBeFreed,
  forcedSentence,
  nearestCandidate,
  refusalSentence,
  timeoutSentence,
  waitingSentence,
} from '../admission/decision-messages.ts';
import { InsufficientMemoryError } from '../admission/insufficient-memory-error.ts';
import type { Clock } from '../core/clock.ts';
import { type ErrorCode, MemoryGuardError } from '../core/errors.ts';
import { type MemoryReader, readLimitingScope } from '../core/memory-reader.ts';
import { DEFAULT_QUANTIZATION } from '../core/quantizations.ts';
import type { Quantization } from '../core/types.ts';
import type { Decision, DecisionEvent, DegradedEvent, WaitingEvent } from '../events/guard-events.ts';
import { type GuardSettings, waitTimeoutMs } from '../guard-options.ts';
import type { WaitTicket } from '../ledger/ledger.ts';
import { describeModel, type HeldModel, type LoadedModel } from '../models/loaded-model.ts';
import type { LoadedModels } from '../models/loaded-models.ts';
import type { CandidateVerdict } from '../policy/choose-candidate.ts';
import { chooseVictims } from '../policy/choose-victims.ts';
import { comparedTotalBytes, recommendQuantization } from '../policy/recommend-quantization.ts';
import { findRefusalHelp } from '../policy/refusal-help.ts';
import type { PreparedLoad } from './prepare-load.ts';
import { Deadline, Sleepers } from './wait-for-memory.ts';

export interface LoadAdmissionParts {
  readonly settings: GuardSettings;
  readonly reader: MemoryReader;
  readonly gate: AdmissionGate;
  /** Runs a step while no other process decides. */
  readonly inSection: <T>(step: () => T, signal?: AbortSignal) => Promise<T>;
  readonly models: LoadedModels;
  readonly clock: Clock;
  readonly emit: (event: DecisionEvent | WaitingEvent | DegradedEvent) => void;
}

/** What was reserved for a load, and the sentence that let it in. */
export interface Admitted extends ReservedCandidate {
  readonly reason: string;
}

/** A load on its way in: its time limit where it may wait, its place in the line once it does. */
interface Waiter {
  readonly deadline: Deadline;
  ticket?: WaitTicket;
  /** The place that was told last. */
  position?: number;
  /** Why it could not be let in at the last look. */
  refusal?: InsufficientMemoryError;
}

export class LoadAdmission {
  readonly #parts: LoadAdmissionParts;
  readonly #sleepers: Sleepers;
  readonly #waiters = new Set<Waiter>();

  constructor(parts: LoadAdmissionParts) {
    this.#parts = parts;
    this.#sleepers = new Sleepers(parts.clock);
  }

  /** Memory may have returned: loads that wait look again. */
  wake(): void {
    this.#sleepers.wake();
  }

  /** Ends every wait. */
  close(reason: unknown): void {
    for (const { deadline } of this.#waiters) deadline.abort(reason);
  }

  /** Every candidate with its verdict as things stand now; nothing is reserved or told. */
  plan(prepared: PreparedLoad): Decision {
    const ask = prepared.ask(() => this.#recommend());
    return this.#helped(this.#parts.gate.decide(ask, 'nothing').decision, prepared);
  }

  /**
   * Runs `load` with what was reserved for it, inside a turn that `enter` gives. A load that waits gives its turn back
   * until it looks again. Refuses by throwing; whatever happens, it leaves the line.
   */
  async through<T>(
    prepared: PreparedLoad,
    enter: (signal: AbortSignal | undefined) => Promise<() => void>,
    load: (admitted: Admitted) => Promise<T>,
  ): Promise<T> {
    const waiter = this.#waiterOf(prepared);
    const signal = waiter?.deadline.signal ?? prepared.own.signal;
    try {
      for (;;) {
        const leave = await enter(signal);
        try {
          const admitted = await this.#admit(prepared, waiter, signal);
          if (admitted) {
            this.#leaveLine(waiter);
            return await load(admitted);
          }
        } finally {
          leave();
        }
        await this.#sleepers.sleep(signal as AbortSignal);
      }
    } finally {
      this.#leaveLine(waiter);
    }
  }

  #waiterOf({ own, request }: PreparedLoad): Waiter | undefined {
    const timeoutMs = waitTimeoutMs(own);
    if (timeoutMs === undefined) return undefined;
    const late = () => this.#tooLate(request.name, waiter);
    const waiter: Waiter = { deadline: new Deadline(this.#parts.clock, timeoutMs, own.signal, late) };
    this.#waiters.add(waiter);
    return waiter;
  }

  #leaveLine(waiter: Waiter | undefined): void {
    if (!waiter || !this.#waiters.delete(waiter)) return;
    waiter.deadline.end();
    if (!waiter.ticket) return;
    this.#parts.gate.endWait(waiter.ticket);
    this.#sleepers.wake(); // those behind it may fit now
  }

  /** Decides and tells; gives what was reserved, or nothing where the load is to wait, or refuses by throwing. */
  async #admit(
    prepared: PreparedLoad,
    waiter: Waiter | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Admitted | undefined> {
    const { settings, gate } = this.#parts;
    const observed = settings.mode === 'observe';
    const forced = prepared.own.force === true;
    let outcome: GateOutcome;
    try {
      outcome = await this.#decide(prepared, waiter?.ticket, observed || forced ? 'first' : 'chosen', signal);
    } catch (error) {
      if (
        !(error instanceof MemoryGuardError) ||
        (error.code !== 'ERR_SENSOR' && error.code !== 'ERR_ADMISSION_TIMEOUT')
      )
        throw error;
      if (signal?.aborted) throw error;
      const admits = observed || forced || settings.onSensorFailure === 'admit';
      const reason = admits ? `Admitted unread: ${error.message}` : error.message;
      this.#tellDegraded(error.code, reason, error);
      if (!admits) throw error;
      return { ...gate.reserveFirst(prepared.ask(() => DEFAULT_QUANTIZATION)), reason };
    }
    const { reserved } = outcome;
    const decision = this.#helped(outcome.decision, prepared, waiter?.ticket);
    const refused = decision.verdict === 'refuse';
    const sentence = !refused
      ? admissionSentence(decision)
      : forced
        ? forcedSentence(decision)
        : refusalSentence(decision, readLimitingScope(this.#parts.reader));
    if (!reserved && canBeFreed(decision) && (await this.#evictFor(decision))) {
      return this.#admit(prepared, waiter, signal);
    }
    if (!reserved && waiter && canBeFreed(decision)) {
      this.#letWait(waiter, decision, sentence);
      return undefined;
    }
    const waitedMs = waiter?.ticket && waiter.deadline.waitedMs;
    this.#tellDecision(decision, refused && !forced ? 'refused' : 'admitted', sentence, forced && refused, waitedMs);
    if (!reserved) throw new InsufficientMemoryError(decision, sentence);
    if (reserved.candidate.need.basis === 'unknown') {
      this.#tellDegraded('ERR_UNKNOWN_MODEL', `Nobody knows what ${decision.model} needs: nothing is reserved for it.`);
    }
    return { ...reserved, reason: sentence };
  }

  async #decide(
    prepared: PreparedLoad,
    ticket: WaitTicket | undefined,
    reserve: 'first' | 'chosen',
    signal: AbortSignal | undefined,
  ): Promise<GateOutcome> {
    const { gate, inSection } = this.#parts;
    const decide = () => {
      const ask = prepared.ask(() => this.#recommend());
      return gate.decide(ticket ? { ...ask, ticket } : ask, reserve, false);
    };
    const outcome = await inSection(decide, signal);
    return !outcome.reserved && gate.collectFor(outcome.decision) ? inSection(decide, signal) : outcome;
  }

  /** Ends idle models as the user chose. False where none was ended, or ending all of them would not be enough. */
  async #evictFor(decision: Decision): Promise<boolean> {
    const { settings, models } = this.#parts;
    const missingBytes = nearestCandidate(decision).shortfallBytes;
    let evicted = false;
    for (const held of victimsOf(settings.evict, models.idle(), missingBytes)) {
      evicted = (await models.evict(held, 'memory')) || evicted;
    }
    return evicted;
  }

  /** Told once, and again when its place has changed. */
  #letWait(waiter: Waiter, refused: Decision, refusal: string): void {
    const { gate, clock, emit } = this.#parts;
    waiter.refusal = new InsufficientMemoryError(refused, refusal);
    waiter.ticket ??= gate.wait(refused.model, nearestCandidate(refused).need);
    const position = gate.position(waiter.ticket);
    if (position === waiter.position) return;
    waiter.position = position;
    const message = waitingSentence(refused, position);
    const { waitedMs } = waiter.deadline;
    emit({ ...refused, verdict: 'wait', type: 'waiting', message, position, waitedMs, atMs: clock.nowMs() });
  }

  /** The error of a load whose time is over. It is told as refused only where memory is what it waited for. */
  #tooLate(model: string, { deadline, refusal }: Waiter): MemoryGuardError {
    if (!refusal) {
      const waited = `Waited ${(deadline.waitedMs / 1000).toFixed(1)} s for other loads to end`;
      return new MemoryGuardError('ERR_ADMISSION_TIMEOUT', `${waited}, and ${model} was not looked at.`);
    }
    const message = timeoutSentence(deadline.waitedMs, refusal.message);
    this.#tellDecision(refusal.plan, 'refused', message, false, deadline.waitedMs);
    return new MemoryGuardError('ERR_ADMISSION_TIMEOUT', message, { cause: refusal });
  }

  #tellDecision(
    decision: Decision,
    how: 'admitted' | 'refused',
    sentence: string,
    forced: boolean,
    waitedMs: number | undefined,
  ): void {
    const { settings, clock, emit } = this.#parts;
    const observed = settings.mode === 'observe';
    emit({
      ...decision,
      type: how === 'admitted' && decision.verdict === 'downgrade' ? 'downgraded' : how,
      message: `${observed ? 'Observed only: ' : ''}${sentence}`,
      atMs: clock.nowMs(),
      forced,
      observed,
      ...(waitedMs !== undefined && { waitedMs }),
    });
  }

  #tellDegraded(code: ErrorCode, message: string, cause?: unknown): void {
    const { clock, emit } = this.#parts;
    emit({ type: 'degraded', code, message, ...(cause !== undefined && { cause }), atMs: clock.nowMs() });
  }

  #recommend(): Quantization {
    const { measure, headroomBytes } = this.#parts.gate.look();
    return recommendQuantization(comparedTotalBytes(measure), headroomBytes);
  }

  /** A refused decision with what would help. */
  #helped(decision: Decision, prepared: PreparedLoad, ticket?: WaitTicket): Decision {
    if (decision.verdict !== 'refuse') return decision;
    const fitting = this.#fittingWithLess(prepared, ticket);
    const parts = { holders: this.#parts.models.list(), limitedBy: readLimitingScope(this.#parts.reader), fitting };
    return { ...decision, help: findRefusalHelp(decision, parts) };
  }

  /** For the help only: a reading that fails here changes no decision. */
  #fittingWithLess(prepared: PreparedLoad, ticket: WaitTicket | undefined): CandidateVerdict | undefined {
    try {
      const ask = prepared.ask(() => this.#recommend());
      return this.#parts.gate.findSmallerContext(ticket ? { ...ask, ticket } : ask);
    } catch {
      return undefined;
    }
  }
}

function victimsOf(
  evict: GuardSettings['evict'],
  idle: readonly HeldModel[],
  missingBytes: number,
): readonly HeldModel[] {
  if (evict === 'never' || idle.length === 0) return [];
  if (evict === 'idle') return chooseVictims(idle, bytesOf, missingBytes) ?? [];
  const shown = idle.map(describeModel);
  const chosen = evict(shown, missingBytes);
  return idle.filter((_, index) => chosen.includes(shown[index] as LoadedModel));
}

function bytesOf({ reservation: { need } }: HeldModel): number {
  return need.mappedBytes + need.anonymousBytes;
}
