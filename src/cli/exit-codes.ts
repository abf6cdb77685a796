/** How the command line ends: one number for each kind of error, and the sentence on stderr. It knows no command. */
import { type ErrorCode, MemoryGuardError, readMessage } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { OptionSpecs } from './command.ts';
import { type Io, writeJson } from './io.ts';
import { nameFlags } from './name-flags.ts';

/** README and `--help` have a table of them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  memory: 3,
  model: 4,
  runtime: 5,
  sensor: 6,
  interrupted: 130,
  ended: 143,
} as const;

const BY_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_INVALID_OPTION: EXIT.usage,
  ERR_INSUFFICIENT_MEMORY: EXIT.memory,
  ERR_ADMISSION_TIMEOUT: EXIT.memory,
  ERR_UNKNOWN_MODEL: EXIT.model,
  ERR_UNKNOWN_QUANTIZATION: EXIT.model,
  ERR_MODEL_FILE: EXIT.model,
  ERR_RUNTIME_NOT_FOUND: EXIT.runtime,
  ERR_RUNTIME_ABI: EXIT.runtime,
  ERR_RUNTIME: EXIT.runtime,
  ERR_MODEL_KILLED: EXIT.runtime,
  ERR_CONTEXT_FULL: EXIT.runtime,
  ERR_SENSOR: EXIT.sensor,
  ERR_LEDGER: EXIT.sensor,
};

/** How a failure is told. */
export interface ReportOptions {
  /** Also as an object on stdout. */
  readonly json: boolean;
  /** The options of the command that failed, by whose names it is told. */
  readonly options?: OptionSpecs | undefined;
}

/** Writes the error's code and message on one line of stderr. Returns the exit code. */
export function reportFailure(
  error: unknown,
  io: Pick<Io, 'stdout' | 'stderr'>,
  { json, options }: ReportOptions,
): number {
  const known = error instanceof MemoryGuardError;
  const code = known ? error.code : 'ERR_UNEXPECTED';
  const message = nameFlags(readMessage(error), options);
  io.stderr.write(`nexa-memory-guard: ${code}: ${printable(message.replace(/\s+/g, ' '))}\n`);
  if (json) writeJson(io, { error: { code, message, ...(known && { ...error }) } });
  return known ? (BY_CODE[error.code] ?? EXIT.failed) : EXIT.failed;
}
