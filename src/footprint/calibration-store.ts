/**
 * Knows what loads really took, and keeps it on disk by model, shape, runtime and CPU. A file that can't be trusted is
 * ignored. It must not know how an estimate is corrected.
 */
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { MiB } from '../core/bytes.ts';
import { loadNodeModule } from '../core/node-module.ts';
import { readSmallFile } from '../core/read-small-file.ts';
import type { FileIdentity } from '../gguf/read-gguf.ts';
import type { Observation } from './apply-observations.ts';

/** Everything that a load's memory depends on. */
export interface CalibrationFacts {
  readonly files: readonly FileIdentity[];
  readonly shape: object;
  /** The name and version of the runtime. */
  readonly runtime: string;
}

const FORMAT = 'nexa-memory-guard calibration 2';
const FILE = 'calibration.json';
/** A new file on its way to be `FILE`. */
const LEFTOVER = /^calibration\.json\.[0-9a-f-]{36}\.tmp$/;
const LEFTOVER_MS = 60_000;
/** How many loads of a model are kept, the last ones. */
const KEPT_LOADS = 3;
/** How many models in their shapes are kept, of 300 bytes each. Those that were observed longest ago are forgotten. */
const KEPT_KEYS = 256;
/** A longer file is ignored. */
const MOST_BYTES = MiB;
/** Keys and names of loads are hashes and numbers; a longer one is none of them. */
const MOST_CHARACTERS = 128;
/** How often a file is read again that another process replaced meanwhile. */
const MOST_READS = 5;

/** The writings of this process by their directory: one after the other, whichever store they are of. */
const writings = new Map<string, Promise<void>>();

/** Returns `${XDG_CACHE_HOME:-~/.cache}/nexa-memory-guard`. */
export function findCalibrationDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nexa-memory-guard');
}

let cpu: string | undefined;

/** Creates the key that observations of loads with these facts are kept under. */
export function createCalibrationKey({ files, shape, runtime }: CalibrationFacts): string {
  cpu ??= cpus()[0]?.model ?? process.arch;
  const facts = [
    files.map(({ device, inode, sizeBytes, mtimeMs }) => [device, inode, sizeBytes, mtimeMs]),
    shape,
    runtime,
    cpu,
  ];
  return loadNodeModule('node:crypto').createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
}

type Entries = Map<string, readonly Observation[]>;

/** The observations of one directory. Nothing here throws: a failure is told and leaves estimates as they are. */
export class CalibrationStore {
  readonly #directory: string;
  readonly #tellProblem: (message: string, cause: unknown) => void;
  /** What the file held when it was read last. */
  #last: { readonly state: string; readonly entries: Promise<Entries> } | undefined;
  /** What this process observed, on disk or not. */
  #own: Entries = new Map();
  #swept = false;
  #told: string | undefined;

  /** `tellProblem` is called for each reading or writing that failed, once for the same failure in a row. */
  constructor(directory: string, tellProblem: (message: string, cause: unknown) => void) {
    this.#directory = directory;
    this.#tellProblem = tellProblem;
  }

