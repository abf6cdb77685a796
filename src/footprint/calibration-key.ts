/** Knows what a load's memory depends on, and makes the key of it that observations are kept under. It must not read files. */
import { cpus } from 'node:os';
import { loadNodeModule } from '../core/node-module.ts';
import type { FileIdentity } from '../gguf/read-gguf.ts';

/** Everything that the memory of a load of known files depends on. */
export interface CalibrationFacts {
  readonly files: readonly FileIdentity[];
  readonly shape: object;
  /** The name and version of the runtime. */
  readonly runtime: string;
}

/** What stands for it if nobody tells the files. */
export interface NamedFacts {
  /** The name of the SDK, and of no other one. */
  readonly sdk: string;
  readonly model: string;
  /** As it was asked for or chosen; not checked. */
  readonly quantization: unknown;
  /** The options that change a model's size; not checked. */
  readonly shape: object;
}

let cpu: string | undefined;

/** Creates the key that observations of loads with these facts are kept under. */
export function createCalibrationKey({ files, shape, runtime }: CalibrationFacts): string {
  const identities = files.map(({ device, inode, sizeBytes, mtimeMs }) => [device, inode, sizeBytes, mtimeMs]);
  return hashFacts(JSON.stringify([identities, shape, runtime, readCpu()]));
}

/** The same for a load by name. `undefined` if an option can't be written down, so that the load can't be told from others. */
export function createNamedKey({ sdk, model, quantization, shape }: NamedFacts): string | undefined {
  try {
    return hashFacts(JSON.stringify(['by name', sdk, model, quantization, shape, readCpu()], sortKeys));
  } catch {
    return undefined; // an object that contains itself, a getter that throws
  }
}

/** The same options in another order, and in an object of another kind, are the same options. */
function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError('it has no text');
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const written = Object.entries(value).filter(([, each]) => each !== undefined);
  return written.sort(([a], [b]) => (a < b ? -1 : 1));
}

function readCpu(): string {
  cpu ??= cpus()[0]?.model ?? process.arch;
  return cpu;
}

function hashFacts(facts: string): string {
  return loadNodeModule('node:crypto').createHash('sha256').update(facts).digest('hex').slice(0, 32);
}
