/**
 * Knows what loads really took, and keeps it on disk by model, shape, runtime and CPU. A file that can't be trusted is
 * ignored. It must not know how an estimate is corrected.
 */
import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { MiB } from '../core/bytes.ts';
import { loadNodeModule } from '../core/node-module.ts';
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
/** How many loads of a model are kept, the last ones. */
const KEPT_LOADS = 3;
/** How many models in their shapes are kept, of 300 bytes each. Those that were observed longest ago are forgotten. */
const KEPT_KEYS = 256;
/** A longer file is ignored. */
const MOST_BYTES = MiB;

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
  #writing: Promise<void> = Promise.resolve();

  /** `tellProblem` is called once for each reading or writing that failed. */
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
    this.#writing = this.#writing.then(() => this.#write(key, observation));
    return this.#writing;
  }

  async #write(key: string, observation: Observation): Promise<void> {
    const temporary = join(this.#directory, `${FILE}.${process.pid}.tmp`);
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      // Other processes may have written since it was read.
      const entries = Object.fromEntries(addEntry(await this.#readEntries(), key, observation));
      await writeFile(temporary, JSON.stringify({ format: FORMAT, entries }), { mode: 0o600 });
      await rename(temporary, join(this.#directory, FILE));
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => {});
      this.#tellProblem(`What a load took can't be kept in ${this.#directory}; estimates stay as they are.`, cause);
    }
  }

  /** Resolves to what tells one version of the file from the next. */
  async #identifyVersion(): Promise<string> {
    const stat = await lstat(join(this.#directory, FILE), { bigint: true }).catch(() => undefined);
    return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}` : 'none';
  }

  async #readEntries(): Promise<Entries> {
    const file = join(this.#directory, FILE);
    try {
      const { size, uid } = await lstat(file).then((stat) => {
        if (!stat.isFile()) throw new Error('it is no regular file');
        return stat;
      });
      if (size > MOST_BYTES) throw new Error(`it has ${size} bytes`);
      if (process.getuid && uid !== process.getuid()) throw new Error(`it belongs to user ${uid}`);
      return parseEntries(await readFile(file, 'utf8'));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
      this.#tellProblem(`${file} is ignored: ${(cause as Error).message}.`, cause);
      return new Map();
    }
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
  if (!entries.every(([, loads]) => Array.isArray(loads) && loads.every(isObservation))) {
    throw new Error('it holds something else than observations');
  }
  return new Map(entries as [string, readonly Observation[]][]);
}

function isObservation(value: unknown): value is Observation {
  const {
    load,
    mappedBytes,
    anonymousAfterLoadBytes,
    anonymousAfterCallBytes = 0,
    full,
    heard,
  } = Object(value) as Partial<Observation>;
  const sizes = [mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes];
  const facts = [typeof full, typeof heard].every((type) => type === 'boolean') && typeof load === 'string';
  return facts && sizes.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}
