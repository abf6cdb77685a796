/** The one critical section: reads, judges and reserves in one synchronous step, so that no load slips between. */

import { readMachineUs } from '../core/clock.ts';
import { nameLoaded } from '../core/loaded-name.ts';
import type { MemoryReader } from '../core/memory-reader.ts';
import { sumFileBytes } from '../core/needed-bytes.ts';
import type { HeldFile, LoadNeed } from '../core/types.ts';
import type { Ledger, Reservation, WaitTicket } from '../ledger/ledger.ts';
import { countPlaces } from '../ledger/waiting-order.ts';
import {
  type Candidate,
  type CandidateVerdict,
  findSmallerContext,
  judgeCandidates,
} from '../policy/choose-candidate.ts';
import {
  type AdmissionRequest,
  type Decision,
  type JudgedCandidates,
  leastMissing,
  listSteps,
  makeDecision,
} from '../policy/decision.ts';
import { HoldingsTeller, type PublishingMeter, type SharedHoldings } from './holdings-teller.ts';
import { FIRST, type MemoryView, MemoryViewer } from './memory-view.ts';
import { PaidPromises, type TakenSource } from './paid-promises.ts';

/** What the gate needs of its surroundings. */
export interface AdmissionGateParts {
  readonly reader: MemoryReader;
  readonly ledger: Ledger;
  /** Absent if other processes are not to be seen. */
  readonly shared?: SharedHoldings;
  /** Collects garbage if there may be as much as is missing. False if it wasn't worth trying. Absent if no garbage is collected for a load. */
  readonly collect?: (missingBytes: number) => boolean;
  readonly nowMs: () => number;
  /** If the user says one. */
  readonly minFreeRatioAfterLoad?: number | undefined;
}

/** A candidate and the promise made to it. */
export interface ReservedCandidate {
  readonly candidate: Candidate;
  readonly reservation: Reservation;
}

export interface GateOutcome {
  readonly decision: Decision;
  /** Absent if nothing was to be reserved, or the load is refused. */
  readonly reserved?: ReservedCandidate;
}

/** A load that was judged, and what is to be reserved for it. */
export interface JudgedLoad {
  readonly decision: Decision;
  readonly ticket: WaitTicket | undefined;
  /** `undefined`: nothing. */
  readonly candidate: Candidate | undefined;
}

/** Commits what was judged, as if both were one moment for all processes. `judge` may be called twice. */
export type InSection = <J, T>(judge: () => J, commit: (judged: J) => T, signal: AbortSignal) => Promise<T>;

/** How one load is decided on. */
export interface DecideOptions {
  /**
   * What is reserved: the candidate that was chosen, the first if none was chosen (for a load that is forced), the first whatever was
   * chosen (for one that is only observed), or nothing.
   */
  readonly reserve: 'chosen' | 'chosen-or-first' | 'first' | 'nothing';
  /**
   * The load's place in the line, which it leaves if anything is reserved. The first that waits before it keeps what it waits for; a load
   * without a place comes after all that wait.
   */
  readonly ticket?: WaitTicket | undefined;
  /**
   * It completes what was let in with room for it, which holds memory until then: it goes before all that wait, and the share that is to stay
   * available was asked of its model.
   */
  readonly completes?: boolean | undefined;
}

export class AdmissionGate {
  readonly #parts: AdmissionGateParts;
  readonly #viewer: MemoryViewer;
  readonly #teller: HoldingsTeller;
  readonly #paid: PaidPromises;

  constructor(parts: AdmissionGateParts) {
    this.#parts = parts;
    this.#viewer = new MemoryViewer(parts);
    this.#teller = new HoldingsTeller({ ...parts, scopes: () => this.#viewer.scopes });
    this.#paid = new PaidPromises(parts.ledger);
  }

  /** What all processes have left, whatever loads wait for. */
  look(): MemoryView {
    return this.#look(FIRST);
  }

  /** The same, scope by scope. `recent`: a reading of this very moment may be used once more. */
  lookIntoScopes(recent = false): MemoryView {
    return this.#look(FIRST, true, recent);
  }

