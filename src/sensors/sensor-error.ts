/** Turns a file that applies but cannot be used into the one error that sensors throw; it knows no file format. */
import { MemoryGuardError } from '../core/errors.ts';

/** `expected`, `found` and `advice` make one sentence: Expected …, but …; …. */
export function sensorError(expected: string, found: string, advice: string, cause?: unknown): MemoryGuardError {
  return new MemoryGuardError('ERR_SENSOR', `Expected ${expected}, but ${found}; ${advice}.`, { cause });
}

/** The errno name of a failed system call, such as `ENOENT`. */
export function errnoOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown error';
}

/** A file could not be opened or read. */
export function unreadable(path: string, code: string, cause?: unknown): MemoryGuardError {
  return sensorError(`to read ${path}`, `it failed with ${code}`, 'let this process read that file', cause);
}

/** A file was read and does not say what its format promises. */
export function malformed(path: string, expected: string, found: string): MemoryGuardError {
  return sensorError(
    `${expected} in ${path}`,
    `found ${JSON.stringify(found.slice(0, 60))}`,
    'report this kernel or the file system that stands in for /proc and /sys/fs/cgroup',
  );
}
