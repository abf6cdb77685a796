/** What loads really took, kept on disk by model, shape, runtime and CPU. A file that can't be trusted is ignored, never believed. */
import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { MiB } from '../core/bytes.ts';
import type { FileIdentity } from '../gguf/read-gguf.ts';
import type { Observation } from './apply-observations.ts';

/** Everything that a load's memory depends on. */
export interface CalibrationFacts {
  readonly files: readonly FileIdentity[];
  readonly shape: object;
  /** Name and version. */
  readonly runtime: string;
}

const FORMAT = 'nexa-memory-guard calibration 2';
const FILE = 'calibration.json';
/** A model's last loads; the largest of them counts. */
const KEPT_LOADS = 3;
/** Models in their shapes; those observed longest ago are forgotten. 300 bytes each. */
const KEPT_KEYS = 256;
const MOST_BYTES = MiB;

/** `${XDG_CACHE_HOME:-~/.cache}/nexa-memory-guard` */
export function calibrationDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nexa-memory-guard');
}

let cpu: string | undefined;

export function calibrationKey({ files, shape, runtime }: CalibrationFacts): string {
  cpu ??= cpus()[0]?.model ?? process.arch;
  const facts = [
    files.map(({ device, inode, sizeBytes, mtimeMs }) => [device, inode, sizeBytes, mtimeMs]),
    shape,
    runtime,
    cpu,
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
}

type Entries = Map<string, readonly Observation[]>;

export class Calibration {
  readonly #directory: string;
  readonly #problem: (message: string, cause: unknown) => void;
  /** As the file was when it was read last. */
  #read: { readonly state: string; readonly entries: Promise<Entries> } | undefined;
  /** What this process observed, on disk or not. */
  #own: Entries = new Map();
  #writing: Promise<void> = Promise.resolve();

  /** `problem` is told once for each reading or writing that failed; nothing here throws. */
  constructor(directory: string, problem: (message: string, cause: unknown) => void) {
    this.#directory = directory;
    this.#problem = problem;
  }

  /** What was observed under any key, by other processes too. The file is read when it is another one than before. */
  async observations(): Promise<(key: string) => readonly Observation[]> {
    const state = await this.#state();
    if (this.#read?.state !== state) this.#read = { state, entries: this.#entries() };
    const entries = await this.#read.entries;
    return (key) => (this.#own.get(key) ?? []).reduce(withLoad, entries.get(key) ?? []);
  }

  /** Resolves when it is on disk, or when that failed and was told. */
  record(key: string, observation: Observation): Promise<void> {
    // The next estimate of this process need not wait for the disk.
    this.#own = withEntry(this.#own, key, observation);
    this.#writing = this.#writing.then(() => this.#write(key, observation));
    return this.#writing;
  }

  async #write(key: string, observation: Observation): Promise<void> {
    const temporary = join(this.#directory, `${FILE}.${process.pid}.tmp`);
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      // Other processes may have written since it was read.
      const entries = Object.fromEntries(withEntry(await this.#entries(), key, observation));
      await writeFile(temporary, JSON.stringify({ format: FORMAT, entries }), { mode: 0o600 });
      await rename(temporary, join(this.#directory, FILE));
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => {});
      this.#problem(`What a load took can't be kept in ${this.#directory}; estimates stay as they are.`, cause);
    }
  }

  /** What tells one version of the file from the next. */
  async #state(): Promise<string> {
    const stat = await lstat(join(this.#directory, FILE), { bigint: true }).catch(() => undefined);
    return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}` : 'none';
  }

  async #entries(): Promise<Entries> {
    const file = join(this.#directory, FILE);
    try {
      const { size, uid } = await lstat(file).then((stat) => {
        if (!stat.isFile()) throw new Error('it is no regular file');
        return stat;
      });
      if (size > MOST_BYTES) throw new Error(`it has ${size} bytes`);
      if (process.getuid && uid !== process.getuid()) throw new Error(`it belongs to user ${uid}`);
      return parse(await readFile(file, 'utf8'));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
      this.#problem(`${file} is ignored: ${(cause as Error).message}.`, cause);
      return new Map();
    }
  }
}

/** A model's last loads are kept, each as it was seen last. */
function withLoad(loads: readonly Observation[], observation: Observation): readonly Observation[] {
  return [...loads.filter(({ load }) => load !== observation.load), observation].slice(-KEPT_LOADS);
}

/** The key observed last stands at the end. */
function withEntry(entries: Entries, key: string, observation: Observation): Entries {
  const others = [...entries].filter(([other]) => other !== key);
  return new Map([...others.slice(1 - KEPT_KEYS), [key, withLoad(entries.get(key) ?? [], observation)]]);
}

/** Throws what is wrong with the text. */
function parse(text: string): Entries {
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
