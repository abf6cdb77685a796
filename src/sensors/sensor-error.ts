/** Makes the one error that sensors throw, of a file that applies and can't be used; it knows no file format. */
import { adviseOnDescriptors } from '../core/advise-on-descriptors.ts';
import { MemoryGuardError } from '../core/errors.ts';

/** `expected`, `found` and `advice` make one sentence: Expected …, but …; …. */
export function sensorError(expected: string, found: string, advice: string, cause?: unknown): MemoryGuardError {
  return new MemoryGuardError('ERR_SENSOR', `Expected ${expected}, but ${found}; ${advice}.`, { cause });
}

/** The error for a file that could not be opened or read. `errno` is a name such as `ENOENT`. */
export function unreadable(path: string, errno: string, cause?: unknown): MemoryGuardError {
  const advice = adviseOnDescriptors(errno) ?? 'let this process read that file';
  return sensorError(`to read ${path}`, `it failed with ${errno}`, advice, cause);
}

/** The error for a file that was read and doesn't say what its format promises. Of what was found, 60 characters are shown. */
export function malformed(path: string, expected: string, found: string): MemoryGuardError {
  return sensorError(
    `${expected} in ${path}`,
    `found ${JSON.stringify(found.slice(0, 60))}`,
    'report this kernel or the file system that stands in for /proc and /sys/fs/cgroup',
  );
}

/** The errno's name of a failed system call, for example `ENOENT`. */
export function getErrno(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown error';
}
