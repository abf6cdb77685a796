/** The loads on their way in: how each can be given up, and the places of those that wait for memory. It reads and decides nothing. */
import type { AdmissionGate } from '../admission/admission-gate.ts';
import { AdmissionTimeoutError } from '../admission/admission-timeout-error.ts';
import { describeTimeout } from '../admission/decision-messages.ts';
import type { InsufficientMemoryError } from '../admission/insufficient-memory-error.ts';
import type { Clock } from '../core/clock.ts';
import type { WaitTicket } from '../ledger/ledger.ts';
import type { HeldModel } from '../models/held-model.ts';
import { nearestCandidate } from '../policy/decision.ts';
import type { PreparedLoad } from './prepare-load.ts';
import type { DecisionTeller } from './tell-decision.ts';
import { Deadline, Sleepers } from './wait-for-memory.ts';

export interface WaitingLineParts {
  readonly clock: Clock;
  readonly gate: AdmissionGate;
  readonly teller: DecisionTeller;
}

/** A load on its way in. */
export interface Waiter {
  readonly deadline: Deadline;
  /** Whether it may wait for memory. */
  readonly mayWait: boolean;
  /** Models that it chose to have ended, each once: one that could not be is not tried again. */
  readonly victims: Set<HeldModel>;
  /** Its place in the line, once it has one. */
  ticket?: WaitTicket;
  /** The place that was told last. */
  position?: number;
  /** Why it could not be let in at the last look. */
  refusal?: InsufficientMemoryError;
}

export class WaitingLine {
  readonly #parts: WaitingLineParts;
  readonly #sleepers: Sleepers;
  readonly #waiters = new Set<Waiter>();
  #closedBy: { readonly reason: unknown } | undefined;

  constructor(parts: WaitingLineParts) {
    this.#parts = parts;
    this.#sleepers = new Sleepers(parts.clock);
  }

  /** Memory may have returned: loads that wait look again. */
  wake(): void {
    this.#sleepers.wake();
  }

  /** Resolves when memory may have returned. Rejects with the signal's reason. */
  sleep(signal: AbortSignal): Promise<void> {
    return this.#sleepers.sleep(signal);
  }

  /** Gives up every load that is on its way in, and every later one. */
  close(reason: unknown): void {
    this.#closedBy = { reason };
    for (const { deadline } of this.#waiters) deadline.abort(reason);
  }

  /** The way in begins, and with it the time of a load that may wait. */
  enter({ choices, request }: PreparedLoad): Waiter {
    const { waitTimeoutMs, signal } = choices;
    const late = () => this.#endLate(request.name, waiter);
    const deadline = new Deadline(this.#parts.clock, waitTimeoutMs, signal, late);
    const waiter: Waiter = { deadline, mayWait: waitTimeoutMs !== undefined, victims: new Set() };
    this.#waiters.add(waiter);
    if (this.#closedBy) deadline.abort(this.#closedBy.reason);
    return waiter;
  }

  /** The load is in, or given up: it loses its place, if it has one. */
  leave(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.deadline.end();
    if (!waiter.ticket) return;
    this.#parts.gate.endWait(waiter.ticket);
    this.#sleepers.wake(); // those behind it may fit now
  }

  /** The load takes a place. That is told once, and again when its place has changed. */
  letWait(waiter: Waiter, refusal: InsufficientMemoryError): void {
    const { gate, teller } = this.#parts;
    const { plan: refused } = refusal;
    waiter.refusal = refusal;
    waiter.ticket ??= gate.wait(refused.model, nearestCandidate(refused).need);
    const position = gate.position(waiter.ticket);
    if (position === waiter.position) return;
    waiter.position = position;
    teller.waiting(refused, position, waiter.deadline.waitedMs);
  }

  /** The error of a load whose time is over. It is told as refused only if memory is what it waited for. */
  #endLate(model: string, { deadline, refusal }: Waiter): AdmissionTimeoutError {
    const { waitedMs } = deadline;
    if (!refusal) {
      const waited = `Waited ${(waitedMs / 1000).toFixed(1)} s for its turn or for a model to end`;
      return new AdmissionTimeoutError(`${waited}, and ${model} was not decided on.`, waitedMs);
    }
    const message = describeTimeout(waitedMs, refusal.message);
    this.#parts.teller.refused(refusal.plan, message, waitedMs);
    return new AdmissionTimeoutError(message, waitedMs, refusal);
  }
}

/** How long a load waited for memory. `undefined` if it never took a place in the line. */
export function waitedMs({ ticket, deadline }: Waiter): number | undefined {
  return ticket && deadline.waitedMs;
}