  /**
   * Judges a load, and what of it is to be reserved. Nothing is reserved yet. Like `commit`, it must not wait for anything.
   *
   * @throws MemoryGuardError `ERR_SENSOR` if the machine can't be read.
   */
  judge(request: AdmissionRequest, { reserve, ticket, completes }: DecideOptions): JudgedLoad {
    const candidates = listSteps(request);
    const judged = completes
      ? this.#judge(candidates, FIRST, 0)
      : this.#judge(candidates, ticket, request.minFreeRatio);
    const decision = makeDecision(request, judged);
    return { decision, ticket, candidate: pickReserved(reserve, judged.chosen, candidates[0]!) };
  }

  /**
   * Reserves what was judged, if nothing has changed since.
   *
   * @throws MemoryGuardError `ERR_LEDGER` if other processes can't be told of it.
   */
  commit({ decision, ticket, candidate }: JudgedLoad): GateOutcome {
    if (!candidate) return { decision };
    // Told together with what is reserved: nobody sees both, or neither.
    if (ticket) this.#parts.ledger.endWait(ticket);
    const label = nameLoaded(decision.model, decision.candidates[0]?.modelPath, candidate.modelPath);
    return { decision, reserved: { candidate, reservation: this.reserve(label, candidate.need, candidate.roomBytes) } };
  }

