/** Whole-file reading for resolution, where a file that does not exist and one that cannot be read are different things. */
import { readFileSync, statSync } from 'node:fs';
import { errnoOf, unreadable } from '../sensor-error.ts';

/** `ERR_SENSOR` unless the file can be read. */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unreadable(path, errnoOf(error), error);
  }
}

/** `undefined` only where there is no such file: the source does not apply. */
export function readBytesIfPresent(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw unreadable(path, errnoOf(error), error);
  }
}

export function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return false;
    throw unreadable(path, errnoOf(error), error);
  }
}

/** `root` as a prefix for absolute paths: '' for the machine itself. */
export function prefixOf(root: string): string {
  return root.replace(/\/+$/, '');
}
