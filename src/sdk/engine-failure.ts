/** What an engine failed at, and the sentence that it makes with the lines that the engine printed. It knows no engine. */
import { MemoryGuardError } from '../core/errors.ts';

export interface EngineFailure {
  /** Completes "The engine …", for example `could not load the model "/m.gguf"`. */
  readonly what: string;
  /** What the engine itself gave as its reason. */
  readonly reason: string;
  /** Whether it failed at a file: then the file is to blame, unless memory was missing. */
  readonly atFile: boolean;
}

/** What engines print if they lack memory. */
const NO_MEMORY = /failed to allocate|insufficient memory|bad_alloc/;

/** Under which an error keeps it, for those who have the engine's lines. */
const FAILURE: unique symbol = Symbol('what the engine failed at');

/** An `ERR_MODEL_FILE` if it failed at a file, else an `ERR_RUNTIME`. `lines` are what the engine printed as errors. */
export function explainEngineFailure(
  failure: EngineFailure,
  lines: readonly string[],
  cause?: unknown,
): MemoryGuardError {
  const { what, reason, atFile } = failure;
  const line = findReason(lines);
  const lacksMemory = lines.some((text) => NO_MEMORY.test(text));
  const told = atFile ? (line ?? reason) : line === undefined || line === reason ? reason : `${reason} (${line})`;
  const code = atFile && !lacksMemory ? 'ERR_MODEL_FILE' : 'ERR_RUNTIME';
  const error = new MemoryGuardError(code, `The engine ${what}: ${told}.`, { cause });
  return Object.defineProperty(error, FAILURE, { value: failure });
}

/** What such an error is about. `undefined` for any other. */
export function findEngineFailure(error: unknown): EngineFailure | undefined {
  return (Object(error) as { readonly [FAILURE]?: EngineFailure })[FAILURE];
}

/** Of the lines that a failure leaves the one that says why; `undefined` if none does. */
export function findReason(lines: readonly string[]): string | undefined {
  const found = lines.map((line) => /error loading model: (.+)/.exec(line)?.[1]).find((reason) => reason !== undefined);
  return found ?? lines.find((line) => NO_MEMORY.test(line)) ?? lines.find((line) => line !== '');
}
