/** Reads a whole file that another program may have made: never a pipe or a device, and never more than is expected. It knows no format. */
import { constants, type Stats } from 'node:fs';
import { OpenFile } from './file-system.ts';

export interface ReadSmallFileOptions {
  /** A longer file is refused. */
  readonly mostBytes: number;
  /** Whether a symbolic link is refused. @default false */
  readonly refuseLink?: boolean;
  /** Whether a file of another user is refused. @default false */
  readonly refuseOtherUser?: boolean;
}

/**
 * Rejects with the system's error, or with an `Error` that says what is wrong with the file: "it is no regular file". The file is judged as
 * it was opened, so nothing is put in its place in between, and one that grows while it is read is refused.
 */
export async function readSmallFile(
  path: string,
  { mostBytes, refuseLink = false, refuseOtherUser = false }: ReadSmallFileOptions,
): Promise<Buffer> {
  const file = await openRegularFile(path, refuseLink);
  try {
    const { size, uid } = await file.stat();
    if (refuseOtherUser && process.getuid && uid !== process.getuid()) throw new Error(`it belongs to user ${uid}`);
    if (size > mostBytes) throw new Error(`it has ${size} bytes`);
    const bytes = Buffer.alloc(size + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = await file.read(bytes, length, bytes.length - length, length);
    }
    if (length > size) throw new Error('it grew while it was read');
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

/** Opens a file for reading, without waiting for the writer of a named pipe. Whoever opens it closes it. */
export async function openRegularFile(path: string, refuseLink = false): Promise<OpenFile> {
  // Windows has neither flag, and no files that they would be needed for.
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants as Partial<typeof constants> & typeof constants;
  const file = await OpenFile.open(path, O_RDONLY | O_NONBLOCK | (refuseLink ? O_NOFOLLOW : 0)).catch((cause) => {
    // A link that is not followed, and a socket.
    if (cause.code === 'ELOOP' || cause.code === 'ENXIO') throw new Error('it is no regular file', { cause });
    throw cause;
  });
  try {
    const stats: Stats = await file.stat();
    if (!stats.isFile()) throw new Error('it is no regular file');
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
