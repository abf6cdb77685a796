/**
 * Knows what loads really took, and keeps it on disk: each observation is the name of an empty file of its own, so no process writes what
 * another one wrote, none holds a lock, and none is lost. It must not know how an estimate is corrected.
 */

import { type BigIntStats, constants, lstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readMessage } from '../core/errors.ts';
import { mkdir, OpenFile, opendir, rm } from '../core/file-system.ts';
import { loadNodeModule } from '../core/node-module.ts';
import type { Observation } from './apply-observations.ts';
import { addOwn, selectLoads, selectRemovable } from './kept-observations.ts';
import { type KeptObservation, readObservationName, writeObservationName } from './observation-name.ts';

/** The folder of the names, below the one that is shared or given. Its name is the version of their form. */
const FOLDER = 'observations-1';
/** So many names are looked at. Those of observations that count are 768 at the most. */
const MOST_NAMES = 4096;

/** Returns `${XDG_CACHE_HOME:-~/.cache}/nexa-memory-guard`. */
export function findCalibrationDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nexa-memory-guard');
}

/**
 * A second change within one tick of the file system's clock (up to 10 ms) leaves no trace, so a folder that has changed since is read again.
 */
const SETTLED_MS = 20;

/** The time of the last observation of this process, in microseconds: no two have the same. */
let lastUs = 0;

/** The writings of this process, one after the other: what is known of a load later must be the later one on disk. */
let writing = Promise.resolve();

/** The observations of one directory. Nothing here throws: a failure is told and leaves estimates as they are. */
export class CalibrationStore {
  readonly #folder: string;
  readonly #tellProblem: (message: string, cause: unknown) => void;
  /** What this process observed, on disk or not. */
  #own: readonly KeptObservation[] = [];
  /** What the folder held when it was read last, if it has rested since its last change. */
  #last: { readonly state: string; readonly found: readonly KeptObservation[] } | undefined;
  #told: string | undefined;

  /** `tellProblem` is called for each reading or writing that failed, once for the same failure in a row. */
  constructor(directory: string, tellProblem: (message: string, cause: unknown) => void) {
    this.#folder = join(directory, FOLDER);
    this.#tellProblem = tellProblem;
  }

  /** Resolves to a function that returns what was observed under a key, by other processes too. */
  async readObservations(): Promise<(key: string) => readonly Observation[]> {
    const found = await this.#list().catch((cause) => this.#ignore(cause));
    const observations = addOwn(found, this.#own);
    return (key) => observations(nameKey(key));
  }

  /** Keeps an observation. Resolves when it is on disk, or when that failed and was told. */
  record(key: string, observation: Observation): Promise<void> {
    lastUs = Math.max(lastUs + 1, Math.floor(Date.now() * 1000));
    const kept = keep(nameKey(key), lastUs, { ...observation, load: hash(observation.load).slice(0, 12) });
    // The next estimate of this process need not wait for the disk.
    this.#own = [...selectLoads([...this.#own, kept]).values()].flat();
    writing = writing.then(() => this.#write(kept));
    return writing;
  }

  async #write(kept: KeptObservation): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const found = await this.#list();
      const made = keepAfter(kept, found);
      await makeFile(join(this.#folder, made.name));
      // Only what counts no more, whoever wrote it: what others write meanwhile isn't in this list.
      for (const { name } of selectRemovable([...found, made])) await rm(join(this.#folder, name), { force: true });
    } catch (cause) {
      this.#tell(`What a load took can't be kept in ${this.#folder}; estimates stay as they are.`, cause);
    }
  }

  #tell(message: string, cause: unknown): void {
    if (message !== this.#told) this.#tellProblem(message, cause);
    this.#told = message;
  }

  #ignore(cause: unknown): readonly KeptObservation[] {
    this.#tell(`${this.#folder} is ignored: ${readMessage(cause)}.`, cause);
    return [];
  }

  /** Rejects if the folder can't be read now, or is not one's own: what stands in it must not be believed then. */
  async #list(): Promise<readonly KeptObservation[]> {
    // At once, in microseconds: through the thread pool it took 300 while other programs ran.
    const stat = lstatSync(this.#folder, { bigint: true, throwIfNoEntry: false });
    if (!stat) return [];
    refuseForeign(stat);
    const state = `${stat.dev} ${stat.ino} ${stat.mtimeNs}`;
    if (this.#last?.state === state) return this.#last.found;
    const found: KeptObservation[] = [];
    let names = 0;
    for await (const { name } of await opendir(this.#folder, { bufferSize: 1024 })) {
      const kept = readObservationName(name);
      if (kept) found.push(kept);
      if (++names === MOST_NAMES) break;
    }
    const rested = Date.now() - Number(stat.mtimeMs) > SETTLED_MS;
    this.#last = rested ? { state, found } : undefined;
    return found;
  }
}

function refuseForeign(stat: BigIntStats): void {
  if (!stat.isDirectory()) throw new Error('it is no folder');
  const user = process.geteuid?.();
  if (user !== undefined && Number(stat.uid) !== user) throw new Error(`it belongs to user ${stat.uid}`);
  if (user !== undefined && (Number(stat.mode) & 0o022) !== 0) throw new Error('others may write in it');
}

/** Makes an empty file that nobody else made. */
async function makeFile(path: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  await (await OpenFile.open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)).close();
}

/** `observation.load` is 12 hexadecimal digits. */
function keep(key: string, atUs: number, observation: Observation): KeptObservation {
  return { name: writeObservationName(key, atUs, observation), key, atUs, observation };
}

/** The same observation after all that are there of its key: a clock may have been set back since. */
function keepAfter(kept: KeptObservation, found: readonly KeptObservation[]): KeptObservation {
  const newestUs = Math.max(...found.filter(({ key }) => key === kept.key).map(({ atUs }) => atUs), 0);
  if (newestUs < kept.atUs) return kept;
  lastUs = Math.max(lastUs, newestUs + 1);
  return keep(kept.key, newestUs + 1, kept.observation);
}

/** Keys are hashes; whatever else one is, it is no path. */
function nameKey(key: string): string {
  return /^[0-9a-f]{32}$/.test(key) ? key : hash(key);
}

function hash(text: string): string {
  return loadNodeModule('node:crypto').createHash('sha256').update(text).digest('hex').slice(0, 32);
}
