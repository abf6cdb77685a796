/** The loads on their way in: how each can be given up, and the places of those that wait for memory. It reads and decides nothing. */
import type { AdmissionGate } from '../admission/admission-gate.ts';
import { AdmissionTimeoutError } from '../admission/admission-timeout-error.ts';
import { describeTimeout } from '../admission/decision-messages.ts';
import type { InsufficientMemoryError } from '../admission/insufficient-memory-error.ts';
import { MiB } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { MemoryGuardError } from '../core/errors.ts';
import { WAIT_LEASE_MS, type WaitTicket } from '../ledger/ledger.ts';
import type { HeldModel } from '../models/held-model.ts';
import { type Decision, nearestCandidate } from '../policy/decision.ts';
import type { PreparedLoad } from './prepare-load.ts';
import type { DecisionTeller } from './tell-decision.ts';
import { Deadline, Sleepers } from './wait-for-memory.ts';

export interface WaitingLineParts {
  readonly clock: Clock;
  readonly gate: AdmissionGate;
  readonly teller: DecisionTeller;
}

/** A refused load that waits is explained only when that is told. */
export type Explain = () => InsufficientMemoryError;

/** What is missing shrinks by less by itself: other programs, allocators and the kernel's own counters. */
const STILL_BYTES = MiB;
const STILL_SHARE = 1 / 64;

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
  /** What was decided at its last look. Only what was told of has help in it. */
  refused?: Decision;
  /** Makes the error that says why it could not be let in then. */
  explain?: Explain;
  /** Why it could not look the last time: another process keeps the ledger locked. */
  stuck?: MemoryGuardError | undefined;
}

/** A waiter with a place in the line. */
type Placed = Waiter & Required<Pick<Waiter, 'ticket' | 'refused'>>;

export class WaitingLine {
  readonly #parts: WaitingLineParts;
  readonly #sleepers: Sleepers<Waiter>;
  readonly #waiters = new Set<Waiter>();
  /** Those that have a place, in their order. */
  readonly #line = new Set<Placed>();
  #cancelRenewal: (() => void) | undefined;
  #closedBy: { readonly reason: unknown } | undefined;

  constructor(parts: WaitingLineParts) {
    this.#parts = parts;
    this.#sleepers = new Sleepers(parts.clock, () => this.#first);
  }

  /** Memory may have returned: the load that waits first looks again. */
  wake(): void {
    this.#sleepers.wake();
  }

  /** Resolves when it is time for this load to look again. Rejects with the reason for which it is given up. */
  sleep(waiter: Waiter): Promise<void> {
    return this.#sleepers.sleep(waiter, waiter.deadline.signal);
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
    this.#line.delete(waiter as Placed);
    this.#parts.gate.endWait(waiter.ticket);
    if (this.#line.size === 0) this.#endRenewal();
    this.#sleepers.wake(); // the next may fit now
  }

  /** The load takes a place. That is told once, and again when its place has changed. */
  letWait(waiter: Waiter, refused: Decision, explain: Explain): void {
    const before = waiter.refused;
    Object.assign(waiter, { refused, explain, stuck: undefined });
    if (!waiter.ticket) this.#takePlace(waiter, refused);
    if (waiter === this.#first && (!before || isReturning(before, refused))) this.#sleepers.hurry();
    this.#tellPlaces(waiter, explain);
  }

  /** The load could not look, since another process keeps the ledger locked. It tries again, which is told once. */
  letTryAgain(waiter: Waiter, stuck: MemoryGuardError): void {
    if (!waiter.stuck) this.#parts.teller.degraded({ reason: 'ledger-failed', message: stuck.message }, stuck);
    waiter.stuck = stuck;
  }

  /** How many have a place. */
  get count(): number {
    return this.#line.size;
  }

  get #first(): Placed | undefined {
    for (const waiter of this.#line) return waiter;
    return undefined;
  }

  #takePlace(waiter: Waiter, refused: Decision): void {
    const { gate } = this.#parts;
    waiter.ticket = gate.wait(refused.model, nearestCandidate(refused).need, waiter.deadline.leftMs);
    this.#line.add(waiter as Placed);
    if (!this.#cancelRenewal) this.#planRenewal();
  }

  /** It keeps no process alive: loads that sleep do. */
  #planRenewal(): void {
    const { clock, gate } = this.#parts;
    const renew = () => {
      gate.renewWaits();
      this.#planRenewal();
    };
    this.#cancelRenewal = clock.schedule(renew, WAIT_LEASE_MS / 2);
  }

  #endRenewal(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = undefined;
  }

  /** Tells every load whose place has changed: the one that has just looked with what would help, others by their own last look. */
  #tellPlaces(looked: Waiter, explain: Explain): void {
    const { gate, teller } = this.#parts;
    const places = gate.countPlaces();
    for (const waiter of this.#line) {
      const position = places.get(waiter.ticket);
      if (position === undefined || position === waiter.position) continue;
      waiter.position = position;
      if (waiter === looked) waiter.refused = explain().plan;
      teller.waiting(waiter.refused, position, waiter.deadline.waitedMs);
    }
  }

  /** The error of a load whose time is over. It is told as refused only if memory is what it waited for. */
  #endLate(model: string, { deadline, explain, stuck }: Waiter): AdmissionTimeoutError {
    const { waitedMs } = deadline;
    const waited = `Waited ${(waitedMs / 1000).toFixed(1)} s`;
    if (stuck) return new AdmissionTimeoutError(`${waited} for the ledger. ${stuck.message}`, waitedMs, stuck);
    if (!explain) {
      const turn = 'for its turn, for the ledger or for a model to end';
      return new AdmissionTimeoutError(`${waited} ${turn}, and ${model} was not decided on.`, waitedMs);
    }
    const refusal = explain();
    const message = describeTimeout(waitedMs, refusal.message);
    this.#parts.teller.refused(refusal.plan, message, waitedMs);
    return new AdmissionTimeoutError(message, waitedMs, refusal);
  }
}

/** Whether memory comes back between two looks. */
function isReturning(before: Decision, now: Decision): boolean {
  const [{ shortfallBytes }, later] = [nearestCandidate(before), nearestCandidate(now)];
  return shortfallBytes - later.shortfallBytes >= Math.max(STILL_BYTES, shortfallBytes * STILL_SHARE);
}

/** How long a load waited for memory. `undefined` if it never took a place in the line. */
export function waitedMs({ ticket, deadline }: Waiter): number | undefined {
  return ticket && deadline.waitedMs;
}
