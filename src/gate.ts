/** The one critical section: reads, judges and reserves in one synchronous step, so that no load slips between. */
import type { Decision } from './events.ts';
import type { Burden, Ledger, Reservation, Ticket } from './ledger/ledger.ts';
import type { Situation } from './policy/admit.ts';
import { type Candidate, type CandidateVerdict, judgeAll, stepsThatSave } from './policy/choose.ts';
import type { HeldFile, MemoryMeasure, MemoryReader, Need, Quantization } from './types.ts';

/** What the gate needs of its surroundings. */
export interface GateParts {
  readonly reader: MemoryReader;
  readonly ledger: Ledger;
  /** The process's own anonymous growth; absent where it can't be read. */
  readonly grownBytes: () => number | undefined;
  /** Collects garbage if there may be as much as is missing. False where it wasn't worth trying. */
  readonly collect: (missingBytes: number) => boolean;
  readonly nowMs: () => number;
  readonly minFreeRatioAfterLoad: number;
}

/** One load to decide on; candidates in order of quality, the asked one first. */
export interface Ask {
  readonly model: string;
  readonly askedQuantization?: Quantization;
  readonly candidates: readonly Candidate[];
  /** Whether candidates after the first may be taken. */
  readonly downgrade: boolean;
  /** Its place in the line: loads that wait before it keep what they wait for, all of them where it has none. */
  readonly ticket?: Ticket;
}

/** A candidate and the promise made to it. */
export interface Reserved {
  readonly candidate: Candidate;
  readonly reservation: Reservation;
}

export interface Outcome {
  readonly decision: Decision;
  /** Absent where nothing was to be reserved, or the load is refused. */
  readonly reserved?: Reserved;
}

/** The machine and the ledger together, read in the order that lets races err on the safe side. */
export interface View extends Situation {
  readonly measure: MemoryMeasure;
  readonly burden: Burden;
}

export class Gate {
  readonly #parts: GateParts;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** Growth first, then the machine: memory taken in between is counted twice rather than not at all. */
  look(): View {
    const { reader, ledger, grownBytes } = this.#parts;
    const burden = ledger.burden(grownBytes());
    const measure = reader.measure();
    const { mappedBytes, promisedMappedBytes, promisedAnonymousBytes } = burden;
    return {
      measure,
      burden,
      totalBytes: measure.totalBytes,
      availableBytes: measure.availableBytes,
      headroomBytes: measure.availableBytes - mappedBytes - promisedMappedBytes - promisedAnonymousBytes,
      promisedAnonymousBytes,
    };
  }

