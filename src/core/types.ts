/** The words of the whole package as types; it knows no behaviour. All sizes are bytes. */

/**
 * What kind of level limits memory:
 * - `host`: the machine.
 * - `commit`: what the system promises to all programs together. Windows has such a limit always, Linux if
 *   `vm.overcommit_memory` is 2.
 * - `cgroup-v1`, `cgroup-v2`: a control group on the way from the root to the group of this process.
 * - `rlimit-as`, `rlimit-data`: `RLIMIT_AS` and `RLIMIT_DATA` of this process alone.
 * - `job`, `job-process`: what the processes of our Windows job may take together, and what each of them may take.
 * - `injected`: the machine was replaced by the option `sensor`.
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

/**
 * How much the system itself wants memory back, apart from the bytes. macOS tells all three levels. Windows tells only whether
 * memory is low, which is `warning`, and `normal` otherwise.
 */
export type MemoryPressure = 'normal' | 'warning' | 'critical';

/** One level that limits memory, read once and frozen. All sizes are bytes. */
export interface MemoryScope {
  /** What kind of level this is. */
  readonly kind: ScopeKind;
  /** The control group's path inside its hierarchy, or a name for the other kinds. */
  readonly path: string;
  /** The hard limit. It is absent if the scope has none. */
  readonly limitBytes?: number;
  /** `memory.high`, from which on the kernel stalls the processes of the group. It is absent if the group has none. */
  readonly highBytes?: number;
  /** What is in use in this scope, the part that the kernel can take back included. */
  readonly usedBytes: number;
  /** Page cache (without tmpfs and locked pages) and slab that the kernel takes back before it refuses. */
  readonly reclaimableBytes: number;
  /** Page cache that is dirty or being written back. It is part of `reclaimableBytes` and is absent if the system doesn't tell. */
  readonly dirtyBytes?: number;
  /** Swap that this scope may still use. It is read, and counted in `availableBytes`, only if that was asked for. */
  readonly swapBytes?: number;
  /** What this scope alone would still let the process take. It is `Infinity` if the scope has no limit. */
  readonly availableBytes: number;
}

/** One reading of the machine, frozen with all its scopes. All sizes are bytes. */
export interface MemorySnapshot {
  /** The smallest limit over all scopes. */
  readonly totalBytes: number;
  /** The smallest `availableBytes` over all scopes. */
  readonly availableBytes: number;
  /** The scope with the smallest `availableBytes`; it is one of `scopes`. */
  readonly limitedBy: MemoryScope;
  /** The host comes first, then control groups from the root to ours, then the limits of the process. */
  readonly scopes: readonly MemoryScope[];
  /** The reader: the native addon, files of `/proc` and `/sys` read in JavaScript, `node:os`, or a replaced sensor. */
  readonly source: 'native' | 'procfs' | 'node' | 'injected';
  /** False if only `node:os` could be asked, which knows no control groups and no page cache. */
  readonly precise: boolean;
  /** True if a namespace hides control groups above the root that is visible; their limits may hold all the same. */
  readonly ancestorsHidden: boolean;
  /** It is absent if the system has no such level (Linux). No rule reads it: a change of it only causes a reading. */
  readonly pressure?: MemoryPressure;
  /** When memory was read, in milliseconds since the epoch: `performance.timeOrigin + performance.now()`. */
  readonly takenAtMs: number;
}

/**
 * What the option `sensor` returns at every reading. A field that is missing or is no size makes that reading fail with
 * `ERR_SENSOR`; it never counts as zero.
 */
export interface SensorReading {
  /** The limit that the program lives under, in bytes. */
  readonly totalBytes: number;
  /** What the program could still take, in bytes. */
  readonly availableBytes: number;
}

/**
 * How a need was found:
 * - `table`: the documented table.
 * - `shape`: computed from the published shape of a known model whose files the SDK keeps to itself.
 * - `engine`: the engine itself simulated the load.
 * - `gguf`: computed from the headers of the model's files.
 * - `onnx`: bounded from above by the structure of the model's ONNX file.
 * - `measured`: seen when the same load was made earlier on this machine.
 * - `sizes`: an upper bound by the sizes of the model's files.
 * - `given`: the caller's own number.
 * - `unknown`: not at all; such a load is admitted only because the user chose so.
 */
export type FootprintBasis =
  | 'table'
  | 'shape'
  | 'engine'
  | 'gguf'
  | 'onnx'
  | 'measured'
  | 'sizes'
  | 'given'
  | 'unknown';

/** A file that a model keeps mapped. */
export interface HeldFile {
  /** Its device and inode as `/proc/self/maps` shows them, or a name of the ledger's own if they aren't known. */
  readonly key: string;
  /** How much of it is mapped. */
  readonly bytes: number;
}

/** Where an SDK's models live: in memory of native code, or in array buffers and memories of WebAssembly. */
export type ModelMemory = 'native' | 'javascript';

/** What a model needs, as far as the rules care. All sizes are bytes. */
export interface LoadNeed {
  /** Clean, file-backed bytes. They stay available to the system. */
  readonly mappedBytes: number;
  /** Bytes that the system can't take back without swap. */
  readonly anonymousBytes: number;
  /** How the need was found. */
  readonly basis: FootprintBasis;
  /** The files that `mappedBytes` belong to, if they are known. A file that is mapped already needs nothing more. */
  readonly files?: readonly HeldFile[];
}

/** A load's memory in the parts that a process can see of itself, at the times at which they are taken. All sizes are bytes. */
export interface LoadParts {
  /** Clean, file-backed bytes after the load. */
  readonly mappedBytes: number;
  /** Anonymous bytes after the load and before any call. */
  readonly anonymousAfterLoadBytes: number;
  /** Anonymous bytes after a call that filled a micro-batch. */
  readonly anonymousAfterCallBytes: number;
  /** How much of that no first call brings, and later ones may. Absent if there is nothing of that kind. */
  readonly laterBytes?: number;
}

/** The type of the cells of a KV cache, by llama.cpp's names. */
export type CacheType = 'f16' | 'f32' | 'bf16' | 'q8_0' | 'q5_1' | 'q5_0' | 'q4_1' | 'q4_0' | 'iq4_nl';

/** The type of a KV cache: one for keys and values, or one for each of them. */
export type KvCacheType = CacheType | { readonly k: CacheType; readonly v: CacheType };

/** The quantizations that the documented table has a row for. */
export type Quantization = 'Q4_0' | 'Q4_K_M' | 'Q5_K_M';

/**
 * `critical`: less is left than is to be kept free. `warning`: less than `warningFactor` times that. `ok`: everything else, and
 * always if no model is loaded.
 */
export type MemoryStatusLevel = 'ok' | 'warning' | 'critical';
