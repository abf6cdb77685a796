/** The words between resolution and the readers: which files to read and where their numbers go. No behaviour. */
import type { ScopeName } from '../scope-rows.ts';

/** How a file is read. The numbers are the addon's as well (native/memory_files.h). */
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

/** What one resolution found. `initial` are the rows before any reading: NaN, and what does not change between readings. */
export interface Plan {
  readonly scopes: readonly ScopeName[];
  /** Numbers first, memory.stat files last and from our group upwards: the short cut of `measure()` relies on it. */
  readonly files: readonly PlannedFile[];
  /** `/proc/self/cgroup` as it was resolved. Absent on a kernel without control groups. */
  readonly group: { readonly path: string; readonly bytes: Uint8Array } | undefined;
  readonly ancestorsHidden: boolean;
  readonly swap: boolean;
  readonly initial: Float64Array;
}

/** How a reading of a plan ended: all numbers are in the rows · our group is another one · a file failed. */
export const DONE = 0;
export const MOVED = 1;
export const FAILED = 2;
export type Outcome = typeof DONE | typeof MOVED | typeof FAILED;

export interface Problem {
  readonly file: string;
  /** `ENOENT` and the like; absent where the file was read and its text is wrong. */
  readonly errno?: string;
  /** What stands where the number should be. */
  readonly expected?: string;
  readonly found?: string;
}

/** Reads one plan again and again; the JavaScript and the native one differ only here. */
export interface Engine {
  readonly rows: Float64Array;
  /** `full`: every file; otherwise memory.stat only where it can change the minimum. */
  read(full: boolean): Outcome;
  /** Of the last reading that was not `DONE`; none where our group is simply another one. */
  problem(): Problem | undefined;
  close(): void;
}
