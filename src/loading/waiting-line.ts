/** The loads that wait for memory: their time limits, their places, and how each wait ends. It reads and decides nothing. */
import type { AdmissionGate } from '../admission/admission-gate.ts';
import { AdmissionTimeoutError } from '../admission/admission-timeout-error.ts';
import { describeTimeout } from '../admission/decision-messages.ts';
import type { InsufficientMemoryError } from '../admission/insufficient-memory-error.ts';
import type { Clock } from '../core/clock.ts';
import type { WaitTicket } from '../ledger/ledger.ts';
import { nearestCandidate } from '../policy/decision.ts';
import type { PreparedLoad } from './prepare-load.ts';
import type { DecisionTeller } from './tell-decision.ts';
import { Deadline, Sleepers } from './wait-for-memory.ts';

export interface WaitingLineParts {
  readonly clock: Clock;
  readonly gate: AdmissionGate;
  readonly teller: DecisionTeller;
}

/** A load on its way in: its time limit, and its place in the line once it has one. */
export interface Waiter {
  readonly deadline: Deadline;
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

  /** Ends every wait. */
  close(reason: unknown): void {
    for (const { deadline } of this.#waiters) deadline.abort(reason);
  }

  /** The time of a load that may wait begins. `undefined` for a load that doesn't wait. */
  enter({ choices, request }: PreparedLoad): Waiter | undefined {
    const { waitTimeoutMs, signal } = choices;
    if (waitTimeoutMs === undefined) return undefined;
    const late = () => this.#endLate(request.name, waiter);
    const waiter: Waiter = { deadline: new Deadline(this.#parts.clock, waitTimeoutMs, signal, late) };
    this.#waiters.add(waiter);
    return waiter;
  }

  /** Gives up the load's place, if it has one. */
  leave(waiter: Waiter | undefined): void {
    if (!waiter || !this.#waiters.delete(waiter)) return;
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
export function waitedMs(waiter: Waiter | undefined): number | undefined {
  return waiter?.ticket && waiter.deadline.waitedMs;
}
