/** What the addon takes and gives, as types only. It knows no policy; `native/README.md` names the C++ file behind each member. */
import type { NexaBinding } from './nexa-binding.ts';

/**
 * What the addon exports. A member that is optional is absent on a system that has no such thing. No function converts a value: one of another
 * type throws a `TypeError` that says what was expected and what was found. A call in a worker that is being terminated ends without a trace.
 */
export interface Addon {
  /** Reads memory files of the kernel. Its constructor throws a `TypeError` if a row or a column of the plan lies outside `rows`. */
  readonly MemoryFiles: new (
    ...plan: NativePlan
  ) => NativeMemoryFiles;
  /** Whether this system has memory files. If it is false, the constructor of `MemoryFiles` throws. */
  readonly memoryFilesSupported: boolean;
  /** Watches memory files on a thread of the addon. It exists on Linux only. */
  readonly MemoryWatch?: new (
    ...args: [...NativePlan, notices: readonly NativeNotice[], woken: () => void]
  ) => NativeMemoryWatch;
  /** Meters what one load takes, from its construction to `close()`. It throws if it can't. It exists on Linux only. */
  readonly LoadMeter?: new (
    heapBytes: number,
    javascript: boolean,
  ) => NativeLoadMeter;
  /** Locks of open files. Absent if the system has no lock that ends with the process that holds it. */
  readonly locks?: NativeLocks;
  /**
   * Fills 16 figures in the order of src/sensors/darwin/darwin-figures.ts or src/sensors/win32/win32-figures.ts, NaN for a figure that does
   * not apply. Returns which system call failed and its error number, for example `host_page_size failed with 5`, or `undefined`. Absent on
   * Linux, whose memory is read from files.
   */
  readonly readMachine?: (figures: Float64Array) => string | undefined;
  /** Calls `changed` when the system reports another memory pressure, until `close()`. It does not keep the process alive. Absent on Linux. */
  readonly PressureWatch?: new (
    changed: () => void,
  ) => { close(): void };
  /**
   * Has this process end with its parent, also while JavaScript is blocked: by SIGKILL, so that nothing more runs, and on Windows with code 1.
   * `descriptor` is the channel to the parent, 3 in a child of `fork`, and `pid` the parent's. The process ends as soon as the channel's other end
   * is closed, which a parent does that disconnects, and a thread that ends after it forked, or as soon as its parent is another one. On Windows
   * it ends if the parent does. The child itself can't close the channel any more. Returns whether this process will end so; the first call that
   * returns true counts, and later ones change nothing.
   */
  readonly endWith?: (descriptor: number, pid: number) => boolean;
  /**
   * What another process holds, in bytes: its footprint on macOS, its private bytes on Windows. `undefined`: it has ended, or the system doesn't
   * tell. Absent on Linux, where files tell it.
   */
  readonly readProcess?: (pid: number) => number | undefined;
  /**
   * A build of llama.cpp that is asked what a load would take, without loading: for a process that may end by it. `files` are its libraries in the
   * order in which they need each other, `backends` the folder of those that compute, or ''. There is one in a process. It throws if a file can't
   * be loaded, or lacks what is asked. Linux only.
   */
  readonly EngineLibrary?: new (
    files: readonly string[],
    backends: string,
  ) => NativeEngineLibrary;
  /** The binding to the SDK's library. Absent if this system has no loader for it. */
  readonly nexa?: NexaBinding;
  /** Holds so many threads of libuv's pool back until `release()`, for a second at most: work that is begun meanwhile starts after that. */
  readonly ThreadPoolHold: new (
    threads: number,
  ) => { release(): void };
  /** Returns freed heap memory to the system, off the main thread. Resolves to false if the allocator cannot do that on demand. */
  trimHeap(): Promise<boolean>;
  /** Drops the cached pages of a file, except those that a process has mapped, off the main thread. Resolves to false if the system refuses. */
  dropPageCache(path: string): Promise<boolean>;
}

/** One build of llama.cpp (native/engine_library.h). Parameters are bytes as they lie in its structures; no call checks them. */
export interface NativeEngineLibrary {
  /** What the build fills in itself, and behind that whatever was there; empty for parameters that it doesn't know. */
  defaults(): { readonly model: Uint8Array; readonly context: Uint8Array; readonly projector: Uint8Array };
  /** Reads a model's header. False if the library refuses. The model before it is closed. */
  openModel(path: string, parameters: Uint8Array): boolean;
  /** Gives every context of the open model this LoRA adapter, whose weights are really read. */
  addAdapter(path: string): boolean;
  /**
   * Lays out a context of the open model. `heldBytes` is what this process holds in anonymous memory meanwhile. `undefined` if the library
   * refuses.
   */
  measure(
    parameters: Uint8Array,
  ): { readonly buffers: readonly NativeBuffer[]; readonly heldBytes: number } | undefined;
  /** Bytes on each device. `undefined` if the library refuses or can't tell. */
  measureProjector(
    path: string,
    parameters: Uint8Array,
  ): readonly { readonly name: string; readonly bytes: number }[] | undefined;
  /** What this process holds in anonymous memory; NaN if that can't be read. */
  heldBytes(): number;
  /** What it printed since the last call, in UTF-8. */
  takeLog(): Uint8Array;
}

