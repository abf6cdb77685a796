/** Reads and writes single files of control groups. It knows no format and makes no group. */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { OpenFile } from '../core/file-system.ts';
import { getErrno } from '../sensors/sensor-error.ts';
import { ContainmentError } from './containment-error.ts';

/** `undefined` if it isn't there or can't be read. */
export function readGroupFile(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Writes a value with one call, as the kernel takes it. A file that isn't there is not made.
 *
 * @throws ContainmentError with `advice` behind the semicolon, if the kernel doesn't take it.
 */
export function writeGroupFile(path: string, value: string | number, advice: string): void {
  try {
    const descriptor = openSync(path, constants.O_WRONLY);
    try {
      writeSync(descriptor, String(value));
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new ContainmentError(`${path} to take ${value}`, getErrno(error), advice, { cause: error });
  }
}

/**
 * The same off this thread: the kernel takes 15 ms and more to move a process, in which it waits for all others.
 *
 * Rejects with a ContainmentError as `writeGroupFile` throws it.
 */
export async function writeGroupFileLater(path: string, value: string | number, advice: string): Promise<void> {
  try {
    const file = await OpenFile.open(path, constants.O_WRONLY);
    try {
      await file.write(String(value));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new ContainmentError(`${path} to take ${value}`, getErrno(error), advice, { cause: error });
  }
}
