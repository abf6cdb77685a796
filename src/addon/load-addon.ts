/** Finds and loads the addon, once, or again if the process lacked what that takes. It knows where the file may lie and nothing of what the addon measures. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, readMessage } from '../core/errors.ts';
import { listProgramFiles, makeProgramRequire } from '../core/program-files.ts';
import type { Addon } from './addon.ts';
import { describeBroken, describeMissing } from './missing-addon.ts';
import { findOwnPackage, listPackageFolders } from './package-folders.ts';
import { isPassing } from './passing-error.ts';

export interface LoadedAddon {
  readonly addon?: Addon;
  /** One sentence that says why an addon that exists could not be loaded. */
  readonly problem?: string;
  /** Whether the process lacked descriptors or memory in that moment: the next try may succeed. */
  readonly passing?: boolean;
  /** What was found, and what to change so that there is one. Absent if there is, if it was turned off, or if none is built for this system. */
  readonly help?: string;
}

let loaded: LoadedAddon | undefined;

/** Returns the addon, or `undefined` if there is none for this system, if it could not be loaded, or if `NEXA_MEMORY_GUARD_ADDON` is `off`. */
export function loadAddon(): Addon | undefined {
  if (!loaded || loaded.passing) loaded = findAddon(listProgramFiles(), process.env['NEXA_MEMORY_GUARD_ADDON']);
  return loaded.addon;
}

/** Returns one sentence if an addon was found and could not be loaded. A missing addon is no problem: the JavaScript readers serve. */
export function describeAddonProblem(): string | undefined {
  loadAddon();
  return loaded?.problem;
}

/** Returns what was found and what to do, as the end of a sentence without its full stop, if there should be an addon and is none. */
export function describeMissingAddon(): string | undefined {
  loadAddon();
  return loaded?.help;
}

/** Does what `loadAddon` does, for code that runs from one of `files`. */
export function findAddon(files: readonly string[], setting: string | undefined): LoadedAddon {
  if (setting === 'off') return {};
  try {
    const folders = listPackageFolders(files);
    const { turnedOff, ...found } = loadAddonFrom(folders);
    if (found.addon || turnedOff || !isBuiltFor(process.platform, process.arch)) return found;
    const places = folders.map((folder) => listPlaces(folder).at(-1)!);
    const help =
      found.problem === undefined ? describeMissing(findOwnPackage(files), places) : describeBroken(found.problem);
    return { ...found, help };
  } catch (error) {
    const problem = `The native addon could not be looked for: ${describeError(error)}.`;
    return { problem, passing: isPassing(error), help: describeBroken(problem) };
  }
}

/** Loads the first addon that lies in one of these folders and can be loaded. */
export function loadAddonFrom(folders: readonly string[]): LoadedAddon & { readonly turnedOff?: boolean } {
  const problems: string[] = [];
  let [passing, turnedOff] = [false, false];
  for (const file of folders.flatMap(listPlaces)) {
    if (!existsSync(file)) continue;
    try {
      return { addon: makeProgramRequire(file)(file) as Addon };
    } catch (error) {
      problems.push(`${file}: ${readMessage(error)}`);
      passing ||= isPassing(error);
      turnedOff ||= (error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED';
    }
  }
  if (problems.length === 0) return {};
  return { problem: `The native addon could not be loaded: ${problems.join('; ')}.`, passing, turnedOff };
}

function listPlaces(directory: string): string[] {
  const folder = namePrebuildFolder(process.platform, process.arch, usesMusl(directory));
  const prebuilt = join(directory, 'prebuilds', folder, 'nexa-memory-guard.node');
  // Only a checkout has a build of its own, and it may be newer than what was staged from it.
  return [join(directory, 'build', 'Release', 'nexa_memory_guard.node'), prebuilt];
}

/** Whether the package has an addon for a system: native/build/targets.mjs lists them. */
export function isBuiltFor(platform: NodeJS.Platform, arch: string): boolean {
  return ['linux', 'darwin', 'win32'].includes(platform) && ['x64', 'arm64'].includes(arch);
}

/** Names a system's folder in `prebuilds`, for example `linux-arm64-musl`: one of the eight of native/build/targets.mjs. */
export function namePrebuildFolder(platform: NodeJS.Platform, arch: string, musl: boolean): string {
  return `${platform}-${arch}${platform === 'linux' && musl ? '-musl' : ''}`;
}

/**
 * The report takes milliseconds, so it is made only if there is a musl build to choose. With its network part it would look up
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