/** What lies in buffers of one type, in bytes. */
export interface NativeBuffer {
  readonly name: string;
  readonly host: boolean;
  readonly weightsBytes: number;
  readonly contextBytes: number;
  readonly computeBytes: number;
}

/** The arguments from which `MemoryFiles` and `MemoryWatch` are made; src/sensors/linux/native-engine.ts builds them. */
export type NativePlan = readonly [
  paths: readonly string[],
  /** Three numbers for each path: how it is parsed (`PARSE` of src/sensors/linux/read-plan.ts), its row, and its column. */
  table: Int32Array,
  /** `STRIDE` numbers for each scope (src/sensors/scope-rows.ts). Every reading of `MemoryFiles` writes to it. */
  rows: Float64Array,
  /** Whether swap counts as memory that can still be taken. */
  swap: boolean,
  /** The path of `/proc/self/cgroup`. It is read before the other files, and a reading ends early if it does not have these bytes. */
  groupPath: string | undefined,
  groupBytes: Uint8Array | undefined,
];

/** Open descriptors of the files of one plan. `read()` throws after `close()`. */
export interface NativeMemoryFiles {
  /**
   * Returns 0 if the rows are filled, 1 if this process is in another control group now or a group no longer exists, 2 if a file failed.
   * `full` reads every file; otherwise a memory.stat is read only if it can change the minimum.
   */
  read(full: boolean): number;
  /** Why the last reading did not return 0. `undefined` if this process is simply in another group. */
  problem(): NativeProblem | undefined;
  close(): void;
}

/** A file that failed: either with an `errno` such as `ENOENT`, or with text that its format does not allow. */
export interface NativeProblem {
  readonly file: string;
  readonly errno?: string;
  readonly expected?: string;
  readonly found?: string;
}

/** A kernel notification: its kind (`THRESHOLD`, `EVENTS` or `PRESSURE` of src/sensors/linux/memory-watch.ts), the path it is asked of, and the row it is about. */
export type NativeNotice = readonly [kind: number, path: string, row: number];

/**
 * One watch of the addon's own thread (native/memory_watch.h). It calls `woken` when the watched figure was crossed, or when the files cannot be
 * read any more, and does not keep the process alive. Its methods do nothing after `close()`.
 */
export interface NativeMemoryWatch {
  /** Starts the watch, or goes on with other figures. `left` has one figure in bytes for each row of `rows`. */
  watch(rows: Float64Array, left: Float64Array, belowBytes: number): void;
  /** The least that was left since the last call, and how long ago that was. `undefined` if nothing was read since then. */
  take(): { readonly leftBytes: number; readonly ageMs: number } | undefined;
  close(): void;
}

/**
 * The window of one load (native/load_meter.h). A thread of the addon looks into those that last, about every 50 ms and for a twentieth of the
 * time at most. Its methods do nothing after `close()`.
 */
export interface NativeLoadMeter {
  /** Whether the process has changed by as much as would be seen in the figures. */
  moved(): boolean;
  /** Has the thread look now. Resolves when it has. */
  look(): Promise<void>;
  /** Fills two figures in bytes: native memory and memory of WebAssembly. NaN: it can't be told. */
  read(figures: Float64Array): void;
  /** Whether JavaScript is blocked, as it is at first: meanwhile the figures are published as they are found, and else what `took` is told. */
  blocked(now: boolean): void;
  took(bytes: number): void;
  /** Publishes in a descriptor's file, at this offset, under a number of 32 bits. Returns whether the descriptor could be kept. */
  publishTo(descriptor: number, offset: number, number: number): boolean;
  close(): void;
}

/**
 * Locks of open files that end with the process that holds them, each named by a number from 0. No method waits. Each returns 1 if the lock is
 * held by this descriptor or, for `ask`, free; 0 if another one holds it; and otherwise the negative error number of the system call.
 */
export interface NativeLocks {
  tryLock(descriptor: number, number: number): number;
  unlock(descriptor: number, number: number): number;
  /** Asks for `count` locks at once: 0 if another descriptor holds any of them. */
  ask(descriptor: number, first: number, count: number): number;
  /**
   * Returns a further descriptor of the same open file, with a high number: a dying process closes the highest first, and files with pressure
   * triggers take milliseconds. Negative if there is none.
   */
  raise(descriptor: number): number;
  /**
   * Waits for one lock on a thread of its own, through a copy of `descriptor`, and calls `told` whenever `take` has something to say. When it
   * gets the lock it writes two doubles at `noteAt` of the file: `holder`, and the microseconds of the machine's monotonic clock.
   */
  readonly LockQueue: new (
    descriptor: number,
    number: number,
    told: () => void,
    noteAt: number,
    holder: number,
  ) => NativeLockQueue;
}

/** A place in the line of those who wait for a lock. It does not keep the process alive. */
export interface NativeLockQueue {
  /** Begins to wait, if it does not: to hold the lock, or, if it `holds` nothing, to be told that it was free. */
  join(holds: boolean): void;
  /**
   * Returns 1 if the lock is held now, until `release()`; 2 if it was free a moment ago; 0 if it is waited for still or, because nobody took it
   * in time, again; and otherwise the negative error number. Nothing is waited for after 2 and after an error.
   */
  take(): number;
  release(): void;
  /** Ends the waiting. */
  leave(): void;
  close(): void;
}