  /** For a load that was refused: what would fit if it took a smaller context than it allows. */
  findSmallerContext(request: AdmissionRequest, ticket?: WaitTicket): CandidateVerdict | undefined {
    const view = this.#look(ticket);
    const heldKeys = this.#listHeldKeys(view);
    const unheld = listSteps(request).map((candidate) => subtractHeldFiles(candidate, heldKeys));
    return findSmallerContext(unheld, view, this.#parts.minFreeRatioAfterLoad);
  }

  /** Collects garbage if that may turn a refusal, outside the lock: it takes milliseconds. False if it can't. */
  collectFor({ verdict, candidates }: Decision): boolean {
    return verdict === 'refuse' && (this.#parts.collect?.(leastMissing(candidates)) ?? false);
  }

  /** Promises the first candidate its need without asking the rules, and also if other processes can't be told of it. */
  reserveFirst({ model, candidates }: Pick<AdmissionRequest, 'model' | 'candidates'>): ReservedCandidate {
    const candidate = candidates[0]!;
    const reservation = this.#promise(model, candidate.need, candidate.roomBytes);
    this.#teller.publish();
    return { candidate, reservation };
  }

  /**
   * Promises a need without asking the rules.
   *
   * @throws MemoryGuardError `ERR_LEDGER` if other processes can't be told of it; then nothing is promised.
   */
  reserve(label: string, need: LoadNeed, roomBytes?: number): Reservation {
    const reservation = this.#promise(label, need, roomBytes);
    try {
      this.#teller.tell();
    } catch (error) {
      this.#parts.ledger.release(reservation);
      throw error;
    }
    return reservation;
  }

  /** From now on this promise is paid by what a process holds, at each look. */
  follow(source: TakenSource, reservation: Reservation): void {
    this.#paid.follow(source, reservation);
  }

  /** Looks at the processes that promises are paid by, and lets other ones see what has changed. */
  refresh(): void {
    if (this.#paid.pay()) this.#teller.publish();
  }

  /** Notes what a load has taken by now: it pays for that part of its promise. */
  took(reservation: Reservation, bytes: number): void {
    // Records hold whole numbers.
    if (this.#parts.ledger.noteTaken(reservation, Math.round(bytes))) this.#teller.publish();
  }

  /** Lets other processes see what a load takes, also while this one is blocked by it. */
  meter(reservation: Reservation, meter: PublishingMeter): void {
    this.#teller.meter(reservation, meter);
  }

  /** Notes that a load is done, which is known to take `loadBytes`, if that is known at all. */
  loaded(reservation: Reservation, files: readonly HeldFile[] | undefined, loadBytes?: number): void {
    this.#parts.ledger.markLoaded(reservation, files, loadBytes);
    this.#paid.pay();
    this.#teller.publishSoon();
  }

  /** Joins the line of loads that wait, for `leftMs` at the most. */
  wait(label: string, { mappedBytes, anonymousBytes }: LoadNeed, leftMs: number): WaitTicket {
    const sinceUs = readMachineUs();
    const untilUs = sinceUs + Math.ceil(leftMs * 1000);
    const ticket = Object.freeze({ label, sinceUs, untilUs, mappedBytes, anonymousBytes });
    this.#parts.ledger.wait(ticket);
    this.#teller.publish();
    return ticket;
  }

  /** Tells the other processes that the loads which wait here still do. */
  renewWaits(): void {
    this.#teller.publish();
  }

  /** The places of all loads that wait here, 1 for the one that is next; loads of other processes count as the last reading saw them. */
  countPlaces(): ReadonlyMap<WaitTicket, number> {
    return countPlaces(this.#parts.ledger.waiting, this.#viewer.peers, readMachineUs());
  }

  /** Leaves the line, if it was not left with a reservation. */
  endWait(ticket: WaitTicket): void {
    if (this.#parts.ledger.endWait(ticket)) this.#teller.publish();
  }

  /** The first context of a model is made, or none comes: nothing is kept for it any more. */
  endRoom(reservation: Reservation): void {
    if (this.#parts.ledger.endRoom(reservation)) this.#teller.publish();
  }

  settle(reservation: Reservation): void {
    this.#parts.ledger.settle(reservation);
    this.#teller.publish();
  }

  /** Forgets a promise. False if it was forgotten already. */
  release(reservation: Reservation): boolean {
    const released = this.#parts.ledger.release(reservation);
    this.#paid.forget(reservation);
    if (released) this.#teller.publish();
    return released;
  }

  /** What has changed is told; also if this process was moved to another group, as burdening that one. */
  #look(...how: Parameters<MemoryViewer['look']>): MemoryView {
    if (this.#paid.pay()) this.#teller.publishSoon();
    const view = this.#viewer.look(...how);
    this.#teller.publishIfMoved();
    return view;
  }

  #promise(label: string, need: LoadNeed, roomBytes?: number): Reservation {
    const { ledger, nowMs } = this.#parts;
    return ledger.reserve(label, need, { clockMs: nowMs(), epochMs: Date.now() }, roomBytes);
  }

  #judge(
    candidates: readonly Candidate[],
    ticket: WaitTicket | typeof FIRST | undefined,
    minFreeRatio = this.#parts.minFreeRatioAfterLoad,
  ): JudgedCandidates {
    const view = this.#look(ticket);
    const heldKeys = this.#listHeldKeys(view);
    const unheld = candidates.map((candidate) => subtractHeldFiles(candidate, heldKeys));
    const verdicts = judgeCandidates(unheld, view, minFreeRatio);
    const chosen = verdicts.find((candidate) => candidate.admitted);
    return { view, verdicts, chosen };
  }

  /** Whoever maps a file, its pages are there and counted once. */
  #listHeldKeys({ peers }: MemoryView): ReadonlySet<string> {
    const elsewhere = peers.flatMap(({ files }) => files.map(({ key }) => key));
    return new Set([...elsewhere, ...this.#parts.ledger.listHeldKeys()]);
  }
}

function pickReserved(
  reserve: DecideOptions['reserve'],
  chosen: Candidate | undefined,
  first: Candidate,
): Candidate | undefined {
  if (reserve === 'nothing') return undefined;
  if (reserve === 'first') return first;
  return reserve === 'chosen' ? chosen : (chosen ?? first);
}

/** Files that loaded models keep mapped are in their sum already: this one needs only the rest. */
function subtractHeldFiles(candidate: Candidate, heldKeys: ReadonlySet<string>): Candidate {
  const { need, smaller } = candidate;
  const heldBytes = sumFileBytes((need.files ?? []).filter(({ key }) => heldKeys.has(key)));
  if (heldBytes === 0) return candidate;
  const mappedBytes = Math.max(0, need.mappedBytes - heldBytes);
  return {
    ...candidate,
    need: { ...need, mappedBytes },
    heldBytes: need.mappedBytes - mappedBytes,
    ...(smaller && {
      smaller: { ...smaller, at: (contextSize) => subtractHeldFiles(smaller.at(contextSize), heldKeys) },
    }),
  };
}
