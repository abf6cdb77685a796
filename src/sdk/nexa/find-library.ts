/** Looks for the SDK's library on this machine; it loads nothing and knows no SDK besides names. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { launcherNames, libraryNames, type Place, places, type Surroundings } from './library-places.ts';

export interface FoundLibrary {
  readonly path: string;
  /** The user named its place. */
  readonly named: boolean;
}

export interface Search {
  readonly found?: FoundLibrary;
  /** Every place that was looked at, found or not. */
  readonly tried: readonly string[];
}

/** A launcher is a link, a program, or a script of a few lines. */
const MAX_SCRIPT_BYTES = 4096;

export async function findLibrary(
  libraryPath: string | undefined,
  surroundings: Surroundings = { platform: process.platform, home: homedir(), env: process.env },
): Promise<Search> {
  const tried: string[] = [];
  const candidates = places(libraryPath, surroundings);
  for (const place of candidates) {
    const path = await libraryAt(place, surroundings.platform, tried);
    if (path !== undefined) return { found: { path, named: place.named }, tried };
    // What the user names is used or is an error: another library would be a surprise.
    if (place.named) return { tried };
  }
  for (const folder of await launcherFolders(surroundings, tried)) {
    const path = await libraryAt({ path: folder, named: false }, surroundings.platform, tried);
    if (path !== undefined) return { found: { path, named: false }, tried };
  }
  return { tried };
}

async function libraryAt({ path }: Place, platform: NodeJS.Platform, tried: string[]): Promise<string | undefined> {
  const absolute = resolve(path);
  tried.push(absolute);
  const facts = await stat(absolute).catch(() => undefined);
  if (facts?.isFile()) return absolute;
  if (!facts?.isDirectory()) return undefined;
  for (const folder of [absolute, ...(await backends(join(absolute, 'lib')))]) {
    for (const name of libraryNames(platform)) {
      const file = join(folder, name);
      if ((await stat(file).catch(() => undefined))?.isFile()) return file;
    }
  }
  return undefined;
}

/** `lib` itself, and its folders: some versions keep one library for each backend. */
async function backends(lib: string): Promise<readonly string[]> {
  const entries = await readdir(lib, { withFileTypes: true }).catch(() => []);
  return [lib, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(lib, entry.name))].sort();
}

/** Where launchers on `PATH` come from. */
async function launcherFolders({ platform, env }: Surroundings, tried: string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of (env.PATH ?? '').split(delimiter).filter((each) => each !== '')) {
    for (const name of launcherNames(platform)) {
      const launcher = await realpath(join(folder, name)).catch(() => undefined);
      if (launcher !== undefined) found.push(...(await homesOf(launcher)));
    }
  }
  if (found.length === 0) tried.push(`${launcherNames(platform).join(' and ')} on PATH`);
  return [...new Set(found)];
}

async function homesOf(launcher: string): Promise<readonly string[]> {
  const folder = dirname(launcher);
  const home = basename(folder) === 'bin' ? [dirname(folder)] : [];
  const { size } = await stat(launcher);
  // `GENIEX_PREFIX="/usr/local/lib/geniex"` in the script that GenieX's installer writes.
  const script = size <= MAX_SCRIPT_BYTES ? await readFile(launcher, 'latin1') : '';
  const prefix = script.startsWith('#!') ? /^\w*PREFIX=["']?([^"'\n]+)/m.exec(script)?.[1] : undefined;
  return [...(prefix === undefined ? [] : [prefix]), folder, ...home];
}
