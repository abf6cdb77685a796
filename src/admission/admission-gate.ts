/** The one critical section: reads, judges and reserves in one synchronous step, so that no load slips between. */

import type { MemoryMeasure, MemoryReader } from '../core/memory-reader.ts';
import type { HeldFile, LoadNeed } from '../core/types.ts';
import type { Decision } from '../events/guard-events.ts';
import type { Burden, Ledger, Reservation, WaitTicket } from '../ledger/ledger.ts';
import type { Holdings } from '../ledger/ledger-record.ts';
import { listWaitingBefore, type Peer, subtractPeers } from '../ledger/peer-headroom.ts';
import type { MemorySituation } from '../policy/admission-rules.ts';
import {
  type Candidate,
  type CandidateVerdict,
  findSmallerContext,
  judgeCandidates,
} from '../policy/choose-candidate.ts';
import {
  type AdmissionRequest,
  type JudgedCandidates,
  leastMissing,
  makeDecision,
  stepsOf,
} from '../policy/decision.ts';
import { hostBinds } from '../policy/recommend-quantization.ts';

/** The other processes' side of the ledger. */
export interface SharedHoldings {
  peers(): readonly Peer[];
  publish(scopes: readonly string[], holdings: Holdings): void;
}

/** What the gate needs of its surroundings. */
export interface AdmissionGateParts {
  readonly reader: MemoryReader;
  readonly ledger: Ledger;
  /** Absent where other processes are not to be seen. */
  readonly shared?: SharedHoldings;
  /** The process's own anonymous growth; absent where it can't be read. */
  readonly grownBytes: () => number | undefined;
  /** Collects garbage if there may be as much as is missing. False where it wasn't worth trying. */
  readonly collect: (missingBytes: number) => boolean;
  readonly nowMs: () => number;
  readonly minFreeRatioAfterLoad: number;
}

/** A candidate and the promise made to it. */
export interface ReservedCandidate {
  readonly candidate: Candidate;
  readonly reservation: Reservation;
}

export interface GateOutcome {
  readonly decision: Decision;
  /** Absent where nothing was to be reserved, or the load is refused. */
  readonly reserved?: ReservedCandidate;
}

/** The machine and the ledger together, read in the order that lets races err on the safe side. */
export interface GateView extends MemorySituation {
  readonly measure: MemoryMeasure;
  readonly burden: Burden;
  /** Kept for loads that wait, and taken off the headroom. */
  readonly waitingBytes: number;
  /**
   * The headroom scope by scope, without the promises of loads under way: these show in the scope as they are taken.
   * Absent where the scopes were not read one by one.
   */
  readonly scopesBytes?: readonly number[];
}

/** A place in the line before all that wait: nothing is kept for them. */
const FIRST = 'first';

export class AdmissionGate {
  readonly #parts: AdmissionGateParts;
  /** As the last reading had them: what is published in between needs no reading of its own. */
  #scopes: readonly string[] = [];
  #threads = false;

  constructor(parts: AdmissionGateParts) {
    this.#parts = parts;
  }

  /** What all processes have left, whatever loads wait for. */
  look(): GateView {
    return this.#lookFrom(FIRST);
  }

  /** The same, scope by scope. */
  lookIntoScopes(): GateView {
    return this.#lookFrom(FIRST, true);
  }

  /** Growth and peers first, then the machine: memory taken in between is counted twice rather than not at all. */
  #lookFrom(place: WaitTicket | typeof FIRST | undefined, intoScopes = false): GateView {
    const { reader, ledger, shared, grownBytes } = this.#parts;
    const grown = grownBytes();
    const peers = shared?.peers() ?? [];
    // Where several threads of one process hold promises, its growth can't be shared out: it pays for none of them.
    this.#threads = peers.some(({ ownProcess }) => ownProcess);
    const burden = ledger.computeBurden(this.#threads ? undefined : grown);
    const own = place === FIRST ? [] : ledger.listWaitingBefore(place).map(({ need }) => need);
    const ownMapped = own.reduce((sum, need) => sum + need.mappedBytes, 0);
    const ownAnonymous = own.reduce((sum, need) => sum + need.anonymousBytes, 0);
    const alone = peers.length === 0 ? this.#alone(intoScopes) : undefined;
    const { measure, left } = alone ?? this.#among(peers, placeUs(place));
    const promisedAnonymousBytes =
      burden.promisedAnonymousBytes + ownAnonymous + (measure.availableBytes - left.availableBytes);
    if (shared) this.#scopes = (reader.scopeKeys?.() ?? []).filter((key) => key !== undefined);
    const ownBytes = burden.mappedBytes + burden.promisedMappedBytes + burden.promisedAnonymousBytes;
    return {
      measure,
      burden,
      totalBytes: measure.totalBytes,
      availableBytes: measure.availableBytes,
      headroomBytes: left.headroomBytes - ownBytes - (ownMapped + ownAnonymous),
      promisedAnonymousBytes,
      waitingBytes: ownMapped + ownAnonymous + left.waitingBytes,
      ...(intoScopes && {
        scopesBytes: left.scopesBytes.map((bytes) => bytes - ownBytes + burden.loadingAnonymousBytes),
      }),
    };
  }

