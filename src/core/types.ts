/** The words of the whole package as types; it knows no behaviour. All sizes are bytes. */

/**
 * A level that limits memory: the machine, a control group on our path, or a limit of this process alone. `commit`: what the
 * system promises to all programs together (Windows; Linux with strict overcommit). `job`: what the processes of our Windows job
 * may take together, `job-process`: what each of them may.
 */
export type ScopeKind =
  | 'host'
  | 'commit'
  | 'cgroup-v1'
  | 'cgroup-v2'
  | 'rlimit-as'
  | 'rlimit-data'
  | 'job'
  | 'job-process'
  | 'injected';

/** How much the system itself wants memory back, apart from the bytes: macOS' levels; Windows' notice of low memory is `warning`. */
export type MemoryPressure = 'normal' | 'warning' | 'critical';

/** One scope, read once. `availableBytes` is what this scope alone would still let the process take. */
export interface MemoryScope {
  readonly kind: ScopeKind;
  /** The control group's path inside its hierarchy, or a name for the other kinds. */
  readonly path: string;
  /** Hard limit. Absent where the scope has none. */
  readonly limitBytes?: number;
  /** `memory.high`: from here the kernel stalls us. Absent where it has none. */
  readonly highBytes?: number;
  readonly usedBytes: number;
  /** Page cache (without tmpfs and locked pages) and slab that the kernel takes back before it refuses. */
  readonly reclaimableBytes: number;
  /** Dirty and written-back page cache; part of `reclaimableBytes`, reported apart. */
  readonly dirtyBytes?: number;
  /** Swap that this scope may still use; counted in `availableBytes` only when asked for. */
  readonly swapBytes?: number;
  readonly availableBytes: number;
}

/** One reading of the machine, frozen. */
export interface MemorySnapshot {
  /** The smallest limit over all scopes. */
  readonly totalBytes: number;
  /** The smallest `availableBytes` over all scopes. */
  readonly availableBytes: number;
  /** The scope with the smallest `availableBytes`. */
  readonly limitedBy: MemoryScope;
  /** The host first, then control groups from the root to ours, then limits of the process. */
  readonly scopes: readonly MemoryScope[];
  readonly source: 'native' | 'procfs' | 'node' | 'injected';
  /** False where only `node:os` could be asked. */
  readonly precise: boolean;
  /** True where a namespace hides groups above the visible root. */
  readonly ancestorsHidden: boolean;
  /** Absent where the system has no such level (Linux). No rule reads it: it is told and wakes the watching. */
  readonly pressure?: MemoryPressure;
  /** `performance.timeOrigin + performance.now()` of the reading. */
  readonly takenAtMs: number;
}

/** The two figures that decide, without the rest: the exact minima that a full snapshot would show. */
export interface MemoryMeasure {
  readonly totalBytes: number;
  readonly availableBytes: number;
  /** True where the machine itself, no group or process limit, has the smallest limit. */
  readonly hostBinds: boolean;
}

/** The same with what each scope of a snapshot has: exact for the smallest, at the least that for the others. */
export interface ScopesMeasure {
  readonly measure: MemoryMeasure;
  readonly availableBytes: readonly number[];
}

/** Reads one machine (or a tree of its files). Every method throws `ERR_SENSOR` rather than guess. */
export interface MemoryReader {
  readonly source: MemorySnapshot['source'];
  measure(): MemoryMeasure;
  /** Absent where it would cost as much as a snapshot. */
  measureScopes?(): ScopesMeasure;
  snapshot(): MemorySnapshot;
  /**
   * A name for each scope of the last snapshot that all processes under it agree on; `undefined` for a limit of this
   * process alone. Absent where the system has no such names.
   */
  scopeKeys?(): readonly (string | undefined)[];
  /** Watches between readings; `undefined` where nothing here can. `woken` is called where a reading is due. */
  openWatch?(woken: () => void): MemoryWatch | undefined;
  /** The files of the last reading, or how else memory was asked for. */
  readFrom?(): readonly string[];
  close(): void;
}

/** Goes on watching where the event loop can't. */
export interface MemoryWatch {
  /**
   * From the last snapshot on, whose scopes have `leftBytes` each: `woken` is called once when the smallest of them has
   * fallen below `belowBytes`. False where readings must be made as often as without it.
   */
  watch(leftBytes: readonly number[], belowBytes: number): boolean;
  /** The least that was left since the last call of `watch`, and how long ago that was. */
  least(): { readonly leftBytes: number; readonly ageMs: number } | undefined;
  close(): void;
}

/** What a replaced sensor returns. Missing fields are unknown, not zero. */
export interface SensorReading {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/** How a footprint was found. `given` is the user's own number; `unknown` is nothing, admitted because the user chose so. */
export type FootprintBasis = 'table' | 'gguf' | 'measured' | 'given' | 'unknown';

/** A file that a model keeps mapped: its device and inode as /proc/self/maps shows them, or a name of our own. */
export interface HeldFile {
  readonly key: string;
  readonly bytes: number;
}

/** What a model needs, as far as the rules care. */
export interface LoadNeed {
  /** Clean, file-backed bytes: they stay available to the system. */
  readonly mappedBytes: number;
  readonly anonymousBytes: number;
  readonly basis: FootprintBasis;
  /** The files that `mappedBytes` are of, where they are known: one that is mapped already needs nothing more. */
  readonly files?: readonly HeldFile[];
}

/** A load's memory in the parts that a process can see of itself, at the times at which they are taken. */
export interface LoadParts {
  readonly mappedBytes: number;
  readonly anonymousAfterLoadBytes: number;
  /** After a call that filled a micro-batch. */
  readonly anonymousAfterCallBytes: number;
}

export type Quantization = 'Q4_0' | 'Q4_K_M' | 'Q5_K_M';

export type MemoryStatusLevel = 'ok' | 'warning' | 'critical';