  /**
   * Decides, and reserves the candidate that was chosen, the first whatever was decided, or nothing.
   * There must be no `await` in here. Throws `ERR_SENSOR` where the machine can't be read.
   */
  decide(ask: Ask, reserve: 'chosen' | 'first' | 'nothing'): Outcome {
    const candidates = stepsThatSave(ask.downgrade ? ask.candidates : sameQuantization(ask.candidates));
    let judged = this.#judge(candidates, ask.ticket);
    if (!judged.chosen && this.#parts.collect(leastMissing(judged.verdicts))) {
      judged = this.#judge(candidates, ask.ticket);
    }
    const decision = decisionOf(ask, judged);
    const candidate = reserve === 'first' ? candidates[0] : reserve === 'chosen' ? judged.chosen : undefined;
    return candidate ? { decision, reserved: this.#reserve(ask.model, candidate) } : { decision };
  }

  /** Promises the first candidate its need without asking the rules. */
  reserveFirst(ask: Ask): Reserved {
    return this.#reserve(ask.model, ask.candidates[0] as Candidate);
  }

  /** Promises a need without asking the rules. */
  reserve(label: string, need: Need): Reservation {
    const { ledger, nowMs } = this.#parts;
    return ledger.reserve(label, need, nowMs(), this.#grownIfReadable());
  }

  loaded(reservation: Reservation, files: readonly HeldFile[] | undefined): void {
    this.#parts.ledger.loaded(reservation, files);
  }

  /** What the process has grown by since this promise was made; `undefined` where that can't be read. */
  grownSince({ grownBytes }: Reservation): number | undefined {
    const nowBytes = this.#grownIfReadable();
    return nowBytes === undefined || grownBytes === undefined ? undefined : nowBytes - grownBytes;
  }

  /** Joins the line of loads that wait. */
  wait(label: string, need: Need): Ticket {
    return this.#parts.ledger.wait(label, need);
  }

  /** 1 for the load that is next. */
  position(ticket: Ticket): number {
    return this.#parts.ledger.before(ticket).length + 1;
  }

  endWait(ticket: Ticket): void {
    this.#parts.ledger.endWait(ticket);
  }

  settle(reservation: Reservation): void {
    this.#parts.ledger.settle(reservation, this.#grownIfReadable());
  }

  /** Forgets a promise. False where it was forgotten already. */
  release(reservation: Reservation): boolean {
    return this.#parts.ledger.release(reservation, this.#grownIfReadable());
  }

  /** No call and no disposal must fail because a reading does; the ledger counts more carefully without it. */
  #grownIfReadable(): number | undefined {
    try {
      return this.#parts.grownBytes();
    } catch {
      return undefined;
    }
  }

  #judge(candidates: readonly Candidate[], ticket: Ticket | undefined): Judged {
    const view = this.#lookFrom(ticket);
    const unheld = candidates.map((candidate) => this.#lessHeld(candidate));
    const verdicts = judgeAll(unheld, view, this.#parts.minFreeRatioAfterLoad);
    const chosen = verdicts.find((candidate) => candidate.admitted);
    return { view, verdicts, chosen };
  }

  /** What is left for a load at this place in the line. */
  #lookFrom(ticket: Ticket | undefined): Situation & { readonly waitingBytes: number } {
    const view = this.look();
    const needs = this.#parts.ledger.before(ticket).map(({ need }) => need);
    const anonymousBytes = needs.reduce((sum, need) => sum + need.anonymousBytes, 0);
    const waitingBytes = needs.reduce((sum, need) => sum + need.mappedBytes, anonymousBytes);
    return {
      ...view,
      headroomBytes: view.headroomBytes - waitingBytes,
      promisedAnonymousBytes: view.promisedAnonymousBytes + anonymousBytes,
      waitingBytes,
    };
  }

  /** Files that loaded models keep mapped are in their sum already: this one needs only the rest. */
  #lessHeld(candidate: Candidate): Candidate {
    const { need, smaller } = candidate;
    const heldBytes = need.files ? this.#parts.ledger.heldBytes(need.files) : 0;
    if (heldBytes === 0) return candidate;
    return {
      ...candidate,
      need: { ...need, mappedBytes: Math.max(0, need.mappedBytes - heldBytes) },
      ...(smaller && { smaller: { ...smaller, at: (contextSize) => this.#lessHeld(smaller.at(contextSize)) } }),
    };
  }

  #reserve(model: string, candidate: Candidate): Reserved {
    return { candidate, reservation: this.reserve(model, candidate.need) };
  }
}

interface Judged {
  readonly view: Situation & { readonly waitingBytes: number };
  readonly verdicts: readonly CandidateVerdict[];
  readonly chosen: CandidateVerdict | undefined;
}

/** Without a downgrade the quantization stays; contexts and cache types are the caller's own ranges. */
function sameQuantization(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ quantization }) => quantization === candidates[0]?.quantization);
}

function leastMissing(verdicts: readonly CandidateVerdict[]): number {
  return Math.min(...verdicts.map((candidate) => candidate.shortfallBytes));
}

function decisionOf(ask: Ask, { view, verdicts, chosen }: Judged): Decision {
  const { totalBytes, availableBytes, headroomBytes, waitingBytes } = view;
  return {
    verdict: !chosen ? 'refuse' : chosen.quantization === ask.askedQuantization ? 'admit' : 'downgrade',
    model: ask.model,
    ...(ask.askedQuantization && { askedQuantization: ask.askedQuantization }),
    ...(chosen?.quantization && { quantization: chosen.quantization }),
    ...(chosen?.contextSize !== undefined && { contextSize: chosen.contextSize }),
    ...(chosen?.kvCacheType !== undefined && { kvCacheType: chosen.kvCacheType }),
    ...(chosen && { need: chosen.need }),
    totalBytes,
    availableBytes,
    headroomBytes,
    ...(waitingBytes > 0 && { waitingBytes }),
    candidates: verdicts,
  };
}