  /**
   * Resolves to a function that returns what was observed under a key, by other processes too. The file is read if it is
   * another one than before.
   */
  async readObservations(): Promise<(key: string) => readonly Observation[]> {
    const state = await this.#identifyVersion();
    if (this.#last?.state !== state) this.#last = { state, entries: this.#readEntries() };
    const entries = await this.#last.entries;
    return (key) => (this.#own.get(key) ?? []).reduce(addLoad, entries.get(key) ?? []);
  }

  /** Keeps an observation. Resolves when it is on disk, or when that failed and was told. */
  record(key: string, observation: Observation): Promise<void> {
    // The next estimate of this process need not wait for the disk.
    this.#own = addEntry(this.#own, key, observation);
    const before = writings.get(this.#directory) ?? Promise.resolve();
    const writing = before.then(() => this.#write(key, observation));
    writings.set(this.#directory, writing);
    return writing;
  }

  /**
   * Other processes may write at the same time. What they replace between the last look at the file and the renaming, some microseconds, is
   * written again with the next observation.
   */
  async #write(key: string, observation: Observation): Promise<void> {
    const file = join(this.#directory, FILE);
    const temporary = `${file}.${loadNodeModule('node:crypto').randomUUID()}.tmp`;
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await this.#removeLeftovers();
      for (let reads = 1; ; reads++) {
        const version = await this.#identifyVersion();
        const entries = Object.fromEntries(this.#addOwn(await this.#readForWriting(), key, observation));
        await writeNewFile(temporary, JSON.stringify({ format: FORMAT, entries }));
        if (reads === MOST_READS || (await this.#identifyVersion()) === version) break;
        await rm(temporary);
      }
      await rename(temporary, file);
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => {});
      this.#tell(`What a load took can't be kept in ${this.#directory}; estimates stay as they are.`, cause);
    }
  }

  /** Adds an observation, and those of this process for which there is room: another process replaced them. */
  #addOwn(found: Entries, key: string, observation: Observation): Entries {
    const entries = new Map(found);
    for (const [ownKey, own] of this.#own) {
      const loads = entries.get(ownKey) ?? [];
      const lost = own.filter(({ load }) => !loads.some((each) => each.load === load));
      const room = entries.has(ownKey) || entries.size < KEPT_KEYS - 1 ? KEPT_LOADS - loads.length : 0;
      if (room > 0 && lost.length > 0) entries.set(ownKey, [...lost.slice(-room), ...loads]);
    }
    return addEntry(entries, key, observation);
  }

  #tell(message: string, cause: unknown): void {
    if (message !== this.#told) this.#tellProblem(message, cause);
    this.#told = message;
  }

  /** Resolves to what tells one version of the file from the next. */
  async #identifyVersion(): Promise<string> {
    const stat = await lstat(join(this.#directory, FILE), { bigint: true }).catch(() => undefined);
    return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}` : 'none';
  }

  async #readEntries(): Promise<Entries> {
    return this.#readForWriting().catch((cause) => this.#ignore(cause));
  }

  /** Rejects if the system can't read the file now: what stands in it must not be replaced then. */
  async #readForWriting(): Promise<Entries> {
    try {
      const options = { mostBytes: MOST_BYTES, refuseLink: true, refuseOtherUser: true };
      return parseEntries((await readSmallFile(join(this.#directory, FILE), options)).toString());
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT') return new Map();
      if (code !== undefined) throw cause;
      return this.#ignore(cause);
    }
  }

  #ignore(cause: unknown): Entries {
    this.#tell(`${join(this.#directory, FILE)} is ignored: ${(cause as Error).message}.`, cause);
    return new Map();
  }

  /** A process that was killed while it wrote has left its new file. One that is young may still be written. */
  async #removeLeftovers(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    for (const name of await readdir(this.#directory)) {
      if (!LEFTOVER.test(name)) continue;
      const path = join(this.#directory, name);
      try {
        if (Date.now() - (await lstat(path)).mtimeMs > LEFTOVER_MS) await rm(path);
      } catch {
        // Somebody else takes it away, or it can't be.
      }
    }
  }
}

/** Makes a file that nobody else made, and whose bytes are on disk when this resolves. */
async function writeNewFile(path: string, text: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | (constants.O_NOFOLLOW ?? 0), 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Adds a load, or replaces it if it was seen before, and keeps the last loads. */
function addLoad(loads: readonly Observation[], observation: Observation): readonly Observation[] {
  return [...loads.filter(({ load }) => load !== observation.load), observation].slice(-KEPT_LOADS);
}

/** Adds a load under its key, which moves to the end, and keeps the last keys. */
function addEntry(entries: Entries, key: string, observation: Observation): Entries {
  const others = [...entries].filter(([other]) => other !== key);
  return new Map([...others.slice(1 - KEPT_KEYS), [key, addLoad(entries.get(key) ?? [], observation)]]);
}

/** Throws an `Error` that says what is wrong with the text. */
function parseEntries(text: string): Entries {
  const found = JSON.parse(text) as { format?: unknown; entries?: unknown } | null;
  if (found?.format !== FORMAT) throw new Error('it is not of this version');
  const entries = Object.entries(Object(found.entries) as Record<string, unknown>);
  const isEntry = ([key, loads]: [string, unknown]) =>
    key.length <= MOST_CHARACTERS && Array.isArray(loads) && loads.every(isObservation);
  if (!entries.every(isEntry)) throw new Error('it holds something else than observations');
  const kept = entries.slice(-KEPT_KEYS) as [string, readonly Observation[]][];
  return new Map(kept.map(([key, loads]) => [key, loads.slice(-KEPT_LOADS)]));
}

function isObservation(value: unknown): value is Observation {
  const {
    load,
    mappedBytes,
    anonymousAfterLoadBytes,
    anonymousAfterCallBytes = 0,
    full,
    heard,
    fatalBytes = 0,
  } = Object(value) as Partial<Observation>;
  const sizes = [mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes, fatalBytes];
  const facts =
    [typeof full, typeof heard].every((type) => type === 'boolean') &&
    typeof load === 'string' &&
    load.length <= MOST_CHARACTERS;
  return facts && sizes.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}
