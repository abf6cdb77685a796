/** What this process can still take: the ledger, the other processes and the machine, read in the order that lets races err on the safe side. */
import { readMachineUs } from '../core/clock.ts';
import type { MemoryMeasure, MemoryReader } from '../core/memory-reader.ts';
import type { Burden, Ledger, WaitTicket } from '../ledger/ledger.ts';
import { type Peer, type PlaceInLine, subtractPeers } from '../ledger/peer-headroom.ts';
import type { MemorySituation } from '../policy/admission-rules.ts';
import { hostBinds } from '../policy/recommend-quantization.ts';

/** What a view is made from. */
export interface MemoryViewParts {
  readonly reader: MemoryReader;
  readonly ledger: Ledger;
  /** The other processes. Absent if they are not to be seen. */
  readonly shared?: { peers(): readonly Peer[] };
}

/** The machine and the ledger together, at one moment. */
export interface MemoryView extends MemorySituation {
  readonly measure: MemoryMeasure;
  readonly burden: Burden;
  /** The other processes and threads, as they were at that moment. */
  readonly peers: readonly Peer[];
  /** Kept for the load that waits first, and taken off the headroom. */
  readonly waitingBytes: number;
  /**
   * The headroom scope by scope, without the promises of loads under way: these show in the scope as they are taken.
   * Absent if the scopes were not read one by one.
   */
  readonly scopesBytes?: readonly number[];
}

/** A place in the line before all that wait: nothing is kept for them. */
export const FIRST = 'first';

const NO_FILES: ReadonlySet<string> = new Set();

export class MemoryViewer {
  readonly #parts: MemoryViewParts;
  /** The names of the scopes at the last reading. What is published in between needs no reading of its own. */
  #scopes: readonly string[] = [];
  #peers: readonly Peer[] = [];

  constructor(parts: MemoryViewParts) {
    this.#parts = parts;
  }

  /** The scopes that this process's memory is charged to, by the names that all processes know them by. */
  get scopes(): readonly string[] {
    return this.#scopes;
  }

  /** The other processes and threads at the last reading. */
  get peers(): readonly Peer[] {
    return this.#peers;
  }

  /** The ledger and peers first, then the machine: memory taken in between is counted twice rather than not at all. */
  look(place: WaitTicket | typeof FIRST | undefined, intoScopes = false): MemoryView {
    const { reader, ledger, shared } = this.#parts;
    const peers = shared?.peers() ?? [];
    this.#peers = peers;
    const burden = ledger.computeBurden();
    const line = this.#findPlace(place);
    const alone = peers.length === 0 ? this.#alone(intoScopes, line) : undefined;
    const { measure, left } = alone ?? this.#among(peers, line);
    const promisedAnonymousBytes = burden.promisedAnonymousBytes + (measure.availableBytes - left.availableBytes);
    if (shared) this.#scopes = (reader.scopeKeys?.() ?? []).filter((key) => key !== undefined);
    const ownBytes = burden.mappedBytes + burden.promisedMappedBytes + burden.promisedAnonymousBytes;
    return {
      measure,
      burden,
      peers,
      totalBytes: measure.totalBytes,
      availableBytes: measure.availableBytes,
      headroomBytes: left.headroomBytes - ownBytes,
      promisedAnonymousBytes,
      waitingBytes: left.waitingBytes,
      ...(intoScopes && {
        scopesBytes: left.scopesBytes.map((bytes) => bytes - ownBytes + burden.loadingAnonymousBytes),
      }),
    };
  }

  /** `undefined` if the scopes are asked for and the reader can't tell them but in a snapshot. */
  #alone(intoScopes: boolean, line: PlaceInLine) {
    const { reader } = this.#parts;
    const scopes = intoScopes ? reader.measureScopes?.() : { measure: reader.measure(), availableBytes: [] };
    if (!scopes) return undefined;
    const { measure, availableBytes: scopesBytes } = scopes;
    return { measure, left: { ...subtractPeers([measure], [], NO_FILES, line), scopesBytes } };
  }

  /** Each scope has its own peers, so all of them are read. */
  #among(peers: readonly Peer[], line: PlaceInLine) {
    const { reader, ledger } = this.#parts;
    const { scopes, totalBytes, availableBytes } = reader.snapshot();
    const keys = reader.scopeKeys?.() ?? [];
    const keyed = scopes.map((scope, index) => {
      const key = keys[index];
      return { availableBytes: scope.availableBytes, ...(key !== undefined && { key }) };
    });
    const measure = { totalBytes, availableBytes, hostBinds: hostBinds({ scopes, totalBytes }) };
    return { measure, left: subtractPeers(keyed, peers, ledger.listHeldKeys(), line) };
  }

  /** What comes before this place in the line; before a load without one, all that wait. */
  #findPlace(place: WaitTicket | typeof FIRST | undefined): PlaceInLine {
    const nowUs = readMachineUs();
    if (place === FIRST) return { ownFirst: undefined, beforeUs: Number.NEGATIVE_INFINITY, nowUs };
    const ownFirst = this.#parts.ledger.findFirstWaiting(place, nowUs);
    return { ownFirst, beforeUs: place?.sinceUs ?? Number.POSITIVE_INFINITY, nowUs };
  }
}
