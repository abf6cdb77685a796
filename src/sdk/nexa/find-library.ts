/** Looks for the SDK's library on this machine; it loads nothing and knows no SDK besides names. */

import { homedir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { readdir, realpath, stat } from '../../core/file-system.ts';
import { readSmallFile } from '../../core/read-small-file.ts';
import { listLauncherNames, listLibraryNames, listPlaces, type Place, type Surroundings } from './library-places.ts';

export interface FoundLibrary {
  /** Absolute. */
  readonly path: string;
  /** Whether the user named its place. */
  readonly named: boolean;
}

/** How a search for the library went. */
export interface LibrarySearch {
  readonly found?: FoundLibrary;
  /** Every place that was looked at, found or not. */
  readonly tried: readonly string[];
}

/** A launcher is a link, a program, or a script of a few lines, which is shorter than this. */
const MAX_SCRIPT_BYTES = 4096;

/** Looks at the named place alone, or at the usual places and then at the launchers on `PATH`. */
export async function findLibrary(
  libraryPath: string | undefined,
  surroundings: Surroundings = { platform: process.platform, home: homedir(), env: process.env },
): Promise<LibrarySearch> {
  const tried: string[] = [];
  const candidates = listPlaces(libraryPath, surroundings);
  for (const place of candidates) {
    const path = await findAt(place, surroundings.platform, tried);
    if (path !== undefined) return { found: { path, named: place.named }, tried };
    // A place that the user names has the library, or it is an error: another library would be a surprise.
    if (place.named) return { tried };
  }
  for (const folder of await listLauncherFolders(surroundings, tried)) {
    const path = await findAt({ path: folder, named: false }, surroundings.platform, tried);
    if (path !== undefined) return { found: { path, named: false }, tried };
  }
  return { tried };
}

async function findAt({ path }: Place, platform: NodeJS.Platform, tried: string[]): Promise<string | undefined> {
  const absolute = resolve(path);
  tried.push(absolute);
  const facts = await stat(absolute).catch(() => undefined);
  if (facts?.isFile()) return absolute;
  if (!facts?.isDirectory()) return undefined;
  for (const folder of [absolute, ...(await listBackends(join(absolute, 'lib')))]) {
    for (const name of listLibraryNames(platform)) {
      const file = join(folder, name);
      if ((await stat(file).catch(() => undefined))?.isFile()) return file;
    }
  }
  return undefined;
}

/** `lib` itself and the folders in it: some versions keep one library for each backend. */
async function listBackends(lib: string): Promise<readonly string[]> {
  const entries = await readdir(lib, { withFileTypes: true }).catch(() => []);
  return [lib, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(lib, entry.name))].sort();
}

/** Folders to which the launchers on `PATH` lead. */
async function listLauncherFolders({ platform, env }: Surroundings, tried: string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of (env.PATH ?? '').split(delimiter).filter((each) => each !== '')) {
    for (const name of listLauncherNames(platform)) {
      const launcher = await realpath(join(folder, name)).catch(() => undefined);
      if (launcher !== undefined) found.push(...(await listLauncherHomes(launcher)));
    }
  }
  if (found.length === 0) tried.push(`${listLauncherNames(platform).join(' and ')} on PATH`);
  return [...new Set(found)];
}

/** Folders in which the library of a launcher may lie. */
async function listLauncherHomes(launcher: string): Promise<readonly string[]> {
  const folder = dirname(launcher);
  const home = basename(folder) === 'bin' ? [dirname(folder)] : [];
  // `GENIEX_PREFIX="/usr/local/lib/geniex"` in the script that GenieX's installer writes.
  const bytes = await readSmallFile(launcher, { mostBytes: MAX_SCRIPT_BYTES }).catch(() => undefined);
  const script = bytes?.toString('latin1') ?? '';
  const prefix = script.startsWith('#!') ? /^\w*PREFIX=["']?([^"'\n]+)/m.exec(script)?.[1] : undefined;
  return [...(prefix === undefined ? [] : [prefix]), folder, ...home];
}
