/** Finds and loads the addon, once. It knows where the file may lie and nothing of what the addon measures. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Cached descriptors over the files of one plan (src/sensors/linux/read-plan.ts). Not usable after `close()`. */
export interface NativeMemoryFiles {
  /** 0: the rows are filled · 1: our group is another one, or a group is gone · 2: a file failed. */
  read(full: boolean): number;
  problem(): { file: string; errno?: string; expected?: string; found?: string } | undefined;
  close(): void;
}

/** `table`: parse, row and column of each path. */
export type NativePlan = readonly [
  paths: readonly string[],
  table: Int32Array,
  rows: Float64Array,
  swap: boolean,
  groupPath: string | undefined,
  groupBytes: Uint8Array | undefined,
];

/** A watch of the addon's own thread (native/memory_watch.h). Does nothing after `close()`. */
export interface NativeMemoryWatch {
  /** One end of a socket pair: a byte comes where the watched figure was crossed, or the files can't be read any more. */
  readonly descriptor: number;
  /** `left` has one figure for each row of `rows`. */
  watch(rows: Float64Array, left: Float64Array, belowBytes: number): void;
  take(): { readonly leftBytes: number; readonly ageMs: number } | undefined;
  close(): void;
}

/** Locks of open files that end with the process. 1: ours, or free where it was asked · 0: held by another · else -errno. */
export interface NativeLocks {
  tryLock(descriptor: number): number;
  unlock(descriptor: number): number;
  ask(descriptor: number): number;
}

export interface Addon {
  /** `rows` is written to by every reading. */
  readonly MemoryFiles: new (
    ...plan: NativePlan
  ) => NativeMemoryFiles;
  /** False where this system has no native reader; `MemoryFiles` then fails every reading. */
  readonly memoryFilesSupported: boolean;
  /** Absent where the system has no such thread. `notices`: kind, path and row of each. */
  readonly MemoryWatch?: new (
    ...args: [...NativePlan, notices: readonly (readonly [number, string, number])[]]
  ) => NativeMemoryWatch;
  /** Absent where the system has no locks that end with their process. */
  readonly locks?: NativeLocks;
  /**
   * Fills 16 figures in the order of src/sensors/darwin/darwin-figures.ts or win32.ts, or says which call failed. Absent on Linux, whose memory is
   * read from files.
   */
  readonly readMachine?: (figures: Float64Array) => string | undefined;
  /** Calls `changed` when the system's need for memory changes, until `close()`. Doesn't keep the process alive. Absent on Linux. */
  readonly PressureWatch?: new (
    changed: () => void,
  ) => { close(): void };
  /** Gives freed memory back to the system, off the main thread. False where its allocator can't. */
  trimHeap(): Promise<boolean>;
  /** Drops the cached pages of a file that nobody maps, off the main thread. False where the system can't be asked. */
  dropPageCache(path: string): Promise<boolean>;
}

export interface LoadedAddon {
  readonly addon?: Addon;
  /** Why an addon that is there could not be used. */
  readonly problem?: string;
}

let loaded: LoadedAddon | undefined;

/** The addon, or `undefined` where there is none for this platform, it could not be loaded, or `NEXA_MEMORY_GUARD_ADDON=off`. */
export function loadAddon(): Addon | undefined {
  const { NEXA_MEMORY_GUARD_ADDON: setting } = process.env;
  loaded ??= loadAddonFrom(packageOf(import.meta.url), setting);
  return loaded.addon;
}

/** One sentence if an addon was found and could not be loaded. "Not found" is not a problem: the JavaScript readers serve. */
export function addonProblem(): string | undefined {
  loadAddon();
  return loaded?.problem;
}

/** The package of a module of `dist` or `src`. `undefined` where a bundler for CommonJS left no URL: no addon is beside its bundle. */
export function packageOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : fileURLToPath(new URL('../..', url));
}

/** `loadAddon` for any package directory; `setting` is the value of `NEXA_MEMORY_GUARD_ADDON`. */
export function loadAddonFrom(directory: string | undefined, setting: string | undefined): LoadedAddon {
  if (setting === 'off' || directory === undefined) return {};
  const require = createRequire(join(directory, 'package.json'));
  const problems: string[] = [];
  for (const file of candidates(directory)) {
    if (!existsSync(file)) continue;
    try {
      return { addon: require(file) as Addon };
    } catch (error) {
      problems.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems.length === 0 ? {} : { problem: `The native addon could not be loaded: ${problems.join('; ')}.` };
}

function candidates(directory: string): string[] {
  const folder = prebuiltFolder(process.platform, process.arch, usesMusl(directory));
  const prebuilt = join(directory, 'prebuilds', folder, 'nexa-memory-guard.node');
  // Only a checkout has a build of its own, and it may be newer than what was staged from it.
  return [join(directory, 'build', 'Release', 'nexa_memory_guard.node'), prebuilt];
}

/** The name of a system's folder in `prebuilds`, such as `linux-arm64-musl`: the eight of native/build/targets.mjs. */
export function prebuiltFolder(platform: NodeJS.Platform, arch: string, musl: boolean): string {
  return `${platform}-${arch}${platform === 'linux' && musl ? '-musl' : ''}`;
}

/**
 * The report takes milliseconds, so it is made only where there is a musl build to choose. With its network part it would look up
 * the name of every peer.
 */
function usesMusl(directory: string): boolean {
  const prebuilds = join(directory, 'prebuilds');
  if (process.platform !== 'linux' || !existsSync(prebuilds)) return false;
  if (!readdirSync(prebuilds).some((name) => name.endsWith('-musl'))) return false;
  const { report } = process as { report: NodeJS.ProcessReport & { excludeNetwork?: boolean } };
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  if (before !== undefined) report.excludeNetwork = before;
  return header.glibcVersionRuntime === undefined;
}
