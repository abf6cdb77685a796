/** Reads whole files for resolution, for which a file that does not exist and one that cannot be read are different things. */
import { readFileSync, statSync } from 'node:fs';
import { getErrno, unreadable } from '../sensor-error.ts';

/** Reads a file, and throws `ERR_SENSOR` if it can't be read. */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unreadable(path, getErrno(error), error);
  }
}

/** The same, but `undefined` if there is no such file: then the source does not apply. */
export function readBytesIfPresent(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (getErrno(error) === 'ENOENT') return undefined;
    throw unreadable(path, getErrno(error), error);
  }
}

/** Whether there is such a file or directory. It throws `ERR_SENSOR` if that can't be seen. */
export function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (getErrno(error) === 'ENOTDIR') return false;
    throw unreadable(path, getErrno(error), error);
  }
}

/** Makes `root` a prefix for absolute paths: '' for the machine itself. */
export function toPrefix(root: string): string {
  return root.replace(/\/+$/, '');
}
