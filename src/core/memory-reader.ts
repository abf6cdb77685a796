/** The port behind which memory is read: rooms that decide and watch know it, the readers in `sensors` implement it. */
import type { MemoryScope, MemorySnapshot, ScopeKind } from './types.ts';

/** The figures that decide a load, without the rest of a snapshot. They are exactly the minima that a full snapshot would show. */
export interface MemoryMeasure {
  /** The smallest limit over all scopes, in bytes. */
  readonly totalBytes: number;
  /** The smallest availability over all scopes, in bytes. */
  readonly availableBytes: number;
  /** True if the machine itself, and no control group or process limit, has the smallest limit. */
  readonly hostBinds: boolean;
}

/** A measure together with what each scope still has. */
export interface ScopesMeasure {
  readonly measure: MemoryMeasure;
  /** One figure for each scope, in the order of a snapshot: exact for the smallest one, a lower bound for the others. */
  readonly availableBytes: readonly number[];
}

/** What one scope allows. */
export interface ScopeLimit {
  readonly kind: ScopeKind;
  /** The control group's path inside its hierarchy, or a name for the other kinds. */
  readonly path: string;
  /** The lowest of its limits: of a control group memory.max and memory.high. Absent if it has none. */
  readonly limitBytes?: number;
}

/**
 * Reads the memory of one machine, or a tree of its files.
 *
 * @throws MemoryGuardError Every method that reads throws `ERR_SENSOR` instead of guessing if memory can't be read.
 */
export interface MemoryReader {
  /** How this reader asks for memory; every snapshot says the same. */
  readonly source: MemorySnapshot['source'];
  /** Reads what decides a load. */
  measure(): MemoryMeasure;
  /** Reads the same and each scope's share. A reader for which that would cost as much as a snapshot doesn't have it. */
  measureScopes?(): ScopesMeasure;
  /** Reads everything. */
  snapshot(): MemorySnapshot;
  /**
   * Names each scope of the last snapshot so that all processes under it agree; `undefined` stands for a limit of this
   * process alone. A reader whose system has no such names doesn't have it.
   */
  scopeKeys?(): readonly (string | undefined)[];
  /** Lists what each scope allowed at the last reading. Empty before the first one. A reader that keeps no limits doesn't have it. */
  limits?(): readonly ScopeLimit[];
  /** Watches memory between readings and calls `woken` if a reading is due. It returns `undefined` if nothing here can watch. */
  openWatch?(woken: () => void): MemoryWatch | undefined;
  /** Lists the files of the last reading, or says how else memory was asked for. */
  readFrom?(): readonly string[];
  /** Gives back what the reader holds. Later readings throw. */
  close(): void;
}

/** Goes on watching memory while the event loop is blocked. */
export interface MemoryWatch {
  /**
   * Watches from the last snapshot on, whose scopes have `leftBytes` each. `woken` is called once when the smallest of them
   * has fallen below `belowBytes`.
   *
   * @returns False if readings must be made as often as without the watch.
   */
  watch(leftBytes: readonly number[], belowBytes: number): boolean;
  /** Tells the least that was left since the last call of `watch`, in bytes, and how many milliseconds ago that was. */
  least(): { readonly leftBytes: number; readonly ageMs: number } | undefined;
  /** Ends the watching. */
  close(): void;
}

/**
 * Reads which scope has the least left, for a sentence or a hint. A reading that fails changes no decision, so the answer is
 * then `undefined` instead of an error.
 */
export function readLimitingScope(reader: Pick<MemoryReader, 'snapshot'>): MemoryScope | undefined {
  try {
    return reader.snapshot().limitedBy;
  } catch {
    return undefined;
  }
}
