/** The first bytes of a file that an engine is to decode; it knows no format. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MemoryGuardError } from '../core/errors.ts';

export interface FileHead {
  readonly path: string;
  readonly head: Buffer;
  readonly sizeBytes: number;
}

/** Says what was found in a file instead of what was expected. */
export type Refuse = (found: string, cause?: unknown) => MemoryGuardError;

/** `expected` is such as "`audio` to be a WAV file". */
export function refusing(expected: string, path: string): Refuse {
  const message = (found: string) => `Expected ${expected}, got ${JSON.stringify(path)}: ${found}.`;
  return (found, cause) =>
    new MemoryGuardError('ERR_INVALID_OPTION', message(found), cause === undefined ? undefined : { cause });
}

/** Of a regular file that isn't empty; rejects with the refusal for everything else. */
export async function readHead(path: string, bytes: number, expected: string): Promise<[FileHead, Refuse]> {
  const absolute = resolve(path);
  const refuse = refusing(expected, absolute);
  // A named pipe without a writer would block an ordinary open.
  const file = await open(absolute, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error) => {
    throw refuse(error.code === 'ENOENT' ? 'no file there' : `no way to read it (${error.code})`, error);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw refuse('no regular file');
    const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    if (bytesRead === 0) throw refuse('an empty file');
    return [{ path: absolute, head: buffer.subarray(0, bytesRead), sizeBytes: stats.size }, refuse];
  } finally {
    await file.close();
  }
}
