/** Tells this package's errors from all others, with the fields that each code has. */
import { type ErrorCode, MemoryGuardError } from '../core/errors.ts';
import type { AdmissionTimeoutError } from './admission-timeout-error.ts';
import type { InsufficientMemoryError } from './insufficient-memory-error.ts';

/** An error that has a code and no fields of its own. */
export interface PlainMemoryGuardError extends MemoryGuardError {
  readonly code: Exclude<ErrorCode, (InsufficientMemoryError | AdmissionTimeoutError)['code']>;
}

/** Any error of this package. Its `code` tells which fields it has. */
export type AnyMemoryGuardError = InsufficientMemoryError | AdmissionTimeoutError | PlainMemoryGuardError;

/**
 * Whether an error is one of this package, also of another copy of it that the program has loaded.
 *
 * @example
 * ```ts
 * try {
 *   await nexa.loadModel('qwen2audio');
 * } catch (error) {
 *   if (!isMemoryGuardError(error)) throw error;
 *   if (error.code === 'ERR_INSUFFICIENT_MEMORY') console.log(error.shortfallBytes, 'bytes more must be free');
 * }
 * ```
 */
export function isMemoryGuardError(error: unknown): error is AnyMemoryGuardError {
  return error instanceof MemoryGuardError;
}