  /** `undefined` where the scopes are asked for and the reader can't tell them but in a snapshot. */
  #alone(intoScopes: boolean) {
    const { reader } = this.#parts;
    const scopes = intoScopes ? reader.measureScopes?.() : { measure: reader.measure(), availableBytes: [] };
    if (!scopes) return undefined;
    const { measure, availableBytes: scopesBytes } = scopes;
    const { availableBytes } = measure;
    return { measure, left: { headroomBytes: availableBytes, availableBytes, waitingBytes: 0, scopesBytes } };
  }

  /** Each scope has its own peers, so all of them are read. */
  #among(peers: readonly Peer[], beforeUs: number) {
    const { reader, ledger } = this.#parts;
    const { scopes, totalBytes, availableBytes } = reader.snapshot();
    const keys = reader.scopeKeys?.() ?? [];
    const keyed = scopes.map((scope, index) => {
      const key = keys[index];
      return { availableBytes: scope.availableBytes, ...(key !== undefined && { key }) };
    });
    const measure = { totalBytes, availableBytes, hostBinds: hostBinds({ scopes, totalBytes }) };
    return { measure, left: subtractPeers(keyed, peers, ledger.listHeldKeys(), beforeUs) };
  }

  /**
   * Decides, and reserves the candidate that was chosen, the first whatever was decided, or nothing.
   * There must be no `await` in here. Throws `ERR_SENSOR` where the machine can't be read.
   */
  decide(ask: AdmissionRequest, reserve: 'chosen' | 'first' | 'nothing', collects = true): GateOutcome {
    const candidates = stepsOf(ask);
    let judged = this.#judge(candidates, ask.ticket);
    if (!judged.chosen && collects && this.#parts.collect(leastMissing(judged.verdicts))) {
      judged = this.#judge(candidates, ask.ticket);
    }
    const decision = makeDecision(ask, judged);
    const candidate = reserve === 'first' ? candidates[0] : reserve === 'chosen' ? judged.chosen : undefined;
    return candidate ? { decision, reserved: this.#reserve(ask.model, candidate) } : { decision };
  }

  /** For a load that was refused: what would fit if it took a smaller context than it allows. */
  findSmallerContext(ask: AdmissionRequest): CandidateVerdict | undefined {
    const view = this.#lookFrom(ask.ticket);
    const unheld = stepsOf(ask).map((candidate) => this.#lessHeld(candidate));
    return findSmallerContext(unheld, view, this.#parts.minFreeRatioAfterLoad);
  }

  /** Collects garbage if that may turn a refusal, outside the lock: it takes milliseconds. False where it can't. */
  collectFor({ verdict, candidates }: Decision): boolean {
    return verdict === 'refuse' && this.#parts.collect(leastMissing(candidates));
  }

  /** Promises the first candidate its need without asking the rules. */
  reserveFirst(ask: AdmissionRequest): ReservedCandidate {
    return this.#reserve(ask.model, ask.candidates[0] as Candidate);
  }

  /** Promises a need without asking the rules. */
  reserve(label: string, need: LoadNeed): Reservation {
    const { ledger, nowMs } = this.#parts;
    const grownBytes = this.#grownIfReadable();
    const reservation = ledger.reserve(label, need, { clockMs: nowMs(), epochMs: Date.now() }, grownBytes);
    this.#publish(grownBytes);
    return reservation;
  }

  loaded(reservation: Reservation, files: readonly HeldFile[] | undefined): void {
    this.#parts.ledger.markLoaded(reservation, files);
    this.#publish();
  }

  /** What the process has grown by since this promise was made; `undefined` where that can't be read. */
  grownSince({ grownBytes }: Reservation): number | undefined {
    const nowBytes = this.#grownIfReadable();
    return nowBytes === undefined || grownBytes === undefined ? undefined : nowBytes - grownBytes;
  }

  /** Joins the line of loads that wait. */
  wait(label: string, need: LoadNeed): WaitTicket {
    const ticket = this.#parts.ledger.wait(label, need, Number(process.hrtime.bigint() / 1000n));
    this.#publish();
    return ticket;
  }

  /** 1 for the load that is next. */
  position(ticket: WaitTicket): number {
    const { ledger, shared } = this.#parts;
    const elsewhere = listWaitingBefore(shared?.peers() ?? [], ticket.sinceUs);
    return ledger.listWaitingBefore(ticket).length + elsewhere.length + 1;
  }

  endWait(ticket: WaitTicket): void {
    this.#parts.ledger.endWait(ticket);
    this.#publish();
  }

  settle(reservation: Reservation): void {
    const grownBytes = this.#grownIfReadable();
    this.#parts.ledger.settle(reservation, grownBytes);
    this.#publish(grownBytes);
  }

  /** Forgets a promise. False where it was forgotten already. */
  release(reservation: Reservation): boolean {
    const grownBytes = this.#grownIfReadable();
    const released = this.#parts.ledger.release(reservation, grownBytes);
    if (released) this.#publish(grownBytes);
    return released;
  }

  /** Tells the other processes what is held here now. `grownBytes` where it was just read. */
  #publish(grownBytes?: number): void {
    const { ledger, shared } = this.#parts;
    if (!shared) return;
    const paysBytes = this.#threads ? undefined : (grownBytes ?? this.#grownIfReadable());
    shared.publish(this.#scopes, ledger.describeHoldings(paysBytes));
  }

  /** No call and no disposal must fail because a reading does; the ledger counts more carefully without it. */
  #grownIfReadable(): number | undefined {
    try {
      return this.#parts.grownBytes();
    } catch {
      return undefined;
    }
  }

  #judge(candidates: readonly Candidate[], ticket: WaitTicket | undefined): JudgedCandidates {
    const view = this.#lookFrom(ticket);
    const unheld = candidates.map((candidate) => this.#lessHeld(candidate));
    const verdicts = judgeCandidates(unheld, view, this.#parts.minFreeRatioAfterLoad);
    const chosen = verdicts.find((candidate) => candidate.admitted);
    return { view, verdicts, chosen };
  }

  /** Files that loaded models keep mapped are in their sum already: this one needs only the rest. */
  #lessHeld(candidate: Candidate): Candidate {
    const { need, smaller } = candidate;
    const heldBytes = need.files ? this.#heldBytes(need.files) : 0;
    if (heldBytes === 0) return candidate;
    return {
      ...candidate,
      need: { ...need, mappedBytes: Math.max(0, need.mappedBytes - heldBytes) },
      ...(smaller && { smaller: { ...smaller, at: (contextSize) => this.#lessHeld(smaller.at(contextSize)) } }),
    };
  }

  /** Whoever maps a file, its pages are there and counted once. */
  #heldBytes(files: readonly HeldFile[]): number {
    const { ledger, shared } = this.#parts;
    const elsewhere = new Set((shared?.peers() ?? []).flatMap((peer) => peer.files.map(({ key }) => key)));
    const bytes = files.reduce((sum, file) => sum + (elsewhere.has(file.key) ? file.bytes : 0), 0);
    return bytes + ledger.sumHeldBytes(files.filter(({ key }) => !elsewhere.has(key)));
  }

  #reserve(model: string, candidate: Candidate): ReservedCandidate {
    return { candidate, reservation: this.reserve(model, candidate.need) };
  }
}

/** What came before this place in the line; before a load without one, all that wait. */
function placeUs(place: WaitTicket | typeof FIRST | undefined): number {
  if (place === FIRST) return Number.NEGATIVE_INFINITY;
  return place?.sinceUs ?? Number.POSITIVE_INFINITY;
}
