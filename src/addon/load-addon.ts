/** Finds and loads the addon, once, or again if the process lacked what that takes. It knows where the file may lie and nothing of what the addon measures. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError } from '../core/errors.ts';
import type { Addon } from './addon.ts';

export interface LoadedAddon {
  readonly addon?: Addon;
  /** One sentence that says why an addon that exists could not be loaded. */
  readonly problem?: string;
  /** Whether the process lacked descriptors or memory in that moment: the next try may succeed. */
  readonly passing?: boolean;
}

/** Error codes of a process that has no descriptor or no memory left, and what the dynamic linker says then. */
const PASSING_CODES = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];
const PASSING_TEXT = /too many open files|cannot allocate memory/i;

let loaded: LoadedAddon | undefined;

/** Returns the addon, or `undefined` if there is none for this system, if it could not be loaded, or if `NEXA_MEMORY_GUARD_ADDON` is `off`. */
export function loadAddon(): Addon | undefined {
  const { NEXA_MEMORY_GUARD_ADDON: setting } = process.env;
  if (!loaded || loaded.passing) loaded = findAddon(import.meta.url, setting);
  return loaded.addon;
}

/** Does what `loadAddon` does, for the module at `url`. */
export function findAddon(url: string | undefined, setting: string | undefined): LoadedAddon {
  try {
    return loadAddonFrom(findPackageDirectory(url), setting);
  } catch (error) {
    return { problem: `The native addon could not be looked for: ${describeError(error)}.`, passing: isPassing(error) };
  }
}

/** Returns one sentence if an addon was found and could not be loaded. A missing addon is no problem: the JavaScript readers serve. */
export function describeAddonProblem(): string | undefined {
  loadAddon();
  return loaded?.problem;
}

/**
 * Returns the directory whose `prebuilds` belong to the module at `url`: the nearest one above it that has a package.json with a name. For the
 * package itself that is its root; for a bundle it is the root of the program, however deep its file lies. A package.json without a name only
 * tells Node how to read the files beside it. Without any, it is the directory above the module's. `undefined` if `url` is no file, as in a
 * bundle for CommonJS, which has no `import.meta.url`.
 */
export function findPackageDirectory(url: string | undefined): string | undefined {
  if (!url?.startsWith('file:')) return undefined;
  const start = dirname(fileURLToPath(url));
  for (let directory = start; ; directory = dirname(directory)) {
    if (namesPackage(join(directory, 'package.json'))) return directory;
    if (directory === dirname(directory)) return dirname(start);
  }
}

function namesPackage(file: string): boolean {
  try {
    return typeof JSON.parse(readFileSync(file, 'utf8')).name === 'string';
  } catch (error) {
    // A file that can't be opened in this moment is not a file that isn't there.
    if (isPassing(error)) throw error;
    return false;
  }
}

function isPassing(error: unknown): boolean {
  const { code, message } = Object(error) as NodeJS.ErrnoException;
  return PASSING_CODES.includes(code ?? '') || PASSING_TEXT.test(message ?? '');
}

/** Does what `loadAddon` does, for any package directory. `setting` is the value of `NEXA_MEMORY_GUARD_ADDON`. */
export function loadAddonFrom(directory: string | undefined, setting: string | undefined): LoadedAddon {
  if (setting === 'off' || directory === undefined) return {};
  const require = createRequire(join(directory, 'package.json'));
  const problems: string[] = [];
  let passing = false;
  for (const file of listCandidates(directory)) {
    if (!existsSync(file)) continue;
    try {
      return { addon: require(file) as Addon };
    } catch (error) {
      problems.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
      passing ||= isPassing(error);
    }
  }
  if (problems.length === 0) return {};
  return { problem: `The native addon could not be loaded: ${problems.join('; ')}.`, passing };
}

function listCandidates(directory: string): string[] {
  const folder = namePrebuildFolder(process.platform, process.arch, usesMusl(directory));
  const prebuilt = join(directory, 'prebuilds', folder, 'nexa-memory-guard.node');
  // Only a checkout has a build of its own, and it may be newer than what was staged from it.
  return [join(directory, 'build', 'Release', 'nexa_memory_guard.node'), prebuilt];
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
