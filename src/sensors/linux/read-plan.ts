/** The words between resolution and the engines: which files to read and where their numbers go. No behaviour. */
import type { ScopeName } from '../scope-rows.ts';

/** How a file is read. native/memory_files.h has the same numbers. */
export const PARSE = {
  /** One decimal number or `max`: memory.max, memory.limit_in_bytes. */
  number: 0,
  /** `MemTotal:       24683656 kB`; fills the host's row, and the commit row given as `column` (0: none). */
  meminfo: 1,
  /** `VmSize:	    3060 kB` and `VmData:`; fills USED of `row` (RLIMIT_AS) and of `column` (RLIMIT_DATA), 0: none. */
  status: 2,
  /** v1 memory.stat, `total_inactive_file 58413056`; `column` 1: also `hierarchical_memory_limit`, read at every measure. */
  statV1: 3,
  /** v2 memory.stat, `inactive_file 58413056`. */
  statV2: 4,
} as const;

export interface PlannedFile {
  readonly path: string;
  readonly parse: (typeof PARSE)[keyof typeof PARSE];
  readonly row: number;
  readonly column: number;
}

/** What one resolution found. */
export interface ReadPlan {
  readonly scopes: readonly ScopeName[];
  /** Numbers first, memory.stat files last and from our group upwards: the short cut of `measure()` relies on it. */
  readonly files: readonly PlannedFile[];
  /** `/proc/self/cgroup` as it was resolved. It is absent on a kernel without control groups. */
  readonly group: { readonly path: string; readonly bytes: Uint8Array } | undefined;
  readonly ancestorsHidden: boolean;
  readonly swap: boolean;
  /** The rows before any reading: NaN, and what does not change between readings. */
  readonly initial: Float64Array;
}

/** All numbers are in the rows. */
export const DONE = 0;
/** Our group is another one, or a group is gone. */
export const MOVED = 1;
/** A file could not be read or understood. */
export const FAILED = 2;
/** How a reading of a plan ended. */
export type ReadOutcome = typeof DONE | typeof MOVED | typeof FAILED;

/** Which file ended a reading, and why. */
export interface ReadProblem {
  readonly file: string;
  /** `ENOENT` and the like. It is absent if the file was read and its text is wrong. */
  readonly errno?: string;
  /** What was expected of the text, and what stands there instead. */
  readonly expected?: string;
  readonly found?: string;
}

/** Reads one plan again and again. The JavaScript reader and the native one differ only here. */
export interface ReadEngine {
  readonly rows: Float64Array;
  /** Reads into `rows`. `full`: every file; otherwise memory.stat only if it can change the minimum. */
  read(full: boolean): ReadOutcome;
  /** The problem of the last reading that was not `DONE`. There is none if our group is simply another one. */
  problem(): ReadProblem | undefined;
  close(): void;
}
