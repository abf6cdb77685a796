/** What this process can still take: the ledger, the other processes and the machine, read in the order that lets races err on the safe side. */
import { readMachineUs } from '../core/clock.ts';
import type { MemoryMeasure, MemoryReader } from '../core/memory-reader.ts';
import type { Burden, Ledger, WaitTicket } from '../ledger/ledger.ts';
import { type KeyedScope, type Peer, type PlaceInLine, subtractPeers } from '../ledger/peer-headroom.ts';
import type { MemorySituation } from '../policy/admission-rules.ts';
import { hostBinds } from '../policy/recommend-quantization.ts';

/** What a view is made from. */
export interface MemoryViewParts {
  readonly reader: MemoryReader;
  readonly ledger: Ledger;
  /** The other processes. Absent if they are not to be seen. */
  readonly shared?: { peers(): readonly Peer[] };
  readonly nowMs: () => number;
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

/** The moment between a decision and the load that it lets in. */
const RECENT_MS = 10;

/** The machine at one moment. */
interface MachineReading {
  readonly measure: MemoryMeasure;
  readonly scopes: readonly KeyedScope[];
  /** Whether the scopes were read one by one. Otherwise the smallest stands for all of them. */
  readonly intoScopes: boolean;
  /** Whether the figures of all scopes are exact. Otherwise that of the smallest is, and the others are the least that can be left there. */
  readonly exact: boolean;
}

/** The same, and who else was on it. */
interface Reading extends MachineReading {
  readonly atMs: number;
  readonly peers: readonly Peer[];
}

const NO_FILES: ReadonlySet<string> = new Set();

export class MemoryViewer {
  readonly #parts: MemoryViewParts;
  /** The names of the scopes at the last reading. What is published in between needs no reading of its own. */
  #scopes: readonly string[] = [];
  #last: Reading | undefined;

  constructor(parts: MemoryViewParts) {
    this.#parts = parts;
  }

  /** The scopes that this process's memory is charged to, by the names that all processes know them by. */
  get scopes(): readonly string[] {
    return this.#scopes;
  }

  /** The other processes and threads at the last reading. */
  get peers(): readonly Peer[] {
    return this.#last?.peers ?? [];
  }

  /**
   * Peers first, then the machine: memory taken in between is counted twice rather than not at all. `recent` may use the last reading
   * once more, if it was made just now: never for a decision.
   */
  look(place: WaitTicket | typeof FIRST | undefined, intoScopes = false, recent = false): MemoryView {
    const { ledger } = this.#parts;
    const { peers, ...quick } = recent ? this.#readUnlessRecent(intoScopes) : this.#read(intoScopes);
    const burden = ledger.computeBurden();
    const ownFiles = peers.length === 0 ? NO_FILES : ledger.listHeldKeys();
    const line = this.#findPlace(place);
    let { measure, scopes } = quick;
    let left = subtractPeers(scopes, peers, ownFiles, line);
    if (peers.length > 0 && !quick.exact && !left.smallestBinds) {
      // Another scope binds by now, of which so far only the least is known that it can have.
      ({ measure, scopes } = this.#readExactly());
      left = subtractPeers(scopes, peers, ownFiles, line);
    }
    const ownBytes = burden.mappedBytes + burden.promisedMappedBytes + burden.promisedAnonymousBytes;
    return {
      measure,
      burden,
      peers,
      totalBytes: measure.totalBytes,
      availableBytes: measure.availableBytes,
      headroomBytes: left.headroomBytes - ownBytes,
      promisedAnonymousBytes: burden.promisedAnonymousBytes + (measure.availableBytes - left.availableBytes),
      waitingBytes: left.waitingBytes,
      ...(intoScopes && {
        scopesBytes: left.scopesBytes.map((bytes) => bytes - ownBytes + burden.loadingAnonymousBytes),
      }),
    };
  }

  #readUnlessRecent(intoScopes: boolean): Reading {
    const last = this.#last;
    const usable = last && this.#parts.nowMs() - last.atMs <= RECENT_MS && (last.intoScopes || !intoScopes);
    return usable ? last : this.#read(intoScopes);
  }

  #read(intoScopes: boolean): Reading {
    const { reader, shared } = this.#parts;
    const peers = shared?.peers() ?? [];
    const reading = this.#readMachine(intoScopes || peers.length > 0);
    this.#last = { ...reading, peers, atMs: this.#parts.nowMs() };
    if (shared) this.#scopes = (reader.scopeKeys?.() ?? []).filter((key) => key !== undefined);
    return this.#last;
  }

  /** Without peers all scopes have the same to take off, so the smallest figure is enough if they are not asked for. */
  #readMachine(intoScopes: boolean): MachineReading {
    const { reader } = this.#parts;
    const apart = reader.measureScopes?.();
    if (apart) {
      const { measure, availableBytes } = apart;
      return { measure, scopes: this.#nameScopes(availableBytes), intoScopes: true, exact: false };
    }
    if (intoScopes) return this.#readExactly();
    const measure = reader.measure();
    return { measure, scopes: [measure], intoScopes: false, exact: true };
  }

  #readExactly(): MachineReading {
    const { scopes, totalBytes, availableBytes } = this.#parts.reader.snapshot();
    const named = this.#nameScopes(scopes.map((scope) => scope.availableBytes));
    const measure = { totalBytes, availableBytes, hostBinds: hostBinds({ scopes, totalBytes }) };
    return { measure, scopes: named, intoScopes: true, exact: true };
  }

  #nameScopes(availableBytes: readonly number[]): readonly KeyedScope[] {
    const keys = this.#parts.reader.scopeKeys?.() ?? [];
    return availableBytes.map((bytes, index) => {
      const key = keys[index];
      return { availableBytes: bytes, ...(key !== undefined && { key }) };
    });
  }

  /** What comes before this place in the line; before a load without one, all that wait. */
  #findPlace(place: WaitTicket | typeof FIRST | undefined): PlaceInLine {
    const nowUs = readMachineUs();
    if (place === FIRST) return { ownFirst: undefined, beforeUs: Number.NEGATIVE_INFINITY, nowUs };
    const ownFirst = this.#parts.ledger.findFirstWaiting(place, nowUs);
    return { ownFirst, beforeUs: place?.sinceUs ?? Number.POSITIVE_INFINITY, nowUs };
  }
}
